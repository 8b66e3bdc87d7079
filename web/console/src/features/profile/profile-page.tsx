import {
  Button,
  Divider,
  Group,
  PasswordInput,
  SegmentedControl,
  Select,
  Stack,
  TextInput,
  Title,
  useMantineColorScheme,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { notifications } from '@mantine/notifications';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { chooseLocale, locales, preferredLocale } from '@/i18n/i18n';
import { api, type ProfileChange } from '@/server/api';
import { updateStoredUser, useMe } from '@/server/client';
import { ErrorNotice } from '@/ui/error-notice';
import { fieldErrors } from '@/ui/error-text';
import { Page } from '@/ui/page';

export function ProfilePage() {
  const { t } = useTranslation();
  return (
    <Page title={t('profile.title')} about={t('profile.about')}>
      <Stack gap="xl">
        <AboutMe />
        <Divider />
        <Preferences />
        <Divider />
        <Password />
      </Stack>
    </Page>
  );
}

function AboutMe() {
  const { t } = useTranslation();
  const me = useMe();
  const form = useForm({ initialValues: { full_name: me.full_name ?? '' } });
  const save = useMutation({
    mutationFn: (change: ProfileChange) => api.updateMe(change),
    onSuccess: (user) => {
      updateStoredUser(user);
      form.resetDirty();
      notifications.show({ message: t('common.saved') });
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
    meta: { inline: true },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="sm">
        <TextInput label={t('account.username')} value={me.username} readOnly disabled />
        <TextInput
          label={t('account.fullName')}
          maxLength={200}
          autoComplete="name"
          {...form.getInputProps('full_name')}
        />
        <TextInput label={t('account.email')} value={me.email} readOnly disabled />
        {save.error && <ErrorNotice error={save.error} />}
        <Group>
          <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
            {t('common.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Preferences() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const update = useMutation({
    mutationFn: (change: ProfileChange) => api.updateMe(change),
    onSuccess: updateStoredUser,
  });
  return (
    <Stack gap="sm" component="section">
      <Title order={2} size="h5">
        {t('profile.preferences')}
      </Title>
      <Select
        label={t('profile.language')}
        maw={280}
        allowDeselect={false}
        data={Object.entries(locales).map(([value, label]) => ({ value, label }))}
        value={i18n.language in locales ? i18n.language : preferredLocale()}
        onChange={(locale) => {
          if (!locale) return;
          void chooseLocale(locale);
          update.mutate({ locale });
        }}
      />
      <div>
        <Title order={3} size="sm" fw={500} mb={4} id="theme-label">
          {t('profile.theme')}
        </Title>
        <SegmentedControl
          aria-labelledby="theme-label"
          value={colorScheme}
          onChange={(theme) => {
            setColorScheme(theme as 'auto');
            update.mutate({ theme });
          }}
          data={(['light', 'dark', 'auto'] as const).map((value) => ({ value, label: t(`theme.${value}`) }))}
        />
      </div>
      <div>
        <Title order={3} size="sm" fw={500} mb={4} id="availability-label">
          {t('profile.availability')}
        </Title>
        <SegmentedControl
          aria-labelledby="availability-label"
          value={me.availability}
          onChange={(availability) => update.mutate({ availability: availability as 'online' })}
          data={(['online', 'away'] as const).map((value) => ({ value, label: t(`presence.${value}`) }))}
        />
      </div>
    </Stack>
  );
}

function Password() {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { current_password: '', new_password: '' },
    validate: { new_password: (value) => (value.length >= 8 ? null : t('account.passwordRule')) },
  });
  const change = useMutation({
    mutationFn: (values: typeof form.values) => api.changePassword(values),
    onSuccess: () => {
      form.reset();
      notifications.show({ message: t('profile.passwordChanged') });
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
    meta: { inline: true },
  });
  const toggle = { 'aria-label': t('account.showPassword') };
  return (
    <form onSubmit={form.onSubmit((values) => change.mutate(values))}>
      <Stack gap="sm">
        <Title order={2} size="h5">
          {t('account.password')}
        </Title>
        <PasswordInput
          label={t('profile.currentPassword')}
          autoComplete="current-password"
          required
          visibilityToggleButtonProps={toggle}
          {...form.getInputProps('current_password')}
        />
        <PasswordInput
          label={t('profile.newPassword')}
          description={t('account.passwordRule')}
          autoComplete="new-password"
          required
          visibilityToggleButtonProps={toggle}
          {...form.getInputProps('new_password')}
        />
        {change.error && <ErrorNotice error={change.error} />}
        <Group>
          <Button type="submit" variant="default" loading={change.isPending}>
            {t('profile.changePassword')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
