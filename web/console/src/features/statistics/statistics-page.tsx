import { Paper, SegmentedControl, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import type { Overview } from '@shared/api-types';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { useFormatLocale } from '@/ui/times';
import { DayChart } from './day-chart';
import { duration } from './duration';

export function StatisticsPage() {
  const { t } = useTranslation();
  const [days, setDays] = useState('30');
  const overview = useQuery(queries.overview(Number(days)));
  return (
    <Page
      wide
      title={t('settings.statistics')}
      about={t('statistics.about')}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t('statistics.period')}
          value={days}
          onChange={setDays}
          data={['7', '30', '90'].map((value) => ({ value, label: t('statistics.days', { count: Number(value) }) }))}
        />
      }
    >
      {overview.isPending && <RowsSkeleton />}
      {overview.error && !overview.data && <ErrorNotice error={overview.error} onRetry={overview.refetch} />}
      {overview.data && <Figures overview={overview.data} />}
    </Page>
  );
}

function Figures({ overview }: { overview: Overview }) {
  const { t } = useTranslation();
  const locale = useFormatLocale();
  const number = (value: number) => value.toLocaleString(locale);
  const percent = (value: number) => value.toLocaleString(locale, { style: 'percent' });
  const spread = (value: Overview['resolution_s']) => ({
    value: duration(value.median, locale),
    more: value.p90 === null ? undefined : t('statistics.p90', { time: duration(value.p90, locale) }),
  });
  const figures = [
    {
      name: 'conversations',
      value: number(overview.conversations),
      more: t('statistics.messages', { count: overview.messages }),
    },
    { name: 'firstResponse', ...spread(overview.first_response_s) },
    { name: 'resolution', ...spread(overview.resolution_s) },
    {
      name: 'byAi',
      value: overview.ai_resolution_rate === null ? '–' : percent(overview.ai_resolution_rate),
      more: t('statistics.resolved', { count: overview.resolved }),
    },
  ] as const;
  return (
    <Stack gap="lg">
      <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="sm">
        {figures.map((figure) => (
          <Paper key={figure.name} withBorder p="md">
            <Text size="xs" c="dimmed">
              {t(`statistics.${figure.name}`)}
            </Text>
            <Text fw={600} fz={24}>
              {figure.value}
            </Text>
            <Text size="xs" c="dimmed">
              {figure.more}
            </Text>
          </Paper>
        ))}
      </SimpleGrid>
      <section>
        <Title order={2} size="h5" mb="xs">
          {t('statistics.perDay')}
        </Title>
        <DayChart days={overview.per_day} />
      </section>
      {overview.per_agent.length > 0 && (
        <section>
          <Title order={2} size="h5" mb="xs">
            {t('statistics.perAgent')}
          </Title>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('people.person')}</Table.Th>
                <Table.Th ta="right">{t('statistics.conversations')}</Table.Th>
                <Table.Th ta="right">{t('statistics.resolvedBy')}</Table.Th>
                <Table.Th ta="right">{t('statistics.firstResponse')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {overview.per_agent.map((agent) => (
                <Table.Tr key={agent.id}>
                  <Table.Td>{agent.name}</Table.Td>
                  <Table.Td ta="right">{number(agent.conversations)}</Table.Td>
                  <Table.Td ta="right">{number(agent.resolved)}</Table.Td>
                  <Table.Td ta="right">{duration(agent.first_response_s.median, locale)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </section>
      )}
    </Stack>
  );
}
