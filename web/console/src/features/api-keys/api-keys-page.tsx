import { Alert, Badge, Button, Checkbox, Code, Group, Modal, Paper, Stack, Text, TextInput } from '@mantine/core';
import type { ApiKey, ApiKeyScope } from '@shared/api-types';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queries, queryClient } from '@/server/queries';
import { ConfirmButton } from '@/ui/confirm-button';
import { CopyField } from '@/ui/copy-field';
import { EmptyState } from '@/ui/empty-state';
import { ErrorNotice } from '@/ui/error-notice';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { Age } from '@/ui/times';

const scopes: ApiKeyScope[] = ['conversations', 'ai', 'rooms', 'admin'];
const changed = () => queryClient.invalidateQueries({ queryKey: queries.apiKeys.queryKey });

export function ApiKeysPage() {
  const { t } = useTranslation();
  const keys = useQuery(queries.apiKeys);
  const [adding, setAdding] = useState(false);
  return (
    <Page
      title={t('apiKeys.title')}
      about={t('apiKeys.about')}
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>
          {t('apiKeys.add')}
        </Button>
      }
    >
      {keys.isPending && <RowsSkeleton />}
      {keys.error && !keys.data && <ErrorNotice error={keys.error} onRetry={keys.refetch} />}
      {keys.data?.length === 0 && (
        <EmptyState icon={IconKey} title={t('apiKeys.empty')}>
          {t('apiKeys.emptyText')}
        </EmptyState>
      )}
      <Stack gap="sm">
        {keys.data?.map((key) => (
          <KeyCard key={key.id} apiKey={key} />
        ))}
      </Stack>
      <Modal
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={adding}
        onClose={() => setAdding(false)}
        title={t('apiKeys.add')}
        closeOnClickOutside={false}
      >
        <NewKey onDone={() => setAdding(false)} />
      </Modal>
    </Page>
  );
}

function KeyCard({ apiKey }: { apiKey: ApiKey }) {
  const { t } = useTranslation();
  const remove = useMutation({ mutationFn: () => api.deleteApiKey(apiKey.id), onSuccess: changed });
  return (
    <Paper withBorder p="md">
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Stack gap={4} miw={0}>
          <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
            {apiKey.name} <Code>{apiKey.prefix}…</Code>
          </Text>
          <Group gap={4}>
            {apiKey.scopes.map((scope) => (
              <Badge key={scope} size="sm" variant="light" tt="none">
                {scope}
              </Badge>
            ))}
          </Group>
          <Text size="xs" c="dimmed">
            {apiKey.last_used_at ? (
              <>
                {t('apiKeys.lastUsed')} <Age at={apiKey.last_used_at} />
              </>
            ) : (
              t('apiKeys.neverUsed')
            )}
          </Text>
        </Stack>
        <ConfirmButton
          size="xs"
          question={t('apiKeys.deleteQuestion', { name: apiKey.name })}
          loading={remove.isPending}
          onConfirm={() => remove.mutate()}
        >
          {t('common.delete')}
        </ConfirmButton>
      </Group>
    </Paper>
  );
}

/** Makes a key and shows it, this once. */
function NewKey({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<ApiKeyScope[]>(['conversations']);
  const create = useMutation({
    mutationFn: () => api.createApiKey({ name: name.trim(), scopes: chosen }),
    onSuccess: changed,
    meta: { inline: true },
  });
  if (create.data)
    return (
      <Stack>
        <Alert color="yellow" title={t('apiKeys.once')}>
          {t('apiKeys.onceText')}
        </Alert>
        <CopyField value={create.data.key} label={t('apiKeys.key')} />
        <Group justify="flex-end">
          <Button onClick={onDone}>{t('common.done')}</Button>
        </Group>
      </Stack>
    );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <Stack gap="sm">
        <TextInput
          data-autofocus
          required
          maxLength={100}
          label={t('apiKeys.name')}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Checkbox.Group
          label={t('apiKeys.scopes')}
          value={chosen}
          onChange={(values) => setChosen(values as ApiKeyScope[])}
        >
          <Stack gap="xs" mt="xs">
            {scopes.map((scope) => (
              <Checkbox key={scope} value={scope} label={scope} description={t(`apiKeys.scope.${scope}`)} />
            ))}
          </Stack>
        </Checkbox.Group>
        {create.error && <ErrorNotice error={create.error} />}
        <Group justify="flex-end">
          <Button type="submit" disabled={!name.trim() || chosen.length === 0} loading={create.isPending}>
            {t('apiKeys.create')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
