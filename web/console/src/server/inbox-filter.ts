import type { Conversation, InboxView } from '@shared/api-types';
import type { ConversationFilter } from './api';

/** A visitor who only opened the widget is not there yet. */
const isSupport = (conversation: Conversation) => conversation.kind === 'support' && conversation.last_message !== null;
const isOpen = (conversation: Conversation) => conversation.status === 'open' || conversation.status === 'pending';

const views: Record<InboxView, (conversation: Conversation, me: string) => boolean> = {
  mine: (conversation, me) => isOpen(conversation) && conversation.assignee?.id === me,
  waiting: (conversation) => isOpen(conversation) && conversation.handler === 'queue',
  ai: (conversation) => isOpen(conversation) && conversation.handler === 'ai',
  all: isOpen,
  closed: (conversation) => !isOpen(conversation),
};

/** Whether a conversation that changed still stands in a list; the server decides the same way. */
export function belongs(conversation: Conversation, filter: ConversationFilter, me: string): boolean {
  if (Boolean(filter.deleted) !== (conversation.deleted_at !== null)) return false;
  if (filter.kind && conversation.kind !== filter.kind) return false;
  if (filter.view && (!isSupport(conversation) || !views[filter.view](conversation, me))) return false;
  if (filter.status && conversation.status !== filter.status) return false;
  if (filter.priority && conversation.priority !== filter.priority) return false;
  if (filter.tag && !conversation.tags.includes(filter.tag)) return false;
  if (filter.assignee_id && conversation.assignee?.id !== filter.assignee_id) return false;
  if (filter.contact_id && conversation.contact?.id !== filter.contact_id) return false;
  return !filter.q; // only the server can search
}
