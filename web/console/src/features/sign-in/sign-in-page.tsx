import { Anchor, Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import type { Session } from '@shared/api-types';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Navigate, useRouter, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { chooseLocale } from '@/i18n/i18n';
import { api, type Registration } from '@/server/api';
import { signIn, updateStoredUser } from '@/server/client';
import { queries } from '@/server/queries';
import { AccountForm } from '@/ui/account-form';
import { ErrorNotice } from '@/ui/error-notice';
import { FrontPage } from '@/ui/front-page';

export function SignInPage() {
  const { t, i18n } = useTranslation();
  const { to } = useSearch({ from: '/sign-in' });
  const router = useRouter();
  const state = useQuery(queries.authState);
  const [registering, setRegistering] = useState(false);
  const enter = (session: Session) => {
    signIn(session);
    // Only to a page of ours, whatever the address says.
    router.history.push(to?.startsWith('/') && !to.startsWith('//') ? to : '/');
  };
  const login = useMutation({
    mutationFn: ({ name, password }: { name: string; password: string }) =>
      api.login(name.includes('@') ? { email: name, password } : { username: name, password }),
    onSuccess: enter,
    meta: { inline: true },
  });
  const register = useMutation({
    mutationFn: (values: Registration) => api.register(values),
    onSuccess: (session) => {
      void chooseLocale(i18n.language); // in which it was just read
      enter(session);
      void api.updateMe({ locale: i18n.language }).then(updateStoredUser, () => undefined); // a wish, no condition
    },
    meta: { inline: true },
  });

  if (state.data?.setup_required) return <Navigate to="/setup" search={{ token: undefined }} />;
  const canRegister = state.data?.registration === 'open';
  if (registering && canRegister)
    return (
      <FrontPage title={t('signIn.register')} about={t('signIn.registerAbout')}>
        <AccountForm
          submitLabel={t('signIn.register')}
          pending={register.isPending}
          error={register.error}
          onSubmit={(values) => register.mutate(values)}
        />
        <Text size="sm" mt="md" ta="center">
          <Anchor component="button" type="button" size="sm" onClick={() => setRegistering(false)}>
            {t('signIn.haveAccount')}
          </Anchor>
        </Text>
      </FrontPage>
    );
  return (
    <FrontPage title={t('signIn.title')} about={t('signIn.about')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const values = new FormData(event.currentTarget);
          login.mutate({ name: String(values.get('name')).trim(), password: String(values.get('password')) });
        }}
      >
        <Stack gap="sm">
          <TextInput name="name" label={t('signIn.name')} autoComplete="username" required autoFocus />
          <PasswordInput
            name="password"
            label={t('account.password')}
            autoComplete="current-password"
            required
            visibilityToggleButtonProps={{ 'aria-label': t('account.showPassword') }}
          />
          {login.error && <ErrorNotice error={login.error} />}
          <Button type="submit" loading={login.isPending} mt="xs">
            {t('signIn.submit')}
          </Button>
        </Stack>
      </form>
      {canRegister && (
        <Text size="sm" mt="md" ta="center">
          {t('signIn.noAccount')}{' '}
          <Anchor component="button" type="button" size="sm" onClick={() => setRegistering(true)}>
            {t('signIn.register')}
          </Anchor>
        </Text>
      )}
    </FrontPage>
  );
}
