import type { Entry, Sender, UploadedFile, VisitorConversation, WidgetSession } from '@shared/api-types';
import type { ConnectionState, Socket, Surroundings } from '@shared/connection';
import { type ChatEvent, ChatSocket, type Draft, type RunningReply, type Unsent, write } from '@shared/socket';
import { Refused, type VisitorApi } from './api';
import type { TokenStore, Visitor } from './host';

/** Where the visitor's conversation stands. A session begins with the first message, not with the first look. */
export type Phase =
  | { kind: 'new' }
  | { kind: 'starting' }
  | { kind: 'loading'; connection: ConnectionState }
  | { kind: 'open'; connection: ConnectionState }
  | { kind: 'failed'; code: string }
  | { kind: 'over' };

export type ChatView = {
  phase: Phase;
  conversation: VisitorConversation | null;
  entries: readonly Entry[];
  earlier: 'none' | 'some' | 'loading' | 'failed';
  unsent: readonly Unsent[];
  reply: RunningReply | null;
  /** A reply that ended without an entry. */
  replyFailed: boolean;
  typing: Sender | null;
  unread: number;
};

export type ChatOptions = {
  origin: string;
  key: string;
  locale: string;
  api: VisitorApi;
  store: TokenStore;
  visitor: () => Visitor | undefined;
  changed: (view: ChatView) => void;
  /** An entry that came while this page was open, from somebody else. */
  arrived: (entry: Entry) => void;
  openSocket?: (url: string, protocols: string[]) => Socket;
  surroundings?: Surroundings;
};

const outboxName = 'parley:unsent:';
/** The other side says `typing` every three seconds while it lasts. */
const typingFades = 6_000;
const pageSize = 50;
const firstPause = 2_000;
const longestPause = 30_000;

const nothing: ChatView = {
  phase: { kind: 'new' },
  conversation: null,
  entries: [],
  earlier: 'none',
  unsent: [],
  reply: null,
  replyFailed: false,
  typing: null,
  unread: 0,
};

/** One visitor's conversation: its session, its socket and what is to be shown of it. */
export class Chat {
  #options: ChatOptions;
  #view: ChatView = nothing;
  #session: WidgetSession | null = null;
  #starting: Promise<WidgetSession> | null = null;
  #socket: ChatSocket<VisitorConversation> | null = null;
  /** Written before there was a session. */
  #waiting: Unsent[] = [];
  /** Failed attempts to begin, in a row. */
  #failures = 0;
  #beginTimer: ReturnType<typeof setTimeout> | undefined;
  #looking = false;
  #readSeq = 0;
  #typingTimer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: () => void;

  constructor(options: ChatOptions) {
    this.#options = options;
    this.#unwatch = options.store.changed((token) => {
      if (token && !this.#session && !this.#starting) this.resume(); // another tab began to talk
      if (!token && this.#session) this.#forget(); // another tab began anew
    });
  }

  get view(): ChatView {
    return this.#view;
  }

  get token(): string | null {
    return this.#session?.token ?? null;
  }

