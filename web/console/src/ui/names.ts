import type { Conversation } from '@shared/api-types';
import i18next from 'i18next';

export const nameOf = (person: { full_name: string | null; username: string }) => person.full_name || person.username;

/** What a conversation is called where it has no title: after whom it is with. */
export function titleOf(
  conversation: Pick<Conversation, 'title' | 'kind'> & {
    contact: { name: string | null; email?: string | null } | null;
  },
): string {
  if (conversation.kind === 'support')
    return (
      conversation.contact?.name || conversation.contact?.email || conversation.title || i18next.t('common.visitor')
    );
  return conversation.title || i18next.t(conversation.kind === 'group' ? 'groups.untitled' : 'assistant.untitled');
}
