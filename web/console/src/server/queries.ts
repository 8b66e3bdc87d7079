import { ApiError } from '@shared/api-client';
import type { Conversation } from '@shared/api-types';
import { infiniteQueryOptions, keepPreviousData, QueryClient, queryOptions } from '@tanstack/react-query';
import { api, type ConversationFilter } from './api';
import { mergeEntries, type Timeline } from './timeline';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      retryDelay: (failures) => 400 * 2 ** failures,
      retry: (failures, error) =>
        failures < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
    },
  },
});

/** How much of a timeline is fetched at once. */
export const pageOfEntries = 50;
const latest = 2_147_483_647;

export const queries = {
  authState: queryOptions({ queryKey: ['auth-state'], queryFn: api.authState, staleTime: 0 }),
  directory: queryOptions({ queryKey: ['directory'], queryFn: api.directory, select: (page) => page.items }),
  devices: queryOptions({ queryKey: ['devices'], queryFn: api.devices, select: (page) => page.items, staleTime: 0 }),
  apiKeys: queryOptions({ queryKey: ['api-keys'], queryFn: api.apiKeys, select: (page) => page.items }),
  tenant: queryOptions({ queryKey: ['tenant'], queryFn: api.tenant }),
  counts: queryOptions({ queryKey: ['inbox-counts'], queryFn: api.inboxCounts }),
  cannedReplies: queryOptions({
    queryKey: ['canned-replies'],
    queryFn: api.cannedReplies,
    select: (page) => page.items,
  }),
  widgetSettings: queryOptions({ queryKey: ['widget-settings'], queryFn: api.widgetSettings }),
  providers: queryOptions({
    queryKey: ['providers'],
    queryFn: api.providers,
    select: (page) => page.items,
    staleTime: 0,
  }),
  models: queryOptions({ queryKey: ['models'], queryFn: api.models, select: (page) => page.items }),
  routes: queryOptions({ queryKey: ['routes'], queryFn: api.routes }),

  users: (q: string) =>
    infiniteQueryOptions({
      queryKey: ['users', q],
      queryFn: ({ pageParam }) => api.users({ q, cursor: pageParam }),
      ...pages,
    }),
  contacts: (q: string) =>
    infiniteQueryOptions({
      queryKey: ['contacts', 'list', q],
      queryFn: ({ pageParam }) => api.contacts({ q, cursor: pageParam }),
      ...pages,
    }),
  contact: (id: string) => queryOptions({ queryKey: ['contacts', id], queryFn: () => api.contact(id) }),
  overview: (days: number) =>
    queryOptions({
      queryKey: ['overview', days],
      queryFn: () => api.overview({ from: new Date(Date.now() - days * 86_400_000).toISOString() }),
    }),
  audit: (filter: Record<string, string | undefined>) =>
    infiniteQueryOptions({
      queryKey: ['audit', filter],
      queryFn: ({ pageParam }) => api.audit({ ...filter, cursor: pageParam }),
      ...pages,
      staleTime: 0,
    }),
  search: (q: string) =>
    queryOptions({
      queryKey: ['search', q],
      queryFn: ({ signal }) => api.search(q, signal),
      enabled: q.trim().length > 0,
      placeholderData: keepPreviousData,
      select: (page) => page.items,
    }),

  conversations: (filter: ConversationFilter) =>
    infiniteQueryOptions({
      queryKey: ['conversations', 'list', filter],
      queryFn: async ({ pageParam }) => {
        const page = await api.conversations(filter, pageParam);
        for (const conversation of page.items)
          queryClient.setQueryData(['conversations', conversation.id], conversation);
        return page;
      },
      ...pages,
    }),
  conversation: (id: string) =>
    queryOptions({ queryKey: ['conversations', id], queryFn: (): Promise<Conversation> => api.conversation(id) }),
  /** The newest entries; socket events and earlier pages are merged in. It never goes stale: the socket keeps it. */
  timeline: (id: string) =>
    queryOptions({
      queryKey: timelineKey(id),
      queryFn: async (): Promise<Timeline> => {
        const page = await api.messages(id, { before_seq: latest, limit: pageOfEntries });
        const entries = mergeEntries(page.items, []).sort((a, b) => a.seq - b.seq);
        const first = entries[0]?.seq ?? 1;
        const live = queryClient.getQueryData<Timeline>(timelineKey(id))?.entries ?? [];
        return {
          entries: mergeEntries(
            entries,
            live.filter((entry) => entry.seq >= first),
          ),
          hasEarlier: entries.length >= pageOfEntries && first > 1,
        };
      },
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: 10 * 60_000,
    }),
};

export const timelineKey = (id: string) => ['conversations', id, 'timeline'] as const;

const pages = {
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page: { next_cursor: string | null }) => page.next_cursor ?? undefined,
};
