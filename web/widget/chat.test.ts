// @vitest-environment jsdom
import type { Entry, VisitorConversation, WidgetSession } from '@shared/api-types';
import { FakeSocket, FakeSurroundings } from '@shared/fake-socket';
import { beforeEach, expect, it, vi } from 'vitest';
import { Refused, VisitorApi } from './api';
import { Chat } from './chat';
import type { TokenStore } from './host';

/** A server of one visitor, and the tab's storage. */
let sockets: FakeSocket[];
let token: string | null;
let otherTab: (token: string | null) => void;
let history: Entry[];
let api: VisitorApi;
let arrived: Entry[];

const session = (conversation = 'c1'): WidgetSession => ({
  session_id: 's1',
  conversation_id: conversation,
  token: `token of ${conversation}`,
  expires_in: 3600,
  config: { title: '', greeting: '', color: '', locale: null, calls: false, assistant: true, max_file_bytes: 0 },
  contact: { id: 'v1', name: null },
  resumed: false,
});

const conversation = (more: Partial<VisitorConversation> = {}): VisitorConversation => ({
  id: 'c1',
  kind: 'support',
  status: 'open',
  handler: 'ai',
  owner_epoch: 1,
  assignee: null,
  last_seq: 0,
  queue_position: null,
  rating: null,
  created_at: '2026-01-01T00:00:00.000Z',
  ...more,
});

const entry = (seq: number, more: Partial<Entry> = {}): Entry => ({
  id: `m${seq}`,
  conversation_id: 'c1',
  seq,
  kind: 'text',
  sender: { type: 'agent', id: 'a1', name: 'Lin' },
  body: `text ${seq}`,
  attachments: [],
  private: false,
  client_id: null,
  metadata: null,
  created_at: '2026-01-01T00:00:00.000Z',
  ...more,
});

beforeEach(() => {
  sockets = [];
  token = null;
  history = [];
  arrived = [];
  sessionStorage.clear();
  api = new VisitorApi('https://host.example');
  vi.spyOn(api, 'session').mockImplementation(async () => session());
  vi.spyOn(api, 'messages').mockImplementation(async (_token, _conversation, before) =>
    history.filter((known) => known.seq < before),
  );
});

function open(): Chat {
  const store: TokenStore = {
    read: () => token,
    write: (next) => {
      token = next;
    },
    changed: (listener) => {
      otherTab = listener;
      return () => {};
    },
  };
  return new Chat({
    origin: 'https://host.example',
    key: 'k1',
    locale: 'en',
    api,
    store,
    visitor: () => undefined,
    changed: () => {},
    arrived: (heard) => arrived.push(heard),
    surroundings: new FakeSurroundings(),
    openSocket: (url, protocols) => {
      const socket = new FakeSocket(url, protocols);
      sockets.push(socket);
      return socket;
    },
  });
}

async function connected(lastSeq = 0): Promise<FakeSocket> {
  const socket = await vi.waitFor(() => {
    const latest = sockets.at(-1);
    if (!latest) throw new Error('no socket yet');
    return latest;
  });
  socket.accept();
  socket.receive({
    type: 'ready',
    conversation: conversation(),
    you: { type: 'visitor', id: 'v1', name: null },
    last_seq: lastSeq,
    participants: [],
  });
  return socket;
}

it('begins no session for somebody who only looks', () => {
  const chat = open();

  chat.resume();
  chat.look(true);

  expect(api.session).not.toHaveBeenCalled();
  expect(chat.view.phase.kind).toBe('new');
});

it('begins one session with the first message, and sends it once', async () => {
  const chat = open();

  chat.post({ body: 'one' });
  chat.post({ body: 'two' });
  const socket = await connected();

  expect(api.session).toHaveBeenCalledOnce();
  expect(token).toBe('token of c1');
  expect(socket.url).toBe('wss://host.example/ws/chat/c1');
  expect(socket.ofType('message').map((frame) => frame.body)).toEqual(['one', 'two']);
});

it('keeps what was written when the session could not begin, and sends it when tried again', async () => {
  vi.mocked(api.session).mockRejectedValueOnce(new Refused(0, 'unreachable', ''));
  const chat = open();
  chat.post({ body: 'one' });
  await vi.waitFor(() => expect(chat.view.phase).toEqual({ kind: 'failed', code: 'unreachable' }));
  expect(chat.view.unsent).toMatchObject([{ body: 'one', state: { kind: 'failed' } }]);

  chat.retryNow();
  const socket = await connected();

  expect(socket.ofType('message').map((frame) => frame.body)).toEqual(['one']);
});

