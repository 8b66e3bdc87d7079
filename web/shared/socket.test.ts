import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeSocket, FakeSurroundings } from './fake-socket';
import {
  type ChatEvent,
  ChatSocket,
  type ChatSocketOptions,
  EventsSocket,
  type OutboxStore,
  type Unsent,
} from './socket';

let sockets: FakeSocket[];
let surroundings: FakeSurroundings;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  surroundings = new FakeSurroundings();
});

afterEach(() => {
  vi.useRealTimers();
});

function options(more: Partial<ChatSocketOptions> = {}): ChatSocketOptions {
  return {
    url: 'ws://host/ws/chat/c1',
    token: () => 'secret',
    open: (url, protocols) => {
      const socket = new FakeSocket(url, protocols);
      sockets.push(socket);
      return socket;
    },
    surroundings,
    random: () => 1,
    ...more,
  };
}

function chat(more: Partial<ChatSocketOptions> = {}) {
  const socket = new ChatSocket(options(more));
  const events: ChatEvent[] = [];
  socket.listen((event) => events.push(event));
  const bodies = () => events.flatMap((event) => (event.type === 'entry' ? [event.entry.body] : []));
  const count = (type: ChatEvent['type']) => events.filter((event) => event.type === type).length;
  socket.start();
  return { socket, events, bodies, count };
}

function latest(): FakeSocket {
  const socket = sockets.at(-1);
  if (!socket) throw new Error('no socket was opened');
  return socket;
}

function ready(lastSeq: number): FakeSocket {
  const socket = latest();
  socket.accept();
  socket.receive({
    type: 'ready',
    conversation: { id: 'c1', last_seq: lastSeq },
    you: { type: 'visitor' },
    last_seq: lastSeq,
    participants: [],
  });
  return socket;
}

const entry = (seq: number, more: object = {}) => ({
  type: 'message',
  message: {
    id: `m${seq}`,
    conversation_id: 'c1',
    seq,
    sender: { type: 'visitor', id: 'v1', name: null },
    body: `text ${seq}`,
    client_id: null,
    ...more,
  },
});

describe('connecting', () => {
  it('carries the token as a sub-protocol and asks for no replay of what it does not have', () => {
    chat();

    expect(latest().url).toBe('ws://host/ws/chat/c1');
    expect(latest().protocols).toEqual(['parley.v1', 'bearer.secret']);
  });

  it('waits longer after each failed attempt, up to a bound', () => {
    const { socket } = chat();
    const delays: number[] = [];

    for (let attempt = 0; attempt < 8; attempt++) {
      latest().fail(1006);
      if (socket.state.kind !== 'waiting') throw new Error(socket.state.kind);
      delays.push(socket.state.retryAt - Date.now());
      vi.advanceTimersByTime(delays.at(-1) ?? 0);
    }

    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
    expect(sockets).toHaveLength(9);
  });

  it('spreads the attempts of many clients over half of the wait', () => {
    const { socket } = chat({ random: () => 0 });

    latest().fail(1006);

    expect(socket.state).toMatchObject({ kind: 'waiting', retryAt: Date.now() + 250 });
  });

  it('gives up a socket that does not open', () => {
    const { socket } = chat();

    vi.advanceTimersByTime(15_000);

    expect(socket.state.kind).toBe('waiting');
  });

  it('comes back at once when the browser has a network again', () => {
    const { socket } = chat();
    ready(0);

    surroundings.set({ online: false });
    expect(socket.state.kind).toBe('offline');
    surroundings.set({ online: true });

    expect(socket.state.kind).toBe('connecting');
    expect(sockets).toHaveLength(2);
  });

  it('tries now and then even if the browser calls itself offline', () => {
    chat();
    ready(0);
    surroundings.set({ online: false });

    vi.advanceTimersByTime(15_000);

    expect(sockets).toHaveLength(2);
  });

  it('tries at once when the page is looked at again', () => {
    chat();
    latest().fail(1006);

    surroundings.set({ visible: true });

    expect(sockets).toHaveLength(2);
  });

  it('finds out within seconds of being looked at again that the connection is dead', () => {
    chat();
    ready(0);
    vi.advanceTimersByTime(6_000);

    surroundings.set({ visible: true });
    vi.advanceTimersByTime(3_000);
    vi.advanceTimersByTime(1);

    expect(sockets).toHaveLength(2);
  });

  it('pings a silent server and leaves it when there is no pong', () => {
    const { socket } = chat();
    const first = ready(0);

    vi.advanceTimersByTime(25_000);
    expect(first.ofType('ping')).toHaveLength(1);
    first.receive({ type: 'pong', t: 0 });
    vi.advanceTimersByTime(25_000);
    expect(first.ofType('ping')).toHaveLength(2);
    expect(socket.state.kind).toBe('live');
    vi.advanceTimersByTime(10_000);
    vi.advanceTimersByTime(1);

    expect(sockets).toHaveLength(2);
  });
});

