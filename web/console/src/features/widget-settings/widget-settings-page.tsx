import {
  Anchor,
  Button,
  ColorInput,
  Group,
  Paper,
  Select,
  Stack,
  Switch,
  TagsInput,
  Text,
  Textarea,
  TextInput,
  Title,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { notifications } from '@mantine/notifications';
import type { WidgetSettings } from '@shared/api-types';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { locales } from '@/i18n/i18n';
import { api } from '@/server/api';
import { queries, queryClient } from '@/server/queries';
import { ConfirmButton } from '@/ui/confirm-button';
import { CopyField } from '@/ui/copy-field';
import { ErrorNotice } from '@/ui/error-notice';
import { fieldErrors } from '@/ui/error-text';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { WidgetPreview } from './widget-preview';
import classes from './widget-settings-page.module.css';

export function WidgetSettingsPage() {
  const { t } = useTranslation();
  const settings = useQuery(queries.widgetSettings);
  return (
    <Page wide title={t('settings.widget')} about={t('widget.about')}>
      {settings.isPending && <RowsSkeleton />}
      {settings.error && !settings.data && <ErrorNotice error={settings.error} onRetry={settings.refetch} />}
      {settings.data && (
        <Stack gap="xl">
          <Install settings={settings.data} />
          <Appearance settings={settings.data} />
          {settings.data.identity_secret && <Identity secret={settings.data.identity_secret} />}
        </Stack>
      )}
    </Page>
  );
}

const store = (saved: WidgetSettings) =>
  queryClient.setQueryData(queries.widgetSettings.queryKey, (known) => ({ ...known, ...saved }));

function Install({ settings }: { settings: WidgetSettings }) {
  const { t } = useTranslation();
  const rotate = useMutation({ mutationFn: api.rotateWidgetKey, onSuccess: store });
  return (
    <Paper withBorder p="md" component="section">
      <Title order={2} size="h5" mb="xs">
        {t('widget.install')}
      </Title>
      <Text size="sm" c="dimmed" mb="sm">
        {t('widget.installText')}
      </Text>
      <CopyField value={settings.snippet} label={t('widget.snippet')} />
      <Group mt="sm" justify="space-between">
        <Anchor href="/demo" target="_blank" size="sm">
          {t('widget.demo')}
        </Anchor>
        <ConfirmButton
          size="xs"
          question={t('widget.rotateQuestion')}
          loading={rotate.isPending}
          onConfirm={() => rotate.mutate()}
        >
          {t('widget.rotate')}
        </ConfirmButton>
      </Group>
    </Paper>
  );
}

function Appearance({ settings }: { settings: WidgetSettings }) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: {
      title: settings.title,
      greeting: settings.greeting,
      color: settings.color,
      locale: settings.locale ?? 'auto',
      assistant: settings.assistant,
      auto_assign: settings.auto_assign,
      calls: settings.calls,
      allowed_origins: settings.allowed_origins,
    },
    validate: {
      color: (value) => (/^#[0-9a-f]{6}$/i.test(value) ? null : t('widget.colorRule')),
      allowed_origins: (origins) =>
        origins.every((origin) => /^https?:\/\/[^/\s]+$/.test(origin)) ? null : t('widget.originRule'),
    },
  });
  const save = useMutation({
    mutationFn: (values: typeof form.values) => api.updateWidgetSettings(values),
    onSuccess: (saved) => {
      store(saved);
      form.resetDirty();
      notifications.show({ message: t('common.saved') });
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
    meta: { inline: true },
  });
  return (
    <div className={classes.appearance}>
      <form className={classes.form} onSubmit={form.onSubmit((values) => save.mutate(values))}>
        <Stack gap="sm">
          <TextInput label={t('widget.title')} required maxLength={100} {...form.getInputProps('title')} />
          <Textarea
            label={t('widget.greeting')}
            autosize
            minRows={2}
            maxRows={5}
            maxLength={500}
            {...form.getInputProps('greeting')}
          />
          <ColorInput
            label={t('widget.color')}
            description={t('widget.colorHint')}
            format="hex"
            eyeDropperButtonProps={{ 'aria-label': t('widget.pickColor') }}
            swatches={['#4263eb', '#1971c2', '#0c8599', '#2b8a3e', '#e8590c', '#c2255c', '#862e9c', '#343a40']}
            {...form.getInputProps('color')}
          />
          <Select
            label={t('profile.language')}
            allowDeselect={false}
            data={[
              { value: 'auto', label: t('widget.visitorsLanguage') },
              ...Object.entries(locales).map(([value, label]) => ({ value, label })),
            ]}
            {...form.getInputProps('locale')}
          />
          <Switch
            label={t('widget.assistant')}
            description={t('widget.assistantHint')}
            {...form.getInputProps('assistant', { type: 'checkbox' })}
          />
          <Switch
            label={t('widget.autoAssign')}
            description={t('widget.autoAssignHint')}
            {...form.getInputProps('auto_assign', { type: 'checkbox' })}
          />
          <TagsInput
            label={t('widget.origins')}
            description={t('widget.originsHint')}
            placeholder="https://www.example.com"
            acceptValueOnBlur
            {...form.getInputProps('allowed_origins')}
          />
          {save.error && <ErrorNotice error={save.error} />}
          <Group>
            <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
              {t('common.save')}
            </Button>
          </Group>
        </Stack>
      </form>
      <WidgetPreview title={form.values.title} greeting={form.values.greeting} color={form.values.color} />
    </div>
  );
}

function Identity({ secret }: { secret: string }) {
  const { t } = useTranslation();
  return (
    <Paper withBorder p="md" component="section">
      <Title order={2} size="h5" mb="xs">
        {t('widget.identity')}
      </Title>
      <Text size="sm" c="dimmed" mb="sm">
        {t('widget.identityText')}
      </Text>
      <CopyField value={secret} label={t('widget.identitySecret')} />
    </Paper>
  );
}