it('tries again by itself while there is something to send', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.mocked(api.session).mockRejectedValueOnce(new Refused(503, 'unavailable', ''));
  const chat = open();
  chat.post({ body: 'one' });
  await vi.waitFor(() => expect(chat.view.phase.kind).toBe('failed'));

  vi.advanceTimersByTime(3_000);
  vi.useRealTimers();

  expect((await connected()).ofType('message')).toHaveLength(1);
});

it('does not try again what the server refused, and forgets what is discarded', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.mocked(api.session).mockRejectedValueOnce(new Refused(403, 'origin_not_allowed', ''));
  const chat = open();
  chat.post({ body: 'one' });
  await vi.waitFor(() => expect(chat.view.phase).toEqual({ kind: 'failed', code: 'origin_not_allowed' }));

  for (const unsent of chat.view.unsent) chat.discard(unsent);
  vi.advanceTimersByTime(60_000);
  vi.useRealTimers();

  expect(chat.view.unsent).toEqual([]);
  expect(api.session).toHaveBeenCalledOnce();
});

it('shows the history and what comes after it, in order and once', async () => {
  token = 'token of c1';
  history = [entry(2), entry(1)];
  const chat = open();

  chat.resume();
  const socket = await connected(2);
  socket.receive({ type: 'message', message: entry(3) });
  await vi.waitFor(() => expect(chat.view.phase.kind).toBe('open'));
  socket.receive({ type: 'message', message: entry(5) });

  expect(chat.view.entries.map((shown) => shown.seq)).toEqual([1, 2, 3, 5]);
  expect(arrived.map((heard) => heard.seq)).toEqual([3, 5]);
});

it('counts what comes while nobody looks, and reads it when somebody does', async () => {
  token = 'token of c1';
  const chat = open();
  chat.resume();
  const socket = await connected(0);
  socket.receive({ type: 'message', message: entry(1) });
  socket.receive({ type: 'message', message: entry(2, { kind: 'event', metadata: { event: 'assigned' } }) });
  expect(chat.view.unread).toBe(1);

  chat.look(true);

  expect(chat.view.unread).toBe(0);
  expect(socket.ofType('read')).toEqual([{ type: 'read', seq: 2 }]);
});

it('is over when the session has expired, and begins anew with an empty sheet', async () => {
  token = 'token of c1';
  history = [entry(1)];
  const chat = open();
  chat.resume();
  const socket = await connected(1);
  await vi.waitFor(() => expect(chat.view.phase.kind).toBe('open'));
  socket.fail(4009);
  expect(chat.view.phase.kind).toBe('over');
  expect(chat.view.entries).toHaveLength(1);

  chat.startAnew();

  expect(token).toBeNull();
  expect(chat.view).toMatchObject({ phase: { kind: 'new' }, entries: [] });
});

it('gets a new token when the old one is refused, and is over when the session is another', async () => {
  token = 'token of c1';
  const chat = open();
  chat.resume();
  const socket = await connected(0);
  vi.mocked(api.session).mockResolvedValueOnce({ ...session(), token: 'newer' });
  socket.fail(4001);
  await vi.waitFor(() => expect(sockets.at(-1)?.protocols).toContain('bearer.newer'));
  const second = await connected(0);
  vi.mocked(api.session).mockResolvedValueOnce(session('c2'));

  second.fail(4001);

  await vi.waitFor(() => expect(chat.view.phase.kind).toBe('over'));
});

it('joins the conversation that another tab began, and leaves it with the other tab', async () => {
  const chat = open();
  chat.resume();

  token = 'token of c1';
  otherTab(token);
  await connected(0);
  await vi.waitFor(() => expect(chat.view.phase.kind).toBe('open'));
  otherTab(null);

  expect(chat.view.phase.kind).toBe('new');
});

it('sends after a reload what was not sent before it', async () => {
  token = 'token of c1';
  const before = open();
  before.resume();
  const first = await connected(0);
  await vi.waitFor(() => expect(before.view.phase.kind).toBe('open'));
  first.fail(1006);
  before.post({ body: 'in the tunnel' });

  sockets = [];
  const after = open();
  after.resume();
  const second = await connected(0);

  expect(second.ofType('message').map((frame) => frame.body)).toEqual(['in the tunnel']);
});
