import { Badge, Button, Group, Modal, Paper, Stack, Text } from '@mantine/core';
import type { Provider } from '@shared/api-types';
import { IconPlus, IconSparkles } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queries, queryClient } from '@/server/queries';
import { ConfirmButton } from '@/ui/confirm-button';
import { EmptyState } from '@/ui/empty-state';
import { ErrorNotice } from '@/ui/error-notice';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { Age } from '@/ui/times';
import { ProviderForm } from './provider-form';
import { providersChanged } from './providers-changed';
import { RoutesEditor } from './routes-editor';

type Editing = { kind: 'none' } | { kind: 'new' } | { kind: 'existing'; provider: Provider };

export function ProvidersPage() {
  const { t } = useTranslation();
  const providers = useQuery(queries.providers);
  const [editing, setEditing] = useState<Editing>({ kind: 'none' });
  const close = () => setEditing({ kind: 'none' });
  return (
    <Page
      title={t('providers.title')}
      about={t('providers.about')}
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing({ kind: 'new' })}>
          {t('providers.add')}
        </Button>
      }
    >
      {providers.isPending && <RowsSkeleton />}
      {providers.error && !providers.data && <ErrorNotice error={providers.error} onRetry={providers.refetch} />}
      {providers.data?.length === 0 && (
        <EmptyState icon={IconSparkles} title={t('providers.empty')}>
          {t('providers.emptyText')}
        </EmptyState>
      )}
      <Stack gap="sm">
        {providers.data?.map((provider) => (
          <ProviderCard
            key={provider.id}
            provider={provider}
            onEdit={() => setEditing({ kind: 'existing', provider })}
          />
        ))}
      </Stack>
      {providers.data && providers.data.length > 0 && <RoutesEditor />}
      <Modal
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={editing.kind !== 'none'}
        onClose={close}
        title={editing.kind === 'existing' ? editing.provider.name : t('providers.add')}
      >
        <ProviderForm provider={editing.kind === 'existing' ? editing.provider : null} onDone={close} />
      </Modal>
    </Page>
  );
}

const colors = { up: 'teal', down: 'red', unknown: 'gray' } as const;

function ProviderCard({ provider, onEdit }: { provider: Provider; onEdit: () => void }) {
  const { t } = useTranslation();
  const { health } = provider;
  const test = useMutation({
    mutationFn: () => api.testProvider(provider.id),
    onSettled: () => queryClient.invalidateQueries({ queryKey: queries.providers.queryKey }),
    meta: { inline: true },
  });
  const remove = useMutation({ mutationFn: () => api.deleteProvider(provider.id), onSuccess: providersChanged });
  return (
    <Paper withBorder p="md">
      <Group justify="space-between" align="flex-start" gap="sm">
        <Stack gap={4} miw={0} flex={1}>
          <Group gap="xs">
            <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
              {provider.name}
            </Text>
            <Badge size="sm" color={provider.enabled ? colors[health.state] : 'gray'} variant="light">
              {provider.enabled ? t(`providers.health.${health.state}`) : t('providers.disabled')}
            </Badge>
          </Group>
          <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {t(`providers.type.${provider.type}`)}
            {provider.read_only && ` · ${t('providers.readOnly')}`}
            {provider.base_url && ` · ${provider.base_url}`}
            {health.checked_at && (
              <>
                {' · '}
                {t('providers.checked')} <Age at={health.checked_at} />
              </>
            )}
          </Text>
          {provider.models.length > 0 && (
            <Text size="xs" c="dimmed" lineClamp={2}>
              {provider.models.join(', ')}
            </Text>
          )}
          {health.state === 'down' && health.detail && (
            <Text size="xs" c="var(--mantine-color-error)">
              {health.detail}
            </Text>
          )}
        </Stack>
        <Group gap="xs">
          <Button size="xs" variant="light" loading={test.isPending} onClick={() => test.mutate()}>
            {t('providers.test')}
          </Button>
          {!provider.read_only && (
            <>
              {' '}
              <Button size="xs" variant="default" onClick={onEdit}>
                {t('common.edit')}
              </Button>
              <ConfirmButton
                size="xs"
                question={t('providers.deleteQuestion', { name: provider.name })}
                loading={remove.isPending}
                onConfirm={() => remove.mutate()}
              >
                {t('common.delete')}
              </ConfirmButton>
            </>
          )}
        </Group>
      </Group>
      <div aria-live="polite">
        {test.error && <ErrorNotice error={test.error} />}
        {test.data?.ok && (
          <Text size="sm" mt="xs">
            ✓ {t('providers.testOk', { ms: test.data.latency_ms, model: test.data.model ?? '' })}
            {test.data.text && (
              <Text span c="dimmed">
                {' '}
                “{test.data.text.slice(0, 160)}”
              </Text>
            )}
          </Text>
        )}
        {test.data && !test.data.ok && (
          <Text size="sm" c="var(--mantine-color-error)" mt="xs">
            {t('providers.testFailed')}: {test.data.detail ?? test.data.code}
          </Text>
        )}
      </div>
    </Paper>
  );
}