  /** Takes up the stored session, if there is one. */
  resume(): void {
    if (this.#options.store.read()) this.#begin().catch(() => {});
  }

  /** Sends now, or as soon as there is a session and a connection. */
  post(draft: Draft): void {
    this.#update({ replyFailed: false });
    if (this.#socket) {
      this.#socket.post(draft);
      return;
    }
    this.#waiting.push(write(draft));
    this.#showWaiting();
    this.#begin().catch(() => {});
  }

  retry(unsent: Unsent): void {
    if (this.#socket) this.#socket.retry(unsent.client_id);
    else this.#begin().catch(() => {});
  }

  discard(unsent: Unsent): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.client_id !== unsent.client_id);
    if (this.#socket) this.#socket.discard(unsent.client_id);
    else this.#showWaiting();
  }

  typing(): void {
    this.#socket?.typing();
  }

  stopReply(): void {
    this.#socket?.stopReply();
  }

  retryNow(): void {
    if (this.#socket) this.#socket.retryNow();
    else this.#begin().catch(() => {});
  }

  async askForPerson(): Promise<void> {
    const { token, conversation_id } = await this.#begin();
    await this.#options.api.askForPerson(token, conversation_id);
  }

  async rate(score: number, comment: string): Promise<void> {
    const { token, conversation_id } = await this.#begin();
    await this.#options.api.rate(token, conversation_id, score, comment);
    const conversation = this.#view.conversation;
    if (conversation) this.#update({ conversation: { ...conversation, rating: { score, comment: comment || null } } });
  }

  async upload(file: File, signal: AbortSignal): Promise<UploadedFile> {
    const { token, conversation_id } = await this.#begin();
    return this.#options.api.upload(token, conversation_id, file, signal);
  }

  async loadEarlier(): Promise<void> {
    const first = this.#view.entries[0];
    if (!first || !this.#session || this.#view.earlier === 'loading' || this.#view.earlier === 'none') return;
    this.#update({ earlier: 'loading' });
    try {
      await this.#loadBefore(first.seq);
    } catch {
      this.#update({ earlier: 'failed' });
    }
  }

  /** Whether somebody looks at the messages: what is looked at counts as read. */
  look(looking: boolean): void {
    this.#looking = looking;
    this.#markRead();
  }

  /** The page told who its visitor is; a running session learns it too. */
  identify(): void {
    if (!this.#session) return;
    const { api, key, locale } = this.#options;
    api.session(key, this.#session.token, this.#options.visitor(), locale).then(
      (session) => this.#adopt(session),
      () => {}, // told again when the session is resumed
    );
  }

  /** Leaves a session that is over and begins with an empty sheet. */
  startAnew(): void {
    this.#options.store.write(null);
    this.#forget();
  }

  shutdown(): void {
    this.#unwatch();
    this.#forget();
  }

  #forget(): void {
    this.#socket?.stop();
    this.#saveOutbox([]);
    this.#socket = null;
    this.#session = null;
    this.#starting = null;
    this.#waiting = [];
    this.#readSeq = 0;
    this.#failures = 0;
    clearTimeout(this.#beginTimer);
    clearTimeout(this.#typingTimer);
    this.#view = nothing;
    this.#options.changed(this.#view);
  }

  /** The session, begun or resumed once however many ask. */
  #begin(): Promise<WidgetSession> {
    if (this.#session) return Promise.resolve(this.#session);
    if (this.#starting) return this.#starting;
    clearTimeout(this.#beginTimer);
    this.#update({ phase: { kind: 'starting' } });
    const starting = this.#requestSession();
    this.#starting = starting;
    starting.then(
      (session) => {
        if (this.#starting !== starting) return;
        this.#starting = null;
        this.#failures = 0;
        this.#join(session);
      },
      (error: unknown) => {
        if (this.#starting !== starting) return;
        this.#starting = null;
        this.#update({ phase: { kind: 'failed', code: error instanceof Refused ? error.code : 'failed' } });
        this.#showWaiting();
        this.#beginLater(error);
      },
    );
    return starting;
  }

  /** Tries again by itself while there is something to go on with or to send, unless the server has said no. */
  #beginLater(error: unknown): void {
    const passing = error instanceof Refused && (error.status === 0 || error.status === 429 || error.status >= 500);
    if (!passing || (this.#waiting.length === 0 && !this.#options.store.read())) return;
    const delay = Math.min(longestPause, firstPause * 2 ** this.#failures++) * (0.75 + Math.random() / 2);
    this.#beginTimer = setTimeout(() => this.#begin().catch(() => {}), delay);
  }

  /** One tab at a time, where the browser has locks, so that two tabs do not begin two conversations. */
  async #requestSession(): Promise<WidgetSession> {
    const { api, key, store, locale } = this.#options;
    const request = async () => {
      const session = await api.session(key, store.read(), this.#options.visitor(), locale);
      store.write(session.token);
      return session;
    };
    return 'locks' in navigator ? navigator.locks.request(`parley:${key}`, request) : request();
  }

  #adopt(session: WidgetSession): void {
    if (this.#session && session.conversation_id !== this.#session.conversation_id) {
      this.#forget(); // who the page named has a conversation of their own
      this.#options.store.write(session.token);
      this.#join(session);
      return;
    }
    this.#options.store.write(session.token);
    this.#session = session;
  }

  #join(session: WidgetSession): void {
    this.#session = session;
    const socket = new ChatSocket<VisitorConversation>({
      url: `${this.#options.origin.replace(/^http/, 'ws')}/ws/chat/${session.conversation_id}`,
      token: () => this.#session?.token ?? '',
      refresh: () => this.#refresh(),
      sparse: true,
      outbox: {
        load: () => [...this.#loadOutbox(), ...this.#waiting.splice(0)],
        save: (unsent) => this.#saveOutbox(unsent),
      },
      ...(this.#options.openSocket && { open: this.#options.openSocket }),
      ...(this.#options.surroundings && { surroundings: this.#options.surroundings }),
    });
    this.#socket = socket;
    this.#update({ phase: { kind: 'loading', connection: socket.state } });
    socket.listen((event) => this.#socket === socket && this.#heard(event));
    this.#update({ unsent: socket.unsent });
    socket.start();
  }

  /** A new token for the same session; false when the server has let the session go. */
  async #refresh(): Promise<boolean> {
    try {
      const before = this.#session?.conversation_id;
      const session = await this.#requestSession();
      if (session.conversation_id !== before) return false;
      this.#session = session;
      return true;
    } catch (error) {
      if (error instanceof Refused && error.status >= 400 && error.status < 500 && error.status !== 429) return false;
      throw error;
    }
  }

  #heard(event: ChatEvent<VisitorConversation>): void {
    switch (event.type) {
      case 'state':
        this.#connectionChanged(event.state);
        break;
      case 'ready':
        this.#update({ conversation: event.conversation, typing: null });
        if (this.#view.phase.kind === 'loading') this.#loadHistory(event.lastSeq);
        break;
      case 'reset':
        this.#update({
          entries: [],
          ...(this.#socket && { phase: { kind: 'loading', connection: this.#socket.state } }),
        });
        this.#loadHistory(event.lastSeq);
        break;
      case 'entry':
        this.#insert([event.entry]);
        if (event.entry.sender.type !== 'visitor') {
          this.#setTyping(null);
          this.#count(event.entry);
          this.#options.arrived(event.entry);
        }
        this.#markRead();
        break;
      case 'outbox':
        this.#update({ unsent: event.unsent });
        break;
      case 'reply':
        this.#update({ reply: event.reply, ...(event.reply && { replyFailed: false }) });
        break;
      case 'reply-failed':
        this.#update({ replyFailed: true });
        break;
      case 'conversation':
        this.#update({ conversation: event.conversation });
        break;
      case 'typing':
        if (event.sender.type !== 'visitor') this.#setTyping(event.on ? event.sender : null);
        break;
      default:
        break;
    }
  }

  #connectionChanged(connection: ConnectionState): void {
    if (connection.kind !== 'live') this.#setTyping(null);
    if (connection.kind === 'closed') {
      if (connection.reason !== 'stopped') this.#update({ phase: { kind: 'over' }, reply: null });
      return;
    }
    const kind = this.#view.phase.kind === 'open' ? 'open' : 'loading';
    this.#update({ phase: { kind, connection } });
  }

  #loadHistory(lastSeq: number): void {
    this.#loadBefore(lastSeq + 1).then(
      () => {
        const connection = this.#socket?.state;
        if (connection && connection.kind !== 'closed') this.#update({ phase: { kind: 'open', connection } });
        this.#markRead();
      },
      () => this.#socket?.rejoin(),
    );
  }

  async #loadBefore(seq: number): Promise<void> {
    const session = this.#session;
    if (!session) return;
    const entries = await this.#options.api.messages(session.token, session.conversation_id, seq);
    if (this.#session?.conversation_id !== session.conversation_id) return;
    this.#insert(entries);
    const first = this.#view.entries[0];
    this.#update({ earlier: entries.length >= pageSize && first && first.seq > 1 ? 'some' : 'none' });
  }

  #insert(entries: readonly Entry[]): void {
    const known = new Set(this.#view.entries.map((entry) => entry.seq));
    const fresh = entries.filter((entry) => !known.has(entry.seq));
    if (fresh.length === 0) return;
    this.#update({ entries: [...this.#view.entries, ...fresh].sort((a, b) => a.seq - b.seq) });
  }

  #count(entry: Entry): void {
    if (entry.kind !== 'event' && !this.#looking) this.#update({ unread: this.#view.unread + 1 });
  }

  #markRead(): void {
    if (!this.#looking) return;
    if (this.#view.unread > 0) this.#update({ unread: 0 });
    const last = this.#view.entries.at(-1)?.seq ?? 0;
    if (last <= this.#readSeq) return;
    this.#readSeq = last;
    this.#socket?.read(last);
  }

  #setTyping(typing: Sender | null): void {
    clearTimeout(this.#typingTimer);
    if (typing) this.#typingTimer = setTimeout(() => this.#setTyping(null), typingFades);
    if (typing !== this.#view.typing) this.#update({ typing });
  }

  #showWaiting(): void {
    const { phase } = this.#view;
    const state: Unsent['state'] =
      phase.kind === 'failed' ? { kind: 'failed', code: phase.code, detail: null } : { kind: 'waiting' };
    this.#update({ unsent: this.#waiting.map((unsent) => ({ ...unsent, state })) });
  }

  /** Unsent messages outlive a click to the next page, in this tab alone; they are gone once they are stored. */
  #loadOutbox(): Unsent[] {
    try {
      const saved = sessionStorage.getItem(outboxName + this.#options.key);
      const { conversation, unsent } = JSON.parse(saved ?? '{}') as { conversation?: string; unsent?: Unsent[] };
      return conversation === this.#session?.conversation_id ? (unsent ?? []) : [];
    } catch {
      return [];
    }
  }

  #saveOutbox(unsent: Unsent[]): void {
    const name = outboxName + this.#options.key;
    try {
      if (unsent.length === 0) sessionStorage.removeItem(name);
      else sessionStorage.setItem(name, JSON.stringify({ conversation: this.#session?.conversation_id, unsent }));
    } catch {
      // blocked: then a reload loses what was not sent
    }
  }

  #update(change: Partial<ChatView>): void {
    this.#view = { ...this.#view, ...change };
    this.#options.changed(this.#view);
  }
}
