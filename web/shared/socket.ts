import type { ChatFrame, Conversation, Entry, EntryKind, EventFrame, Presence, Sender } from './api-types';
import { Connection, type ConnectionOptions, type ConnectionState } from './connection';

/** What a person has written and does not yet stand in the timeline. */
export interface Unsent {
  client_id: string;
  body: string;
  kind?: EntryKind;
  /** Ids of uploaded files. */
  attachments?: string[];
  private?: boolean;
  created_at: string;
  /** `stored`: durable, its entry is on the way. `failed`: refused by the server, and not sent again by itself. */
  state:
    | { kind: 'waiting' }
    | { kind: 'sending' }
    | { kind: 'stored'; seq: number }
    | { kind: 'failed'; code: string; detail: string | null };
}

export type Draft = Pick<Unsent, 'body'> & Partial<Pick<Unsent, 'kind' | 'attachments' | 'private'>>;

/** Where unsent messages outlive a reload. */
export interface OutboxStore {
  load(): Unsent[];
  save(unsent: Unsent[]): void;
}

/** An AI's answer while it is being written. */
export interface RunningReply {
  id: string;
  model: string | null;
  text: string;
  /** Of the last delta in `text`; null before the first. */
  index: number | null;
}

export type ChatEvent<C = Conversation> =
  | { type: 'state'; state: ConnectionState }
  | { type: 'ready'; conversation: C; you: Sender; participants: (Sender & { presence: Presence })[]; lastSeq: number }
  | { type: 'entry'; entry: Entry }
  | { type: 'outbox'; unsent: readonly Unsent[] }
  | { type: 'reply'; reply: RunningReply | null }
  | { type: 'reply-failed'; code: string; detail: string | null }
  | { type: 'conversation'; conversation: C }
  | { type: 'typing'; sender: Sender; on: boolean }
  | { type: 'read'; sender: Sender; seq: number }
  | { type: 'presence'; userId: string; state: Presence }
  /** What is shown cannot be continued from: load the history anew and go on from `lastSeq`. */
  | { type: 'reset'; lastSeq: number }
  | { type: 'error'; code: string; detail: string | null };

export interface ChatSocketOptions extends ConnectionOptions {
  /** The seq up to which the caller has the conversation; left out, the caller loads the history after `ready`. */
  afterSeq?: number;
  /** True for a visitor, who is not shown private entries and so sees holes in `seq`. */
  sparse?: boolean;
  outbox?: OutboxStore;
}

/** A message that was sent and not confirmed in this time means that the connection is dead, whatever it says. */
const ackWithin = 10_000;
/** What the server could not do just now, it may do in a moment: no matter for the person who wrote. */
const passing = new Set(['unavailable', 'rate_limited']);
const laterAfter = 2_000;
const typingEvery = 3_000;
const typingEndsAfter = 4_000;

/**
 * One conversation, live: entries arrive in order and once, what was written is stored exactly once, and a running reply
 * is put together, over any number of connections.
 */
