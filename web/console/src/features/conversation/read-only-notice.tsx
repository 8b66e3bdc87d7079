import { Button, Group, Text } from '@mantine/core';
import type { Conversation } from '@shared/api-types';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { useMe } from '@/server/client';
import { writeConversation } from '@/server/live-events';
import type { ConversationActions } from './use-conversation-actions';

/** Stands where the composer would: why nothing can be written, and the way back. */
export function ReadOnlyNotice({ conversation, does }: { conversation: Conversation; does: ConversationActions }) {
  const { t } = useTranslation();
  const me = useMe().id;
  const restore = useMutation({
    mutationFn: () => api.restoreConversation(conversation.id),
    onSuccess: (restored) => writeConversation(restored, me),
  });
  const isDeleted = conversation.deleted_at !== null;
  return (
    <Group justify="center" p="md" gap="sm" style={{ borderTop: '1px solid var(--mantine-color-default-border)' }}>
      <Text size="sm" c="dimmed">
        {isDeleted ? t('conversation.deleted') : t('conversation.archived')}
      </Text>
      {isDeleted ? (
        <Button size="xs" variant="default" loading={restore.isPending} onClick={() => restore.mutate()}>
          {t('conversation.restore')}
        </Button>
      ) : (
        <Button
          size="xs"
          variant="default"
          loading={does.update.isPending}
          onClick={() => does.update.mutate({ status: 'open' })}
        >
          {t('conversation.reopen')}
        </Button>
      )}
    </Group>
  );
}
