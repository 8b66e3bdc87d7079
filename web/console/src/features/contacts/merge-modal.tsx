import { Button, Group, Modal, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import type { Contact } from '@shared/api-types';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queries, queryClient } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';

/** Two contacts that are one person: this one's conversations go to the other, which stays. */
export function MergeModal({ contact, opened, onClose }: { contact: Contact; opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const [q, setQ] = useState('');
  const [into, setInto] = useState<string | null>(null);
  const [wanted] = useDebouncedValue(q, 200);
  const found = useInfiniteQuery({ ...queries.contacts(wanted), enabled: opened });
  const others = found.data?.pages[0]?.items.filter((other) => other.id !== contact.id).slice(0, 8) ?? [];
  const merge = useMutation({
    mutationFn: (target: string) => api.mergeContact(contact.id, target),
    onSuccess: () => {
      onClose();
      return queryClient.invalidateQueries({
        predicate: ({ queryKey }) => queryKey[0] === 'contacts' || queryKey[0] === 'conversations',
      });
    },
    meta: { inline: true },
  });
  return (
    <Modal
      closeButtonProps={{ 'aria-label': t('common.close') }}
      opened={opened}
      onClose={onClose}
      title={t('contacts.mergeTitle', { name: contact.name ?? t('common.visitor') })}
    >
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t('contacts.mergeText')}
        </Text>
        <TextInput
          data-autofocus
          label={t('contacts.search')}
          value={q}
          onChange={(event) => setQ(event.currentTarget.value)}
        />
        <Radio.Group value={into} onChange={setInto} aria-label={t('contacts.mergeInto')}>
          <Stack gap="xs">
            {others.map((other) => (
              <Radio
                key={other.id}
                value={other.id}
                label={other.name ?? t('common.visitor')}
                description={other.email ?? other.external_id}
              />
            ))}
          </Stack>
        </Radio.Group>
        {merge.error && <ErrorNotice error={merge.error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button disabled={!into} loading={merge.isPending} onClick={() => into && merge.mutate(into)}>
            {t('contacts.merge')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