export class ChatSocket<C = Conversation> {
  #connection: Connection;
  #options: ChatSocketOptions;
  #listeners = new Set<(event: ChatEvent<C>) => void>();
  #outbox: Unsent[];
  #lastSeq: number | null;
  /** The server's last seq at `ready`: what came before it is catching up. */
  #target = 0;
  /** The seq after which the last rejoin for a gap was made; a second one at the same place needs a reset. */
  #gapAfter: number | null = null;
  #reply: RunningReply | null = null;
  #endedReply: string | null = null;
  #readSeq = 0;
  #typingSentAt = 0;
  #laterTimer: ReturnType<typeof setTimeout> | undefined;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #typingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ChatSocketOptions) {
    this.#options = options;
    this.#lastSeq = options.afterSeq ?? null;
    this.#outbox = (options.outbox?.load() ?? []).map(toSendAgain);
    this.#connection = new Connection(options, {
      resume: (): Record<string, string> => (this.#lastSeq === null ? {} : { after_seq: String(this.#lastSeq) }),
      frame: (frame) => this.#receive(frame as ChatFrame<C>),
      stateChanged: (state) => this.#stateChanged(state),
    });
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  get lastSeq(): number | null {
    return this.#lastSeq;
  }

  get unsent(): readonly Unsent[] {
    return this.#outbox;
  }

  get reply(): RunningReply | null {
    return this.#reply;
  }

  /** Returns the way to stop listening. */
  listen(listener: (event: ChatEvent<C>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    this.#connection.start();
  }

  stop(): void {
    for (const timer of [this.#ackTimer, this.#typingTimer, this.#laterTimer]) clearTimeout(timer);
    this.#connection.stop();
  }

  retryNow(): void {
    this.#connection.retryNow();
  }

  /** Drops the connection and resumes, for an owner who could not use what `ready` said. */
  rejoin(): void {
    this.#connection.rejoin();
  }

  /** Takes a message; it is sent now or when there is a connection again. */
  post(draft: Draft): Unsent {
    const unsent = write(draft);
    this.#endTyping();
    this.#setOutbox([...this.#outbox, unsent]);
    this.#flush();
    return unsent;
  }

  /** Sends a failed message again, under the same id: if it was stored after all, nothing happens twice. */
  retry(clientId: string): void {
    this.#mark(clientId, { kind: 'waiting' });
    this.#flush();
  }

  /** Forgets a message that failed. */
  discard(clientId: string): void {
    this.#setOutbox(this.#outbox.filter((unsent) => unsent.client_id !== clientId));
  }

  /** Ends the AI's reply. */
  stopReply(): void {
    this.#connection.send({ type: 'stop' });
  }

  /** Call at each keystroke; others are told at most every few seconds, and when it ends. */
  typing(): void {
    const now = Date.now();
    if (now - this.#typingSentAt >= typingEvery && this.#connection.send({ type: 'typing', on: true }))
      this.#typingSentAt = now;
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => this.#endTyping(), typingEndsAfter);
  }

  read(seq: number): void {
    if (seq <= this.#readSeq) return;
    this.#readSeq = seq;
    this.#connection.send({ type: 'read', seq });
  }

  #endTyping(): void {
    clearTimeout(this.#typingTimer);
    if (this.#typingSentAt === 0) return;
    this.#typingSentAt = 0;
    this.#connection.send({ type: 'typing', on: false });
  }

  #receive(frame: ChatFrame<C>): void {
    switch (frame.type) {
      case 'ready':
        this.#ready(frame);
        break;
      case 'ack':
        this.#stored(frame.client_id, frame.seq);
        break;
      case 'message':
        this.#append(frame.message);
        break;
      case 'reply.start':
        this.#setReply({
          id: frame.reply_id,
          model: frame.model ?? null,
          text: frame.text ?? '',
          index: frame.index ?? null,
        });
        break;
      case 'reply.delta':
        this.#delta(frame.reply_id, frame.index, frame.text);
        break;
      case 'reply.done':
        this.#endReply(frame.reply_id);
        if (frame.message) this.#append(frame.message);
        return;
      case 'reply.error':
        this.#endReply(frame.reply_id);
        this.#tell({ type: 'reply-failed', code: frame.code, detail: frame.detail ?? null });
        break;
      case 'typing':
        this.#tell({ type: 'typing', sender: frame.sender, on: frame.on });
        break;
      case 'read':
        this.#tell({ type: 'read', sender: frame.sender, seq: frame.seq });
        break;
      case 'presence':
        this.#tell({ type: 'presence', userId: frame.user_id, state: frame.state });
        break;
      case 'conversation':
        this.#tell({ type: 'conversation', conversation: frame.conversation });
        break;
      case 'error':
        if (!frame.client_id) this.#tell({ type: 'error', code: frame.code, detail: frame.detail ?? null });
        else if (passing.has(frame.code)) this.#sendLater(frame.client_id);
        else this.#mark(frame.client_id, { kind: 'failed', code: frame.code, detail: frame.detail ?? null });
        break;
      default:
        return;
    }
  }

  #ready(frame: Extract<ChatFrame<C>, { type: 'ready' }>): void {
    this.#setReply(null); // a reply that still runs is announced again
    this.#target = frame.last_seq;
    this.#tell({
      type: 'ready',
      conversation: frame.conversation,
      you: frame.you,
      participants: frame.participants,
      lastSeq: frame.last_seq,
    });
    this.#lastSeq ??= frame.last_seq;
    if (this.#lastSeq > frame.last_seq) this.#reset(frame.last_seq); // the server went back in time: a restored backup
    if (this.#readSeq > 0) this.#connection.send({ type: 'read', seq: this.#readSeq });
    this.#setOutbox(this.#outbox.map(toSendAgain));
    this.#checkCaughtUp();
  }

  #append(entry: Entry): void {
    const known = this.#lastSeq ?? 0;
    if (entry.seq <= known) return;
    if (entry.seq > known + 1 && !this.#options.sparse) {
      if (this.#gapAfter === known) this.#reset(Math.max(this.#target, entry.seq));
      else {
        this.#gapAfter = known;
        this.#connection.rejoin();
      }
      return;
    }
    this.#lastSeq = entry.seq;
    this.#gapAfter = null;
    // An entry of mine is its own confirmation: the ack may have been lost with a connection.
    if (entry.client_id) this.#setOutbox(this.#outbox.filter((unsent) => unsent.client_id !== entry.client_id));
    // The finished answer takes the place of the running one in the same moment, not with the `reply.done` after it.
    if (entry.sender.type === 'assistant' && this.#reply) this.#endReply(this.#reply.id);
    this.#tell({ type: 'entry', entry });
    this.#checkCaughtUp();
  }

  #reset(lastSeq: number): void {
    this.#lastSeq = lastSeq;
    this.#gapAfter = null;
    this.#setOutbox(this.#outbox.filter((unsent) => unsent.state.kind !== 'stored'));
    this.#tell({ type: 'reset', lastSeq });
    this.#checkCaughtUp();
  }

  #checkCaughtUp(): void {
    if (this.#connection.state.kind !== 'catching-up') return;
    // With holes in what one may see, the last seq may never come; the order of the frames is all there is to go by.
    if (!this.#options.sparse && (this.#lastSeq ?? 0) < this.#target) return;
    this.#connection.caughtUp();
    this.#flush();
  }

  #delta(replyId: string, index: number, text: string): void {
    if (replyId === this.#endedReply) return;
    const reply = this.#reply?.id === replyId ? this.#reply : null;
    if (reply && reply.index !== null && index <= reply.index) return;
    const next = reply?.index == null ? index <= 1 : index === reply.index + 1;
    if (reply && next) this.#setReply({ ...reply, text: reply.text + text, index });
    else this.#connection.rejoin();
  }

  #endReply(replyId: string): void {
    this.#endedReply = replyId;
    if (this.#reply?.id === replyId) this.#setReply(null);
  }

  #setReply(reply: RunningReply | null): void {
    if (reply === this.#reply) return;
    this.#reply = reply;
    this.#tell({ type: 'reply', reply });
  }

  #stored(clientId: string, seq: number): void {
    if (seq <= (this.#lastSeq ?? 0)) this.discard(clientId);
    else this.#mark(clientId, { kind: 'stored', seq });
  }

  /** In the order of writing; all at once, because the server keeps the order of a socket. */
  #flush(): void {
    if (this.#connection.state.kind !== 'live') return;
    const sent = this.#outbox.map((unsent): Unsent => {
      if (unsent.state.kind !== 'waiting') return unsent;
      const { client_id, body, kind, attachments, private: isPrivate } = unsent;
      const frame = { type: 'message', client_id, body, kind, attachments, private: isPrivate };
      return this.#connection.send(frame) ? { ...unsent, state: { kind: 'sending' } } : unsent;
    });
    this.#setOutbox(sent);
  }

  #sendLater(clientId: string): void {
    this.#mark(clientId, { kind: 'waiting' });
    clearTimeout(this.#laterTimer);
    this.#laterTimer = setTimeout(() => this.#flush(), laterAfter);
  }

  #mark(clientId: string, state: Unsent['state']): void {
    this.#setOutbox(this.#outbox.map((unsent) => (unsent.client_id === clientId ? { ...unsent, state } : unsent)));
  }

  #setOutbox(outbox: Unsent[]): void {
    if (outbox.length === this.#outbox.length && outbox.every((unsent, i) => unsent === this.#outbox[i])) return;
    this.#outbox = outbox;
    this.#options.outbox?.save(outbox.filter((unsent) => unsent.state.kind !== 'stored'));
    clearTimeout(this.#ackTimer);
    if (outbox.some((unsent) => unsent.state.kind === 'sending'))
      this.#ackTimer = setTimeout(() => this.#connection.rejoin(), ackWithin);
    this.#tell({ type: 'outbox', unsent: outbox });
  }

  #stateChanged(state: ConnectionState): void {
    if (state.kind !== 'live' && state.kind !== 'catching-up') {
      this.#typingSentAt = 0;
      clearTimeout(this.#ackTimer);
    }
    this.#tell({ type: 'state', state });
  }

  #tell(event: ChatEvent<C>): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** A message as it is when its writer lets go of it: under its id for good. */
export function write(draft: Draft): Unsent {
  return { ...draft, client_id: newId(), created_at: new Date().toISOString(), state: { kind: 'waiting' } };
}

/** What was on its way over a lost connection goes out again; the server knows the id if it was stored. */
function toSendAgain(unsent: Unsent): Unsent {
  return unsent.state.kind === 'sending' ? { ...unsent, state: { kind: 'waiting' } } : unsent;
}

export interface EventsSocketOptions extends ConnectionOptions {
  cursor?: string;
}

export type EventsEvent = { type: 'state'; state: ConnectionState } | { type: 'frame'; frame: EventFrame };

/** Conversations whose last seq is remembered to drop repeats. */
const rememberedConversations = 2_000;

/** Everything that concerns one user, resumed by cursor. After a `reset` frame the listener fetches what it shows anew. */
export class EventsSocket {
  #connection: Connection;
  #listeners = new Set<(event: EventsEvent) => void>();
  #cursor: string | null;
  #seen = new Map<string, number>();
  #presence: Presence | null = null;

  constructor(options: EventsSocketOptions) {
    this.#cursor = options.cursor ?? null;
    this.#connection = new Connection(options, {
      resume: (): Record<string, string> => (this.#cursor === null ? {} : { cursor: this.#cursor }),
      frame: (frame) => this.#receive(frame as EventFrame),
      stateChanged: (state) => this.#tell({ type: 'state', state }),
    });
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  get cursor(): string | null {
    return this.#cursor;
  }

  listen(listener: (event: EventsEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    this.#connection.start();
  }

  stop(): void {
    this.#connection.stop();
  }

  retryNow(): void {
    this.#connection.retryNow();
  }

  /** Told to the server now and after each reconnect. */
  setPresence(presence: Exclude<Presence, 'offline'>): void {
    this.#presence = presence;
    this.#connection.send({ type: 'presence', state: presence });
  }

  #receive(frame: EventFrame): void {
    this.#cursor = frame.cursor ?? this.#cursor;
    if (frame.type === 'ready') {
      this.#connection.caughtUp();
      if (this.#presence) this.#connection.send({ type: 'presence', state: this.#presence });
    }
    if (frame.type === 'reset') this.#seen.clear();
    if (frame.type === 'message' && this.#repeats(frame.message)) return;
    this.#tell({ type: 'frame', frame });
  }

  #repeats({ conversation_id, seq }: Entry): boolean {
    if (seq <= (this.#seen.get(conversation_id) ?? 0)) return true;
    this.#seen.delete(conversation_id); // to the end: the map forgets what was quiet longest
    this.#seen.set(conversation_id, seq);
    if (this.#seen.size > rememberedConversations) {
      const oldest = this.#seen.keys().next();
      if (!oldest.done) this.#seen.delete(oldest.value);
    }
    return false;
  }

  #tell(event: EventsEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** `randomUUID` exists only in secure contexts; a widget may stand on a page without TLS. */
function newId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
