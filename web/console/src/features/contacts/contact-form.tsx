import { ActionIcon, Button, Group, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import type { Contact } from '@shared/api-types';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queries, queryClient } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';
import { fieldErrors } from '@/ui/error-text';

type Values = {
  name: string;
  email: string;
  phone: string;
  note: string;
  attributes: { name: string; value: string }[];
};

/** Edits a contact, or makes one when there is none yet. */
export function ContactForm({ contact, onDone }: { contact?: Contact; onDone: (saved?: Contact) => void }) {
  const { t } = useTranslation();
  const form = useForm<Values>({
    initialValues: {
      name: contact?.name ?? '',
      email: contact?.email ?? '',
      phone: contact?.phone ?? '',
      note: contact?.note ?? '',
      attributes: Object.entries(contact?.attributes ?? {}).map(([name, value]) => ({
        name,
        value: typeof value === 'string' ? value : JSON.stringify(value),
      })),
    },
  });
  const save = useMutation({
    mutationFn: (values: Values) => {
      const change = {
        name: values.name.trim() || null,
        email: values.email.trim() || null,
        phone: values.phone.trim() || null,
        note: values.note.trim() || null,
        attributes: Object.fromEntries(
          values.attributes.flatMap(({ name, value }) => (name.trim() ? [[name.trim(), value]] : [])),
        ),
      };
      return contact ? api.updateContact(contact.id, change) : api.createContact(change);
    },
    onSuccess: (saved) => {
      queryClient.setQueryData(queries.contact(saved.id).queryKey, saved);
      void queryClient.invalidateQueries({ queryKey: ['contacts', 'list'] });
      onDone(saved);
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
    meta: { inline: true },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="xs">
        <TextInput label={t('contacts.name')} maxLength={200} data-autofocus {...form.getInputProps('name')} />
        <TextInput label={t('contacts.email')} type="email" {...form.getInputProps('email')} />
        <TextInput label={t('contacts.phone')} type="tel" {...form.getInputProps('phone')} />
        <Textarea label={t('contacts.note')} autosize minRows={2} maxRows={8} {...form.getInputProps('note')} />
        <Text size="sm" fw={500}>
          {t('contacts.attributes')}
        </Text>
        {form.values.attributes.map((_, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a row of the form is its place
          <Group key={index} gap={6} wrap="nowrap">
            <TextInput
              size="xs"
              flex={1}
              aria-label={t('contacts.attributeName')}
              {...form.getInputProps(`attributes.${index}.name`)}
            />
            <TextInput
              size="xs"
              flex={1}
              aria-label={t('contacts.attributeValue')}
              {...form.getInputProps(`attributes.${index}.value`)}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('common.remove')}
              onClick={() => form.removeListItem('attributes', index)}
            >
              <IconTrash size={16} />
            </ActionIcon>
          </Group>
        ))}
        <Button
          size="compact-xs"
          variant="subtle"
          leftSection={<IconPlus size={14} />}
          style={{ alignSelf: 'flex-start' }}
          onClick={() => form.insertListItem('attributes', { name: '', value: '' })}
        >
          {t('contacts.addAttribute')}
        </Button>
        {save.error && <ErrorNotice error={save.error} />}
        <Group justify="flex-end" gap="xs">
          <Button size="xs" variant="default" onClick={() => onDone()}>
            {t('common.cancel')}
          </Button>
          <Button size="xs" type="submit" loading={save.isPending}>
            {t('common.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