describe('close codes', () => {
  it.each([
    [4003, 'forbidden'],
    [4004, 'not-found'],
  ])('%i is final', (code, reason) => {
    const { socket } = chat();

    latest().fail(code);
    vi.advanceTimersByTime(60_000);

    expect(socket.state).toEqual({ kind: 'closed', reason });
    expect(sockets).toHaveLength(1);
  });

  it('4009 tells that the session is over', () => {
    const onExpired = vi.fn();
    const { socket } = chat({ onExpired });

    latest().fail(4009);

    expect(socket.state).toEqual({ kind: 'closed', reason: 'expired' });
    expect(onExpired).toHaveBeenCalledOnce();
  });

  it('4001 gets a new token, and ends when that is refused too', async () => {
    let token = 'old';
    const refresh = vi.fn(async () => {
      token = 'new';
      return true;
    });
    const { socket } = chat({ token: () => token, refresh });

    latest().fail(4001);
    await vi.advanceTimersByTimeAsync(0);
    expect(latest().protocols).toEqual(['parley.v1', 'bearer.new']);
    latest().fail(4001);
    await vi.advanceTimersByTimeAsync(60_000);

    expect(refresh).toHaveBeenCalledOnce();
    expect(socket.state).toEqual({ kind: 'closed', reason: 'unauthenticated' });
  });

  it('a refresh that found no network is tried again', async () => {
    const refresh = vi.fn().mockRejectedValueOnce(new TypeError('network')).mockResolvedValue(true);
    const { socket } = chat({ refresh });

    latest().fail(4001);
    await vi.advanceTimersByTimeAsync(500);
    latest().fail(4001);
    await vi.advanceTimersByTimeAsync(0);

    expect(refresh).toHaveBeenCalledTimes(2);
    expect(socket.state.kind).toBe('connecting');
  });

  it('4008 resumes at once from where it was', () => {
    chat();
    const first = ready(4);
    first.receive(entry(5));
    vi.advanceTimersByTime(6_000);

    first.fail(4008);
    vi.advanceTimersByTime(1);

    expect(latest().url).toBe('ws://host/ws/chat/c1?after_seq=5');
  });

  it('4008 again and again backs off', () => {
    const { socket } = chat();
    ready(0);

    latest().fail(4008);

    expect(socket.state).toMatchObject({ kind: 'waiting', retryAt: Date.now() + 500 });
  });

  it('1012 comes back within a second, whatever failed before', () => {
    const { socket } = chat();
    for (const delay of [500, 1000, 2000]) {
      latest().fail(1006);
      vi.advanceTimersByTime(delay);
    }
    ready(0);

    latest().fail(1012);

    expect(socket.state).toMatchObject({ kind: 'waiting', retryAt: Date.now() + 1000 });
  });
});

