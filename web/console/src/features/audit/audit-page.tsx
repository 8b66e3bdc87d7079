import { Code, Group, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import type { AuditEntry } from '@shared/api-types';
import { IconClipboardList } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';
import { EmptyState } from '@/ui/empty-state';
import { ErrorNotice } from '@/ui/error-notice';
import { LoadMore } from '@/ui/load-more';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { Age } from '@/ui/times';
import classes from './audit-page.module.css';

export function AuditPage() {
  const { t } = useTranslation();
  const [action, setAction] = useState('');
  const [target, setTarget] = useState('');
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [filter] = useDebouncedValue(
    {
      action: action.trim() || undefined,
      target_id: target.trim() || undefined,
      from: from ? new Date(`${from}T00:00`).toISOString() : undefined,
      to: to ? new Date(`${to}T23:59:59.999`).toISOString() : undefined,
    },
    300,
  );
  const audit = useInfiniteQuery(queries.audit(filter));
  const items = audit.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page wide title={t('settings.audit')} about={t('audit.about')}>
      <Group mb="md" gap="sm" align="flex-end">
        <TextInput
          size="xs"
          label={t('audit.action')}
          placeholder="user.created"
          value={action}
          onChange={(event) => setAction(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          label={t('audit.target')}
          value={target}
          onChange={(event) => setTarget(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          type="date"
          label={t('audit.from')}
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          type="date"
          label={t('audit.to')}
          value={to}
          onChange={(event) => setTo(event.currentTarget.value)}
        />
      </Group>
      {audit.isPending && <RowsSkeleton />}
      {audit.error && !audit.data && <ErrorNotice error={audit.error} onRetry={audit.refetch} />}
      {audit.data && items.length === 0 && <EmptyState icon={IconClipboardList} title={t('audit.empty')} />}
      {items.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region is reached with the keyboard
        <section className={classes.scroller} tabIndex={0} aria-label={t('settings.audit')}>
          <Table verticalSpacing="xs" miw={640}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('audit.when')}</Table.Th>
                <Table.Th>{t('audit.who')}</Table.Th>
                <Table.Th>{t('audit.action')}</Table.Th>
                <Table.Th>{t('audit.target')}</Table.Th>
                <Table.Th>{t('audit.ip')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {items.map((entry) => (
                <AuditRow key={entry.id} entry={entry} />
              ))}
            </Table.Tbody>
          </Table>
        </section>
      )}
      <LoadMore query={audit} />
    </Page>
  );
}

function AuditRow({ entry }: { entry: AuditEntry }) {
  const detail =
    entry.detail && typeof entry.detail === 'object' && Object.keys(entry.detail).length > 0
      ? JSON.stringify(entry.detail)
      : null;
  return (
    <Table.Tr className={classes.row}>
      <Table.Td>
        <Age at={entry.at} />
      </Table.Td>
      <Table.Td>{entry.actor.name ?? entry.actor.type}</Table.Td>
      <Table.Td>
        <Code>{entry.action}</Code>
        {detail && (
          <Text size="xs" c="dimmed" className={classes.detail}>
            {detail}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        {entry.target_type}
        <Text size="xs" c="dimmed" className={classes.detail}>
          {entry.target_id}
        </Text>
      </Table.Td>
      <Table.Td>{entry.ip}</Table.Td>
    </Table.Tr>
  );
}
