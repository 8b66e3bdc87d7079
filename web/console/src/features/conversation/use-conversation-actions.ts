import type { Conversation } from '@shared/api-types';
import { useMutation } from '@tanstack/react-query';
import { api, type ConversationChange } from '@/server/api';
import { useMe } from '@/server/client';
import { writeConversation } from '@/server/live-events';

/** What an agent does with a conversation as a whole; the answer goes into the cache at once. */
export function useConversationActions(conversation: Conversation) {
  const { id, owner_epoch } = conversation;
  const me = useMe().id;
  const onSuccess = (changed: Conversation) => writeConversation(changed, me);
  return {
    handOff: useMutation({
      mutationFn: (to: 'agent' | 'ai') => api.handOff(id, { to, expected_epoch: owner_epoch }),
      onSuccess,
    }),
    assign: useMutation({ mutationFn: (userId: string | null) => api.assign(id, userId), onSuccess }),
    update: useMutation({ mutationFn: (change: ConversationChange) => api.updateConversation(id, change), onSuccess }),
  };
}

export type ConversationActions = ReturnType<typeof useConversationActions>;
