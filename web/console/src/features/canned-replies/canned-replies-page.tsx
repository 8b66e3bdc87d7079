import { Button, Group, Modal, Paper, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import type { CannedReply } from '@shared/api-types';
import { IconMessageBolt, IconPlus } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queries, queryClient } from '@/server/queries';
import { ConfirmButton } from '@/ui/confirm-button';
import { EmptyState } from '@/ui/empty-state';
import { ErrorNotice } from '@/ui/error-notice';
import { fieldErrors } from '@/ui/error-text';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';

type Editing = { kind: 'none' } | { kind: 'new' } | { kind: 'existing'; reply: CannedReply };

const changed = () => queryClient.invalidateQueries({ queryKey: queries.cannedReplies.queryKey });

export function CannedRepliesPage() {
  const { t } = useTranslation();
  const replies = useQuery(queries.cannedReplies);
  const [editing, setEditing] = useState<Editing>({ kind: 'none' });
  const remove = useMutation({ mutationFn: (id: string) => api.deleteCannedReply(id), onSuccess: changed });
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing({ kind: 'new' })}>
      {t('cannedReplies.add')}
    </Button>
  );
  return (
    <Page title={t('cannedReplies.title')} about={t('cannedReplies.about')} actions={add}>
      {replies.isPending && <RowsSkeleton />}
      {replies.error && !replies.data && <ErrorNotice error={replies.error} onRetry={replies.refetch} />}
      {replies.data?.length === 0 && (
        <EmptyState icon={IconMessageBolt} title={t('cannedReplies.empty')}>
          {t('cannedReplies.emptyText')}
        </EmptyState>
      )}
      <Stack gap="sm">
        {replies.data?.map((reply) => (
          <Paper key={reply.id} withBorder p="md">
            <Group justify="space-between" align="flex-start" wrap="nowrap">
              <Stack gap={2} miw={0}>
                <Text size="sm" fw={600}>
                  /{reply.shortcut}
                </Text>
                <Text size="sm" lineClamp={3} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                  {reply.body}
                </Text>
              </Stack>
              <Group gap="xs" wrap="nowrap">
                <Button size="xs" variant="default" onClick={() => setEditing({ kind: 'existing', reply })}>
                  {t('common.edit')}
                </Button>
                <ConfirmButton
                  size="xs"
                  question={t('cannedReplies.deleteQuestion', { shortcut: reply.shortcut })}
                  onConfirm={() => remove.mutate(reply.id)}
                >
                  {t('common.delete')}
                </ConfirmButton>
              </Group>
            </Group>
          </Paper>
        ))}
      </Stack>
      <Modal
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={editing.kind !== 'none'}
        onClose={() => setEditing({ kind: 'none' })}
        title={editing.kind === 'existing' ? `/${editing.reply.shortcut}` : t('cannedReplies.add')}
      >
        <CannedReplyForm
          reply={editing.kind === 'existing' ? editing.reply : null}
          onDone={() => setEditing({ kind: 'none' })}
        />
      </Modal>
    </Page>
  );
}

function CannedReplyForm({ reply, onDone }: { reply: CannedReply | null; onDone: () => void }) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { shortcut: reply?.shortcut ?? '', body: reply?.body ?? '' },
    transformValues: (values) => ({ shortcut: values.shortcut.trim().replace(/^\//, ''), body: values.body }),
    validate: { shortcut: (value) => (/^\/?\S{1,40}$/.test(value.trim()) ? null : t('cannedReplies.shortcutRule')) },
  });
  const save = useMutation({
    mutationFn: (values: { shortcut: string; body: string }) =>
      reply ? api.updateCannedReply(reply.id, values) : api.createCannedReply(values),
    onSuccess: () => {
      onDone();
      return changed();
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
    meta: { inline: true },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="sm">
        <TextInput
          data-autofocus
          label={t('cannedReplies.shortcut')}
          description={t('cannedReplies.shortcutHint')}
          leftSection="/"
          required
          {...form.getInputProps('shortcut')}
        />
        <Textarea
          label={t('cannedReplies.body')}
          required
          autosize
          minRows={4}
          maxRows={14}
          maxLength={4000}
          {...form.getInputProps('body')}
        />
        {save.error && <ErrorNotice error={save.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            {t('common.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
