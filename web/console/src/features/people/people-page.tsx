import { Badge, Button, Group, Modal, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import type { User } from '@shared/api-types';
import { IconPlus, IconSearch, IconUsers } from '@tabler/icons-react';
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { useMe } from '@/server/client';
import { queries, queryClient } from '@/server/queries';
import { EmptyState } from '@/ui/empty-state';
import { ErrorNotice } from '@/ui/error-notice';
import { LoadMore } from '@/ui/load-more';
import { nameOf } from '@/ui/names';
import { Page } from '@/ui/page';
import { PersonAvatar } from '@/ui/person-avatar';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { NewPersonForm } from './new-person-form';
import classes from './people-page.module.css';
import { roles } from './roles';

export function PeoplePage() {
  const { t } = useTranslation();
  const [q, setQ] = useState('');
  const [adding, setAdding] = useState(false);
  const [wanted] = useDebouncedValue(q, 200);
  const users = useInfiniteQuery(queries.users(wanted));
  const items = users.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page
      wide
      title={t('people.title')}
      about={t('people.about')}
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>
          {t('people.add')}
        </Button>
      }
    >
      <TextInput
        mb="md"
        type="search"
        leftSection={<IconSearch size={16} />}
        aria-label={t('people.search')}
        placeholder={t('people.search')}
        value={q}
        onChange={(event) => setQ(event.currentTarget.value)}
      />
      {users.isPending && <RowsSkeleton />}
      {users.error && !users.data && <ErrorNotice error={users.error} onRetry={users.refetch} />}
      {users.data && items.length === 0 && <EmptyState icon={IconUsers} title={t('people.noMatch')} />}
      {items.length > 0 && (
        <Table verticalSpacing="sm" className={classes.table}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('people.person')}</Table.Th>
              <Table.Th>{t('people.role')}</Table.Th>
              <Table.Th>
                <span className={classes.hidden}>{t('people.actions')}</span>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map((user) => (
              <PersonRow key={user.id} user={user} />
            ))}
          </Table.Tbody>
        </Table>
      )}
      <LoadMore query={users} />
      <Modal
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={adding}
        onClose={() => setAdding(false)}
        title={t('people.add')}
      >
        <NewPersonForm onDone={() => setAdding(false)} />
      </Modal>
    </Page>
  );
}

function PersonRow({ user }: { user: User }) {
  const { t } = useTranslation();
  const isMe = useMe().id === user.id;
  const presence = useQuery(queries.directory).data?.find((person) => person.id === user.id)?.presence;
  const update = useMutation({
    mutationFn: (change: Partial<Pick<User, 'role' | 'status'>>) => api.updateUser(user.id, change),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['users'] }),
  });
  const suspended = user.status === 'suspended';
  return (
    <Table.Tr>
      <Table.Td>
        <Group gap="sm" wrap="nowrap">
          <PersonAvatar name={nameOf(user)} presence={presence ?? 'offline'} />
          <Stack gap={0} miw={0} style={{ overflowWrap: 'anywhere' }}>
            <Text size="sm" fw={500}>
              {nameOf(user)}{' '}
              {isMe && (
                <Badge size="xs" variant="light">
                  {t('people.you')}
                </Badge>
              )}{' '}
              {suspended && (
                <Badge size="xs" color="red" variant="light">
                  {t('people.suspended')}
                </Badge>
              )}
            </Text>
            <Text size="xs" c="dimmed">
              {user.email}
            </Text>
          </Stack>
        </Group>
      </Table.Td>
      <Table.Td>
        <Select
          size="xs"
          w={130}
          aria-label={t('people.roleOf', { name: nameOf(user) })}
          data={roles.map((role) => ({ value: role, label: t(`role.${role}`) }))}
          value={user.role}
          allowDeselect={false}
          disabled={isMe || update.isPending}
          onChange={(role) => role && update.mutate({ role })}
        />
      </Table.Td>
      <Table.Td>
        {!isMe && (
          <Button
            size="compact-xs"
            variant="default"
            loading={update.isPending}
            onClick={() => update.mutate({ status: suspended ? 'active' : 'suspended' })}
          >
            {suspended ? t('people.reactivate') : t('people.suspend')}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
