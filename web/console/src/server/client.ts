import { createApiClient, localSessionStore, type StoredSession } from '@shared/api-client';
import type { Session, User } from '@shared/api-types';
import { useSyncExternalStore } from 'react';

/** The session of this browser, and who wants to know when it changes, in this tab or another. */
const key = 'parley.session';
const local = localSessionStore(key);
const listeners = new Set<() => void>();
let current = local.read();

function changed() {
  current = local.read();
  for (const listener of listeners) listener();
}

window.addEventListener('storage', (event) => {
  if (event.key === key || event.key === null) changed();
});

const store = {
  read: local.read,
  write(session: StoredSession | null) {
    local.write(session);
    changed();
  },
};

export const client = createApiClient({ store });

export const currentSession = () => current;
export const signIn = (session: Session) => client.signIn(session);
export const signOut = () => client.signOut();

export function updateStoredUser(user: User) {
  const session = store.read();
  if (session) store.write({ ...session, user });
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useSession = () => useSyncExternalStore(subscribe, currentSession);

/** The signed-in user. Only below the signed-in part of the router. */
export function useMe(): User {
  const session = useSession();
  if (!session) throw new Error('Nobody is signed in.');
  return session.user;
}

/** How a socket authenticates: the token at hand, and a way to a new one. */
export const socketAuthentication = {
  token: () => store.read()?.access_token ?? '',
  refresh: async () => (await client.token({ renew: true })) !== null,
};

export function socketUrl(path: string): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;
}

/** An address that an <img> or a link can open by itself. */
export function fileUrl(url: string): string {
  const token = store.read()?.access_token;
  return token ? `${url}${url.includes('?') ? '&' : '?'}access_token=${encodeURIComponent(token)}` : url;
}

const rank = { member: 0, agent: 1, supervisor: 2, admin: 3 } as const;
export const isAtLeast = (user: User, role: User['role']) => rank[user.role] >= rank[role];
