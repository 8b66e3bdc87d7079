/** Where a connection stands. `waiting` and `offline` (as the browser sees it) try again by themselves; `closed` is final. */
export type ConnectionState =
  | { kind: 'idle' }
  | { kind: 'connecting'; attempt: number }
  | { kind: 'catching-up' }
  | { kind: 'live' }
  | { kind: 'waiting'; attempt: number; retryAt: number }
  | { kind: 'offline' }
  | { kind: 'closed'; reason: ClosedReason };

export type ClosedReason = 'stopped' | 'unauthenticated' | 'forbidden' | 'not-found' | 'expired';

/** The part of a WebSocket that is used: a test brings its own. */
export interface Socket {
  readyState: number;
  onopen: ((event: unknown) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** What the page knows of the network and of being looked at. */
export interface Surroundings {
  online(): boolean;
  visible(): boolean;
  /** Calls `changed` whenever either answer may have changed; returns the way to stop that. */
  watch(changed: () => void): () => void;
}

export interface ConnectionOptions {
  /** The address without a query, `ws:` or `wss:`. */
  url: string;
  /** Asked at each attempt, so a refreshed token is used. */
  token: () => string;
  /** Gets a new token after 4001; false when there is none to be had. */
  refresh?: () => Promise<boolean>;
  /** Told once when the server says that the session is over (4009). */
  onExpired?: () => void;
  open?: (url: string, protocols: string[]) => Socket;
  surroundings?: Surroundings;
  /** From 0 to 1; spreads the attempts of many clients. */
  random?: () => number;
}

export interface ConnectionHandlers {
  /** What the next attempt resumes after, as query parameters. */
  resume(): Record<string, string>;
  /** One frame, parsed. */
  frame(frame: { type: string } & Record<string, unknown>): void;
  stateChanged(state: ConnectionState): void;
}

/** Close codes of the server's sockets. */
const Close = {
  normal: 1000,
  restarting: 1012,
  unauthenticated: 4001,
  forbidden: 4003,
  notFound: 4004,
  tooSlow: 4008,
  expired: 4009,
  rateLimited: 4029,
} as const;

const openState = 1;
const firstDelay = 500;
const longestDelay = 15_000;
const rateLimitedDelay = 10_000;
/** A connection that lived this long has earned a fresh count of attempts. */
const steadyAfter = 5_000;
const pingEvery = 25_000;
const pongWithin = 10_000;
/** On return to a page the answer should come at once, or the socket died while nobody looked. */
const pongWithinOnReturn = 3_000;
const openWithin = 15_000;

/** One WebSocket that comes back: backoff with jitter, heartbeat, the browser's network events and the server's close codes. */
export class Connection {
  #options: ConnectionOptions;
  #handlers: ConnectionHandlers;
  #socket: Socket | null = null;
  #state: ConnectionState = { kind: 'idle' };
  #attempt = 0;
  #refreshed = false;
  #openedAt = 0;
  #retry: Timer;
  #opening: Timer;
  #ping: Timer;
  #pong: Timer;
  #online = true;
  #unwatch: (() => void) | null = null;
  #surroundings: Surroundings;
  #random: () => number;

  constructor(options: ConnectionOptions, handlers: ConnectionHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#surroundings = options.surroundings ?? browserSurroundings;
    this.#random = options.random ?? Math.random;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  start(): void {
    if (this.#state.kind !== 'idle') return;
    this.#online = this.#surroundings.online();
    this.#unwatch = this.#surroundings.watch(() => this.#surroundingsChanged());
    this.#connect();
  }

  /** Ends it for good. */
  stop(reason: ClosedReason = 'stopped'): void {
    if (this.#state.kind === 'closed') return;
    this.#drop();
    clearTimeout(this.#retry);
    this.#unwatch?.();
    this.#become({ kind: 'closed', reason });
  }

  /** Tries now instead of at the end of the wait. */
  retryNow(): void {
    if (this.#state.kind === 'waiting' || this.#state.kind === 'offline') this.#connect();
  }

  /** Drops the socket and resumes, because what came over it does not add up. */
  rejoin(): void {
    if (this.#socket) this.#lost(0);
  }

  /** The owner has all that was missed. */
  caughtUp(): void {
    if (this.#state.kind === 'catching-up') this.#become({ kind: 'live' });
  }

  /** False when there is no open socket; nothing is kept. */
  send(frame: object): boolean {
    if (!this.#socket || this.#socket.readyState !== openState) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #connect(): void {
    clearTimeout(this.#retry);
    this.#drop();
    this.#become({ kind: 'connecting', attempt: this.#attempt });
    const query = new URLSearchParams(this.#handlers.resume()).toString();
    const open = this.#options.open ?? ((url, protocols) => new WebSocket(url, protocols) as Socket);
    const socket = open(this.#options.url + (query && `?${query}`), ['parley.v1', `bearer.${this.#options.token()}`]);
    this.#socket = socket;
    this.#opening = setTimeout(() => this.#lost(0), openWithin);
    socket.onopen = () => {
      clearTimeout(this.#opening);
      this.#openedAt = Date.now();
      this.#become({ kind: 'catching-up' });
      this.#expectFrames();
    };
    socket.onmessage = ({ data }) => {
      clearTimeout(this.#pong);
      this.#expectFrames();
      const frame = parse(data);
      if (!frame) return;
      if (frame.type === 'ready') this.#refreshed = false;
      this.#handlers.frame(frame);
    };
    socket.onclose = ({ code }) => this.#lost(code);
  }

  /** Detaches from the socket first, so a late event of an old socket reaches nobody. */
  #drop(): void {
    for (const timer of [this.#opening, this.#ping, this.#pong]) clearTimeout(timer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(Close.normal);
  }

  #lost(code: number): void {
    const wasOpen = this.#openedAt > 0;
    const steady = wasOpen && Date.now() - this.#openedAt >= steadyAfter;
    this.#openedAt = 0;
    this.#drop();
    if (steady) this.#attempt = 0;
    switch (code) {
      case Close.forbidden:
        this.stop('forbidden');
        break;
      case Close.notFound:
        this.stop('not-found');
        break;
      case Close.expired:
        this.stop('expired');
        this.#options.onExpired?.();
        break;
      case Close.unauthenticated:
        this.#refresh();
        break;
      case Close.tooSlow:
        this.#wait(steady ? 0 : this.#backoff());
        break;
      case Close.restarting:
        // The server comes back within a second or two; its clients spread over the first.
        this.#attempt = 0;
        this.#wait(250 + this.#random() * 750);
        break;
      case Close.rateLimited:
        this.#wait(rateLimitedDelay * (0.5 + this.#random()));
        break;
      default:
        this.#wait(steady && code === 0 ? 0 : this.#backoff());
        break;
    }
  }

  #refresh(): void {
    // A token refused twice running will not become better.
    if (this.#refreshed || !this.#options.refresh) {
      this.stop('unauthenticated');
      return;
    }
    this.#refreshed = true;
    this.#become({ kind: 'connecting', attempt: this.#attempt });
    this.#options.refresh().then(
      (refreshed) => {
        if (this.#state.kind !== 'connecting' || this.#socket) return;
        if (refreshed) this.#connect();
        else this.stop('unauthenticated');
      },
      () => {
        // The refresh itself found no network: that says nothing about the token.
        this.#refreshed = false;
        if (this.#state.kind === 'connecting' && !this.#socket) this.#wait(this.#backoff());
      },
    );
  }

  #backoff(): number {
    const ceiling = Math.min(longestDelay, firstDelay * 2 ** Math.min(this.#attempt, 10));
    this.#attempt++;
    return ceiling * (0.5 + this.#random() / 2);
  }

  #wait(delay: number): void {
    if (!this.#surroundings.online()) {
      this.#waitForNetwork();
      return;
    }
    this.#become({ kind: 'waiting', attempt: this.#attempt, retryAt: Date.now() + delay });
    this.#retry = setTimeout(() => this.#connect(), delay);
  }

  /** Tries now and then all the same: a browser that sees only the loopback device calls itself offline. */
  #waitForNetwork(): void {
    this.#become({ kind: 'offline' });
    this.#retry = setTimeout(() => this.#connect(), longestDelay);
  }

  #expectFrames(): void {
    clearTimeout(this.#ping);
    this.#ping = setTimeout(() => this.#sendPing(pongWithin), pingEvery);
  }

  #sendPing(within: number): void {
    if (!this.send({ type: 'ping', t: Date.now() })) return;
    clearTimeout(this.#pong);
    this.#pong = setTimeout(() => this.#lost(0), within);
  }

  #surroundingsChanged(): void {
    if (this.#state.kind === 'closed') return;
    const wasOnline = this.#online;
    this.#online = this.#surroundings.online();
    if (wasOnline && !this.#online) {
      clearTimeout(this.#retry);
      this.#openedAt = 0;
      this.#drop();
      this.#waitForNetwork();
    } else if (
      (this.#state.kind === 'offline' && this.#online) ||
      (this.#state.kind === 'waiting' && this.#surroundings.visible())
    ) {
      this.#attempt = 0;
      this.#connect();
    } else if (this.#surroundings.visible()) this.#sendPing(pongWithinOnReturn);
  }

  #become(state: ConnectionState): void {
    if (this.#state.kind === state.kind && state.kind !== 'waiting') return;
    this.#state = state;
    this.#handlers.stateChanged(state);
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined;

function parse(data: unknown): ({ type: string } & Record<string, unknown>) | null {
  if (typeof data !== 'string') return null;
  try {
    const frame: unknown = JSON.parse(data);
    return typeof frame === 'object' && frame !== null && typeof (frame as { type?: unknown }).type === 'string'
      ? (frame as { type: string } & Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const browserSurroundings: Surroundings = {
  online: () => navigator.onLine,
  visible: () => document.visibilityState === 'visible',
  watch(changed) {
    window.addEventListener('online', changed);
    window.addEventListener('offline', changed);
    document.addEventListener('visibilitychange', changed);
    return () => {
      window.removeEventListener('online', changed);
      window.removeEventListener('offline', changed);
      document.removeEventListener('visibilitychange', changed);
    };
  },
};