describe('entries', () => {
  it('arrive once and in order over a reconnect', () => {
    const { bodies } = chat({ afterSeq: 0 });
    const first = ready(2);
    first.receive(entry(1));
    first.receive(entry(2));
    first.receive(entry(2));
    first.fail(1006);
    vi.advanceTimersByTime(500);
    const second = ready(3);
    second.receive(entry(2));
    second.receive(entry(3));

    expect(second.url).toContain('after_seq=2');
    expect(bodies()).toEqual(['text 1', 'text 2', 'text 3']);
  });

  it('unlock the composer only when the gap is filled', () => {
    const { socket } = chat({ afterSeq: 1 });
    const first = ready(3);

    first.receive(entry(2));
    expect(socket.state.kind).toBe('catching-up');
    first.receive(entry(3));

    expect(socket.state.kind).toBe('live');
  });

  it('that skip a seq make it resume from the last good one', () => {
    const { bodies } = chat({ afterSeq: 1 });
    const first = ready(1);
    vi.advanceTimersByTime(6_000);
    first.receive(entry(3));
    vi.advanceTimersByTime(1);
    const second = ready(3);
    second.receive(entry(2));
    second.receive(entry(3));

    expect(second.url).toContain('after_seq=1');
    expect(bodies()).toEqual(['text 2', 'text 3']);
  });

  it('that skip the same seq twice end in a reset, not in a loop', () => {
    const { events } = chat({ afterSeq: 1 });
    ready(1).receive(entry(3));
    vi.advanceTimersByTime(500);

    const second = ready(4);
    second.receive(entry(3));
    second.receive(entry(4));
    second.receive(entry(5));

    expect(events.filter((event) => event.type === 'reset')).toEqual([{ type: 'reset', lastSeq: 4 }]);
    expect(events.at(-1)).toMatchObject({ type: 'entry', entry: { seq: 5 } });
  });

  it('may skip what a visitor is not shown', () => {
    const { bodies } = chat({ afterSeq: 1, sparse: true });

    const socket = ready(3);
    socket.receive(entry(3));

    expect(bodies()).toEqual(['text 3']);
    expect(sockets).toHaveLength(1);
  });

  it('are loaded anew when the server has fewer than the client', () => {
    const { events } = chat({ afterSeq: 9 });

    ready(4);

    expect(events).toContainEqual({ type: 'reset', lastSeq: 4 });
  });
});

