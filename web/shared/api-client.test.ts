import { describe, expect, it } from 'vitest';
import { type ApiClientOptions, ApiError, createApiClient, type SessionStore, type StoredSession } from './api-client';
import type { User } from './api-types';

const user: User = {
  id: 'u1',
  tenant_id: 't1',
  username: 'ada',
  email: 'ada@example.com',
  full_name: null,
  role: 'agent',
  status: 'active',
  availability: 'online',
  locale: null,
  operator: false,
  created_at: '2026-01-01T00:00:00.000Z',
  last_seen_at: null,
};

function memoryStore(session: StoredSession | null): SessionStore {
  let held = session;
  return {
    read: () => held,
    write: (next) => {
      held = next;
    },
  };
}

const answer = (status: number, body: unknown) => new Response(body === null ? null : JSON.stringify(body), { status });

/** A server that knows one good pair of tokens and counts the refreshes; a spent refresh token ends everything. */
function fakeServer() {
  const state = { generation: 1, refreshes: 0, revoked: false };
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const path = String(input);
    if (path.endsWith('/auth/refresh')) {
      state.refreshes += 1;
      const { refresh_token } = JSON.parse(String(init?.body)) as { refresh_token: string };
      if (state.revoked || refresh_token !== `r${state.generation}`) {
        state.revoked = true;
        return answer(401, { code: 'refresh_reused' });
      }
      state.generation += 1;
      return answer(200, {
        access_token: `a${state.generation}`,
        token_type: 'Bearer',
        expires_in: 900,
        refresh_token: `r${state.generation}`,
        user,
      });
    }
    const bearer = new Headers(init?.headers).get('Authorization');
    return bearer === `Bearer a${state.generation}`
      ? answer(200, { path })
      : answer(401, { code: 'token_expired', request_id: 'req-1' });
  };
  return { state, fetch };
}

function client(store: SessionStore, options: Partial<ApiClientOptions> = {}) {
  let last: Promise<unknown> = Promise.resolve();
  return createApiClient({
    store,
    now: () => 1_000_000,
    exclusively: (task) => {
      const run = last.then(task);
      last = run.catch(() => undefined);
      return run;
    },
    ...options,
  });
}

const session = (generation: number, expiresAt = 2_000_000): StoredSession => ({
  access_token: `a${generation}`,
  refresh_token: `r${generation}`,
  expires_at: expiresAt,
  user,
});

describe('the API client', () => {
  it('refreshes an expired token and repeats the request', async () => {
    const server = fakeServer();
    server.state.generation = 5;
    const store = memoryStore({ ...session(5), access_token: 'a4' });

    const result = await client(store, { fetch: server.fetch }).request<{ path: string }>('GET', '/auth/me');

    expect(result.path).toBe('/api/v1/auth/me');
    expect(store.read()?.refresh_token).toBe('r6');
  });

  it('spends a refresh token once, however many requests find the access token old', async () => {
    const server = fakeServer();
    const store = memoryStore(session(1, 1_000_001));
    const api = client(store, { fetch: server.fetch });

    await Promise.all([api.request('GET', '/a'), api.request('GET', '/b'), api.request('GET', '/c')]);

    expect(server.state.refreshes).toBe(1);
    expect(server.state.revoked).toBe(false);
  });

  it('uses the session that another tab has refreshed meanwhile', async () => {
    const server = fakeServer();
    server.state.generation = 2;
    const store = memoryStore(session(1));
    const otherTab: ApiClientOptions['exclusively'] = async (task) => {
      store.write(session(2));
      return task();
    };

    await client(store, { fetch: server.fetch, exclusively: otherTab }).request('GET', '/auth/me');

    expect(server.state.refreshes).toBe(0);
  });

  it('ends the session when the refresh token is refused', async () => {
    const server = fakeServer();
    server.state.generation = 9;
    const store = memoryStore(session(1));
    let lost = 0;

    const request = client(store, { fetch: server.fetch, onSessionLost: () => void lost++ }).request('GET', '/auth/me');

    await expect(request).rejects.toMatchObject({ status: 401, code: 'token_expired', requestId: 'req-1' });
    expect(store.read()).toBeNull();
    expect(lost).toBe(1);
  });

  it('keeps the session when the server cannot be reached', async () => {
    const store = memoryStore(session(1, 0));
    const fetch = () => Promise.reject(new TypeError('failed'));

    const request = client(store, { fetch }).request('GET', '/auth/me');

    await expect(request).rejects.toMatchObject({ status: 0, code: 'network' });
    expect(store.read()).not.toBeNull();
  });

  it('turns a problem into a typed error with its fields', async () => {
    const problem = { code: 'invalid', detail: 'No.', request_id: 'q', errors: { email: ['Not an address.'] } };
    const fetch = async () => answer(422, problem);

    const error = await client(memoryStore(null), { fetch })
      .request('POST', '/users', { body: {} })
      .catch((e: unknown) => e);

    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      status: 422,
      code: 'invalid',
      message: 'No.',
      errors: { email: ['Not an address.'] },
    });
  });

  it('leaves empty filters out of the address', async () => {
    const seen: string[] = [];
    const fetch = async (input: RequestInfo | URL) => {
      seen.push(String(input));
      return answer(200, {});
    };

    await client(memoryStore(null), { fetch }).request('GET', '/audit', {
      query: { q: 'a b', from: undefined, to: '' },
    });

    expect(seen).toEqual(['/api/v1/audit?q=a+b']);
  });
});
