import { ActionIcon, Button, Group, Menu, Modal, TextInput } from '@mantine/core';
import type { Conversation } from '@shared/api-types';
import { IconDots, IconPencil, IconTrash } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, type ConversationChange } from '@/server/api';
import { useMe } from '@/server/client';
import { writeConversation } from '@/server/live-events';
import { ModelPicker } from './model-picker';

/** What one does with an own conversation: choose the model, rename, delete. */
export function AssistantMenu({ conversation, onDeleted }: { conversation: Conversation; onDeleted: () => void }) {
  const { t } = useTranslation();
  const me = useMe().id;
  const [renaming, setRenaming] = useState(false);
  const [title, setTitle] = useState('');
  const update = useMutation({
    mutationFn: (change: ConversationChange) => api.updateConversation(conversation.id, change),
    onSuccess: (changed) => {
      setRenaming(false);
      writeConversation(changed, me);
    },
  });
  const remove = useMutation({
    mutationFn: () => api.deleteConversation(conversation.id),
    onSuccess: () => {
      writeConversation({ ...conversation, deleted_at: new Date().toISOString() }, me);
      onDeleted();
    },
  });
  if (conversation.deleted_at) return null;
  const { provider, model } = conversation;
  return (
    <>
      <ModelPicker
        value={provider && model ? { provider, model } : null}
        onChange={(choice) => update.mutate(choice ?? { provider: null, model: null })}
      />
      <Menu position="bottom-end" shadow="md">
        <Menu.Target>
          <ActionIcon variant="default" size={30} aria-label={t('conversation.more')}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            leftSection={<IconPencil size={16} />}
            onClick={() => {
              setTitle(conversation.title ?? '');
              setRenaming(true);
            }}
          >
            {t('assistant.rename')}
          </Menu.Item>
          <Menu.Item leftSection={<IconTrash size={16} />} color="red" onClick={() => remove.mutate()}>
            {t('common.delete')}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={renaming}
        onClose={() => setRenaming(false)}
        title={t('assistant.rename')}
        size="sm"
      >
        <form
          onSubmit={(event) => {
            event.preventDefault();
            update.mutate({ title: title.trim() });
          }}
        >
          <TextInput
            data-autofocus
            required
            maxLength={200}
            label={t('assistant.name')}
            value={title}
            onChange={(event) => setTitle(event.currentTarget.value)}
          />
          <Group justify="flex-end" mt="md">
            <Button type="submit" loading={update.isPending}>
              {t('common.save')}
            </Button>
          </Group>
        </form>
      </Modal>
    </>
  );
}
