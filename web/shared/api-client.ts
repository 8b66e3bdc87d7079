import type { Problem, Session } from './api-types';

/** An answer that is not a success, or no answer at all (`status` 0, code `network`). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | null;
  /** Messages by field, from a refused form. */
  readonly errors: Record<string, string[]>;

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = problem.code ?? (status === 0 ? 'network' : `http_${status}`);
    this.requestId = problem.request_id ?? null;
    this.errors = problem.errors ?? {};
  }
}

export type StoredSession = Omit<Session, 'expires_in' | 'token_type'> & { expires_at: number };

/** Where the session lives: shared by all tabs of one origin. */
export type SessionStore = {
  read(): StoredSession | null;
  write(session: StoredSession | null): void;
};

export type Query = Record<string, string | number | boolean | null | undefined>;
export type RequestOptions = {
  query?: Query;
  body?: unknown;
  form?: FormData;
  signal?: AbortSignal;
  anonymous?: boolean;
};

export type ApiClient = {
  request<T>(method: string, path: string, options?: RequestOptions): Promise<T>;
  /** An access token that is good for at least half a minute more, or null when signed out; `renew` swaps even a good one. */
  token(options?: { renew?: boolean }): Promise<string | null>;
  /** Takes over the session that a sign-in answered. */
  signIn(session: Session): void;
  signOut(): void;
};

export type ApiClientOptions = {
  baseUrl?: string;
  store: SessionStore;
  fetch?: typeof fetch;
  now?: () => number;
  /** Runs one task at a time over all tabs; `navigator.locks` where the browser has it. */
  exclusively?: <T>(task: () => Promise<T>) => Promise<T>;
  /** The server refused the refresh token: whoever holds the session must sign in again. */
  onSessionLost?: () => void;
};

const freshFor = 30_000;

export function toStored(session: Session, now: number): StoredSession {
  const { expires_in, token_type: _, ...rest } = session;
  return { ...rest, expires_at: now + expires_in * 1000 };
}

export function createApiClient(options: ApiClientOptions): ApiClient {
  const { store, now = Date.now, baseUrl = '' } = options;
  const exclusively = options.exclusively ?? lockAcrossTabs;
  const send = options.fetch ?? ((...args: Parameters<typeof fetch>) => fetch(...args));

  async function exchange(method: string, path: string, request: RequestOptions, token: string | null) {
    const headers = new Headers({ Accept: 'application/json' });
    if (token) headers.set('Authorization', `Bearer ${token}`);
    if (request.body !== undefined) headers.set('Content-Type', 'application/json');
    const body = request.form ?? (request.body === undefined ? undefined : JSON.stringify(request.body));
    try {
      return await send(`${baseUrl}/api/v1${path}${toSearch(request.query)}`, {
        method,
        headers,
        body,
        signal: request.signal,
      });
    } catch (error) {
      if (request.signal?.aborted) throw error;
      throw new ApiError(0, { detail: 'The server cannot be reached.' });
    }
  }

  /** Swaps the refresh token for a new session, once for all tabs: a spent token presented again would end the session. */
  function refresh(spent: string): Promise<string | null> {
    return exclusively(async () => {
      const current = store.read();
      if (!current) return null;
      if (current.access_token !== spent) return current.access_token; // another tab was faster
      const answer = await exchange('POST', '/auth/refresh', { body: { refresh_token: current.refresh_token } }, null);
      if (answer.ok) {
        const session = toStored(await answer.json(), now());
        store.write(session);
        return session.access_token;
      }
      if (answer.status !== 400 && answer.status !== 401 && answer.status !== 403) throw await toError(answer);
      store.write(null);
      options.onSessionLost?.();
      return null;
    });
  }

  async function token({ renew = false } = {}): Promise<string | null> {
    const session = store.read();
    if (!session) return null;
    const good = !renew && session.expires_at - now() > freshFor;
    return good ? session.access_token : refresh(session.access_token);
  }

  return {
    token,
    async request<T>(method: string, path: string, request: RequestOptions = {}): Promise<T> {
      let bearer = request.anonymous ? null : await token();
      let answer = await exchange(method, path, request, bearer);
      if (answer.status === 401 && bearer) {
        bearer = await refresh(bearer);
        if (bearer) answer = await exchange(method, path, request, bearer);
      }
      if (!answer.ok) throw await toError(answer);
      return (answer.status === 204 ? undefined : await answer.json()) as T;
    },
    signIn: (session) => store.write(toStored(session, now())),
    signOut: () => store.write(null),
  };
}

/** Keeps the session in `localStorage`, so that tabs share it and a reload keeps it. */
export function localSessionStore(key: string): SessionStore {
  return {
    read() {
      const text = localStorage.getItem(key);
      if (!text) return null;
      try {
        return JSON.parse(text) as StoredSession;
      } catch {
        return null;
      }
    },
    write(session) {
      if (session) localStorage.setItem(key, JSON.stringify(session));
      else localStorage.removeItem(key);
    },
  };
}

let queue: Promise<unknown> = Promise.resolve();

function lockAcrossTabs<T>(task: () => Promise<T>): Promise<T> {
  // Only secure contexts have navigator.locks; elsewhere the tabs cannot know of each other, and one tab queues its own.
  if (typeof navigator !== 'undefined' && navigator.locks)
    return navigator.locks.request('parley.refresh', task) as Promise<T>;
  const run = queue.then(task, task);
  queue = run.catch(() => undefined);
  return run;
}

function toSearch(query: Query | undefined): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text && `?${text}`;
}

async function toError(answer: Response): Promise<ApiError> {
  const requestId = answer.headers.get('X-Request-Id') ?? undefined;
  try {
    const problem = (await answer.json()) as Problem;
    return new ApiError(answer.status, { request_id: requestId, ...problem });
  } catch {
    return new ApiError(answer.status, { title: answer.statusText || `HTTP ${answer.status}`, request_id: requestId });
  }
}
