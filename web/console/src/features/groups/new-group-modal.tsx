import { Button, Group, Modal, MultiSelect, Stack, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { useMe } from '@/server/client';
import { writeConversation } from '@/server/live-events';
import { queries } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';
import { nameOf } from '@/ui/names';

export function NewGroupModal({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const me = useMe().id;
  const navigate = useNavigate();
  const [title, setTitle] = useState('');
  const [members, setMembers] = useState<string[]>([]);
  const people = (useQuery({ ...queries.directory, enabled: opened }).data ?? []).filter((person) => person.id !== me);
  const create = useMutation({
    mutationFn: () => {
      const names = people.filter((person) => members.includes(person.id)).map(nameOf);
      return api.createConversation({ kind: 'group', title: title.trim() || names.join(', '), member_ids: members });
    },
    onSuccess: (conversation) => {
      writeConversation(conversation, me);
      setTitle('');
      setMembers([]);
      onClose();
      return navigate({ to: '/groups/$conversationId', params: { conversationId: conversation.id } });
    },
    meta: { inline: true },
  });
  return (
    <Modal
      closeButtonProps={{ 'aria-label': t('common.close') }}
      opened={opened}
      onClose={onClose}
      title={t('groups.new')}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Stack gap="sm">
          <MultiSelect
            data-autofocus
            searchable
            label={t('groups.people')}
            placeholder={members.length === 0 ? t('groups.pickPeople') : undefined}
            data={people.map((person) => ({ value: person.id, label: nameOf(person) }))}
            value={members}
            onChange={setMembers}
            nothingFoundMessage={t('groups.nobody')}
          />
          <TextInput
            label={t('groups.name')}
            description={t('groups.nameHint')}
            maxLength={200}
            value={title}
            onChange={(event) => setTitle(event.currentTarget.value)}
          />
          {create.error && <ErrorNotice error={create.error} />}
          <Group justify="flex-end">
            <Button type="submit" disabled={members.length === 0} loading={create.isPending}>
              {t('groups.create')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
