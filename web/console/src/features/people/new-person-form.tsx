import { Button, Group, PasswordInput, Select, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import type { Role } from '@shared/api-types';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queryClient } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';
import { fieldErrors } from '@/ui/error-text';
import { roles } from './roles';

export function NewPersonForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { full_name: '', username: '', email: '', password: '', role: 'agent' as Role },
    validate: { password: (value) => (value.length >= 8 ? null : t('account.passwordRule')) },
  });
  const create = useMutation({
    mutationFn: (values: typeof form.values) =>
      api.createUser({ ...values, full_name: values.full_name.trim() || undefined }),
    onSuccess: () => {
      onDone();
      void queryClient.invalidateQueries({ queryKey: ['directory'] });
      return queryClient.invalidateQueries({ queryKey: ['users'] });
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
    meta: { inline: true },
  });
  return (
    <form onSubmit={form.onSubmit((values) => create.mutate(values))}>
      <Stack gap="sm">
        <TextInput label={t('account.fullName')} data-autofocus maxLength={200} {...form.getInputProps('full_name')} />
        <TextInput label={t('account.username')} required {...form.getInputProps('username')} />
        <TextInput label={t('account.email')} type="email" required {...form.getInputProps('email')} />
        <PasswordInput
          label={t('people.firstPassword')}
          description={t('people.firstPasswordHint')}
          required
          autoComplete="new-password"
          visibilityToggleButtonProps={{ 'aria-label': t('account.showPassword') }}
          {...form.getInputProps('password')}
        />
        <Select
          label={t('people.role')}
          allowDeselect={false}
          data={roles.map((role) => ({ value: role, label: t(`role.${role}`) }))}
          {...form.getInputProps('role')}
        />
        <Text size="xs" c="dimmed">
          {t(`role.about.${form.values.role}`)}
        </Text>
        {create.error && <ErrorNotice error={create.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={create.isPending}>
            {t('people.add')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
