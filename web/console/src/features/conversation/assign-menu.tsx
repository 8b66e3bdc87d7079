import { Button, Menu, Text, TextInput } from '@mantine/core';
import type { Conversation } from '@shared/api-types';
import { IconUserPlus, IconUserX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMe } from '@/server/client';
import { queries } from '@/server/queries';
import { nameOf } from '@/ui/names';
import { PersonAvatar } from '@/ui/person-avatar';
import classes from './conversation-header.module.css';
import type { ConversationActions } from './use-conversation-actions';

type Props = {
  conversation: Conversation;
  does: ConversationActions;
  opened: boolean;
  onChange: (opened: boolean) => void;
};

export function AssignMenu({ conversation, does, opened, onChange }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const [filter, setFilter] = useState('');
  const directory = useQuery({ ...queries.directory, enabled: opened });
  const order = { online: 0, away: 1, offline: 2 } as const;
  const people = (directory.data ?? [])
    .filter((person) => person.role !== 'member')
    .filter((person) => `${nameOf(person)} ${person.username}`.toLowerCase().includes(filter.toLowerCase()))
    .sort((a, b) => Number(b.id === me.id) - Number(a.id === me.id) || order[a.presence] - order[b.presence]);
  const label = conversation.assignee?.name ?? t('conversation.assign');
  return (
    <Menu opened={opened} onChange={onChange} position="bottom-end" width={260} shadow="md" trapFocus>
      <Menu.Target>
        <Button
          className={classes.labelled}
          variant="default"
          size="xs"
          maw={160}
          leftSection={<IconUserPlus size={16} />}
          loading={does.assign.isPending}
          aria-label={conversation.assignee ? t('conversation.assignedTo', { name: label }) : label}
        >
          {label}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <TextInput
          data-autofocus
          size="xs"
          m={4}
          placeholder={t('conversation.findPerson')}
          aria-label={t('conversation.findPerson')}
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
        />
        <div style={{ maxHeight: 280, overflowY: 'auto' }}>
          {people.map((person) => (
            <Menu.Item
              key={person.id}
              leftSection={<PersonAvatar name={nameOf(person)} presence={person.presence} size={26} />}
              fw={person.id === conversation.assignee?.id ? 600 : undefined}
              onClick={() => does.assign.mutate(person.id)}
            >
              {person.id === me.id ? t('conversation.toMe', { name: nameOf(person) }) : nameOf(person)}
              <Text size="xs" c="dimmed" component="span" display="block">
                {t(`presence.${person.presence}`)}
              </Text>
            </Menu.Item>
          ))}
        </div>
        {conversation.assignee && (
          <>
            <Menu.Divider />
            <Menu.Item leftSection={<IconUserX size={16} />} onClick={() => does.assign.mutate(null)}>
              {t('conversation.unassign')}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
