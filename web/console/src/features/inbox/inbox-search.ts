import type { ConversationStatus, InboxView, Priority } from '@shared/api-types';

/** What of the inbox stands in the address: a view and its filters. */
export type InboxSearch = {
  view?: InboxView;
  status?: ConversationStatus;
  priority?: Priority;
  tag?: string;
  assignee?: string;
};

const oneOf =
  <T extends string>(...values: T[]) =>
  (value: unknown): T | undefined =>
    values.find((allowed) => allowed === value);

const view = oneOf<InboxView>('mine', 'waiting', 'ai', 'all', 'closed');
const status = oneOf<ConversationStatus>('open', 'pending', 'resolved', 'archived');
const priority = oneOf<Priority>('low', 'normal', 'high', 'urgent');
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

export const parseInboxSearch = (search: Record<string, unknown>): InboxSearch => ({
  view: view(search.view),
  status: status(search.status),
  priority: priority(search.priority),
  tag: text(search.tag),
  assignee: text(search.assignee),
});
