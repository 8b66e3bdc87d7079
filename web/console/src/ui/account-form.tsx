import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import type { Registration } from '@/server/api';
import { ErrorNotice } from './error-notice';
import { fieldErrors } from './error-text';

type Props = { submitLabel: string; pending: boolean; error: unknown; onSubmit: (values: Registration) => void };

/** A new account for oneself. */
export function AccountForm({ submitLabel, pending, error, onSubmit }: Props) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { full_name: '', username: '', email: '', password: '' },
    validate: {
      username: (value) => (/^[\p{L}\p{N}._-]{2,40}$/u.test(value.trim()) ? null : t('account.usernameRule')),
      email: (value) => (/^\S+@\S+$/.test(value.trim()) ? null : t('account.emailRule')),
      password: (value) => (value.length >= 8 ? null : t('account.passwordRule')),
    },
  });
  const { setErrors } = form;
  useEffect(() => {
    if (error) setErrors(fieldErrors(error));
  }, [error, setErrors]);
  return (
    <form
      noValidate
      onSubmit={form.onSubmit((values) =>
        onSubmit({
          username: values.username.trim(),
          email: values.email.trim(),
          password: values.password,
          full_name: values.full_name.trim() || undefined,
        }),
      )}
    >
      <Stack gap="sm">
        <TextInput
          label={t('account.fullName')}
          autoComplete="name"
          maxLength={200}
          {...form.getInputProps('full_name')}
        />
        <TextInput label={t('account.username')} autoComplete="username" required {...form.getInputProps('username')} />
        <TextInput
          label={t('account.email')}
          type="email"
          autoComplete="email"
          required
          {...form.getInputProps('email')}
        />
        <PasswordInput
          label={t('account.password')}
          description={t('account.passwordRule')}
          autoComplete="new-password"
          required
          visibilityToggleButtonProps={{ 'aria-label': t('account.showPassword') }}
          {...form.getInputProps('password')}
        />
        {error !== null && error !== undefined && <ErrorNotice error={error} />}
        <Button type="submit" loading={pending} mt="xs">
          {submitLabel}
        </Button>
      </Stack>
    </form>
  );
}