describe('the outbox', () => {
  it('keeps a message through the ack until its entry comes', () => {
    const { socket } = chat();
    const server = ready(0);

    const { client_id } = socket.post({ body: 'hello' });
    expect(server.ofType('message')).toMatchObject([{ client_id, body: 'hello' }]);
    server.receive({ type: 'ack', client_id, seq: 1, id: 'm1', created_at: '' });
    expect(socket.unsent).toMatchObject([{ client_id, state: { kind: 'stored', seq: 1 } }]);
    server.receive(entry(1, { client_id }));

    expect(socket.unsent).toEqual([]);
  });

  it('takes an ack after the entry', () => {
    const { socket } = chat();
    const server = ready(0);
    const { client_id } = socket.post({ body: 'hello' });

    server.receive(entry(1, { client_id }));
    server.receive({ type: 'ack', client_id, seq: 1, id: 'm1', created_at: '' });

    expect(socket.unsent).toEqual([]);
  });

  it('sends again, in order and under the same ids, what was not confirmed before the connection broke', () => {
    const { socket } = chat();
    ready(0);
    const one = socket.post({ body: 'one' });
    latest().fail(1006);
    const two = socket.post({ body: 'two' });
    vi.advanceTimersByTime(500);

    const second = ready(0);

    expect(second.ofType('message').map((frame) => frame.client_id)).toEqual([one.client_id, two.client_id]);
  });

  it('does not send again what the replay shows to be stored', () => {
    const { socket } = chat({ afterSeq: 0 });
    ready(0);
    const { client_id } = socket.post({ body: 'one' });
    latest().fail(1006);
    vi.advanceTimersByTime(500);

    const second = ready(1);
    second.receive(entry(1, { client_id }));

    expect(second.ofType('message')).toEqual([]);
    expect(socket.unsent).toEqual([]);
  });

  it('leaves a connection on which no ack comes', () => {
    const { socket } = chat();
    const first = ready(0);
    vi.advanceTimersByTime(6_000);
    const { client_id } = socket.post({ body: 'one' });

    vi.advanceTimersByTime(10_000);
    vi.advanceTimersByTime(1);
    const second = ready(0);

    expect(second).not.toBe(first);
    expect(second.ofType('message')).toMatchObject([{ client_id }]);
  });

  it('holds back a refused message until the person tries again', () => {
    const { socket } = chat();
    const server = ready(0);
    const { client_id } = socket.post({ body: 'too long' });

    server.receive({ type: 'error', code: 'too_long', detail: 'At most 8,000 characters.', client_id });
    expect(socket.unsent).toMatchObject([{ state: { kind: 'failed', code: 'too_long' } }]);
    socket.retry(client_id);

    expect(server.ofType('message').map((frame) => frame.client_id)).toEqual([client_id, client_id]);
  });

  it('sends again by itself what the server could not take just now', () => {
    const { socket } = chat();
    const server = ready(0);
    const { client_id } = socket.post({ body: 'hello' });

    server.receive({ type: 'error', code: 'unavailable', detail: 'Not stored.', client_id });
    vi.advanceTimersByTime(2_000);

    expect(server.ofType('message').map((frame) => frame.client_id)).toEqual([client_id, client_id]);
    expect(socket.unsent).toMatchObject([{ state: { kind: 'sending' } }]);
  });

  it('outlives a reload, without what is already stored', () => {
    let saved: Unsent[] = [];
    const outbox: OutboxStore = {
      load: () => saved,
      save: (unsent) => {
        saved = structuredClone(unsent);
      },
    };
    const before = chat({ outbox });
    const server = ready(0);
    const stored = before.socket.post({ body: 'stored' });
    const lost = before.socket.post({ body: 'lost' });
    server.receive({ type: 'ack', client_id: stored.client_id, seq: 1, id: 'm1', created_at: '' });
    before.socket.stop();

    chat({ outbox });

    expect(ready(1).ofType('message')).toMatchObject([{ client_id: lost.client_id, body: 'lost' }]);
  });
});

describe('a running reply', () => {
  const start = (more: object = {}) => ({ type: 'reply.start', reply_id: 'r1', model: 'sim', ...more });
  const delta = (index: number, text: string) => ({ type: 'reply.delta', reply_id: 'r1', index, text });

  it('is put together from its deltas and ends as an entry', () => {
    const { socket, bodies } = chat();
    const server = ready(1);

    server.receive(start());
    server.receive(delta(0, 'Hel'));
    server.receive(delta(1, 'lo'));
    server.receive(delta(1, 'lo'));
    expect(socket.reply).toMatchObject({ text: 'Hello', index: 1 });
    server.receive({ type: 'reply.done', reply_id: 'r1', ...pick(entry(2)) });
    server.receive(delta(2, 'late'));

    expect(socket.reply).toBeNull();
    expect(bodies()).toEqual(['text 2']);
    expect(sockets).toHaveLength(1);
  });

  it('makes room for its entry in the same moment', () => {
    const { socket } = chat();
    const server = ready(1);
    server.receive(start());
    server.receive(delta(0, 'Hello'));

    server.receive(entry(2, { sender: { type: 'assistant', id: 'a1', name: null } }));
    expect(socket.reply).toBeNull();
    server.receive({ type: 'reply.done', reply_id: 'r1', ...pick(entry(2)) });

    expect(sockets).toHaveLength(1);
  });

  it('is joined in the middle', () => {
    const { socket } = chat();
    const server = ready(1);

    server.receive(start({ text: 'It left on ', index: 7 }));
    server.receive(delta(7, 'on '));
    server.receive(delta(8, 'Tuesday'));

    expect(socket.reply?.text).toBe('It left on Tuesday');
  });

  it('is joined anew when a delta is missing', () => {
    const { socket } = chat();
    const first = ready(1);
    first.receive(start());
    first.receive(delta(0, 'a'));
    first.receive(delta(2, 'c'));
    vi.advanceTimersByTime(500);

    const second = ready(1);
    second.receive(start({ text: 'abc', index: 2 }));

    expect(second).not.toBe(first);
    expect(socket.reply?.text).toBe('abc');
  });

  it('that fails says why', () => {
    const { socket, events } = chat();
    const server = ready(1);
    server.receive(start());

    server.receive({ type: 'reply.error', reply_id: 'r1', code: 'provider_down', detail: 'No answer.' });

    expect(socket.reply).toBeNull();
    expect(events.at(-1)).toEqual({ type: 'reply-failed', code: 'provider_down', detail: 'No answer.' });
  });
});

describe('signals', () => {
  it('tell of typing now and then, and of its end', () => {
    const { socket } = chat();
    const server = ready(0);

    for (let i = 0; i < 10; i++) {
      socket.typing();
      vi.advanceTimersByTime(500);
    }
    vi.advanceTimersByTime(4_000);

    expect(server.ofType('typing').map((frame) => frame.on)).toEqual([true, true, false]);
  });

  it('tell how far was read, never backwards, and again after a reconnect', () => {
    const { socket } = chat();
    const first = ready(5);
    socket.read(5);
    socket.read(3);
    first.fail(1006);
    vi.advanceTimersByTime(500);

    expect(first.ofType('read')).toEqual([{ type: 'read', seq: 5 }]);
    expect(ready(5).ofType('read')).toEqual([{ type: 'read', seq: 5 }]);
  });

  it('survive frames that are no JSON or of unknown type', () => {
    const { socket } = chat();
    const server = ready(0);

    server.onmessage?.({ data: '{' });
    server.onmessage?.({ data: new ArrayBuffer(1) });
    server.receive({ type: 'call.incoming' });

    expect(socket.state.kind).toBe('live');
  });
});

describe('events', () => {
  function events() {
    const socket = new EventsSocket({ ...options(), url: 'ws://host/ws/events' });
    const types: string[] = [];
    socket.listen((event) => {
      if (event.type === 'frame') types.push(event.frame.type);
    });
    socket.start();
    return { socket, types };
  }

  it('resume after the last cursor and drop repeated messages', () => {
    const { types } = events();
    latest().accept();
    latest().receive({ type: 'ready', cursor: '10', user: {} });
    latest().receive({ ...entry(1), cursor: '11' });
    latest().fail(1006);
    vi.advanceTimersByTime(500);
    latest().accept();
    latest().receive({ type: 'ready', cursor: '10', user: {} });
    latest().receive({ ...entry(1), cursor: '11' });
    latest().receive({ ...entry(2), cursor: '12' });

    expect(latest().url).toBe('ws://host/ws/events?cursor=11');
    expect(types).toEqual(['ready', 'message', 'ready', 'message']);
  });

  it('pass messages again after a reset', () => {
    const { types } = events();
    latest().accept();
    latest().receive({ ...entry(4), cursor: '11' });
    latest().receive({ type: 'reset', cursor: '90', reason: 'too_old' });
    latest().receive({ ...entry(4), cursor: '91' });

    expect(types).toEqual(['message', 'reset', 'message']);
  });

  it('tell presence again after a reconnect', () => {
    const { socket } = events();
    latest().accept();
    latest().receive({ type: 'ready', cursor: '1', user: {} });
    socket.setPresence('away');
    latest().fail(1006);
    vi.advanceTimersByTime(500);
    latest().accept();
    latest().receive({ type: 'ready', cursor: '1', user: {} });

    expect(latest().ofType('presence')).toEqual([{ type: 'presence', state: 'away' }]);
  });
});

function pick(frame: { message: object }): { message: object } {
  return { message: frame.message };
}
