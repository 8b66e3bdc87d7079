import { Button, Group, NumberInput, Stack, Switch, TagsInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { notifications } from '@mantine/notifications';
import type { Tenant } from '@shared/api-types';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queries, queryClient } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';
import { fieldErrors } from '@/ui/error-text';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';

const megabyte = 1024 * 1024;

export function OrganisationPage() {
  const { t } = useTranslation();
  const tenant = useQuery(queries.tenant);
  return (
    <Page title={t('settings.organisation')} about={t('organisation.about')}>
      {tenant.isPending && <RowsSkeleton />}
      {tenant.error && !tenant.data && <ErrorNotice error={tenant.error} onRetry={tenant.refetch} />}
      {tenant.data && <TenantForm tenant={tenant.data} />}
    </Page>
  );
}

function TenantForm({ tenant }: { tenant: Tenant }) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: {
      name: tenant.name,
      open: tenant.registration === 'open',
      megabytes: (tenant.max_file_bytes ?? 0) / megabyte,
      types: tenant.allowed_file_types ?? [],
    },
  });
  const save = useMutation({
    mutationFn: (values: typeof form.values) =>
      api.updateTenant({
        name: values.name.trim(),
        registration: values.open ? 'open' : 'closed',
        max_file_bytes: Math.round(values.megabytes * megabyte),
        allowed_file_types: values.types,
      }),
    onSuccess: (saved) => {
      queryClient.setQueryData(queries.tenant.queryKey, saved);
      form.resetDirty();
      notifications.show({ message: t('common.saved') });
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
    meta: { inline: true },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack>
        <TextInput label={t('organisation.name')} required maxLength={200} {...form.getInputProps('name')} />
        <Switch
          label={t('organisation.registration')}
          description={t('organisation.registrationHint')}
          {...form.getInputProps('open', { type: 'checkbox' })}
        />
        <NumberInput
          label={t('organisation.fileSize')}
          min={0.1}
          max={1024}
          decimalScale={1}
          suffix=" MB"
          {...form.getInputProps('megabytes')}
        />
        <TagsInput
          label={t('organisation.fileTypes')}
          description={t('organisation.fileTypesHint')}
          acceptValueOnBlur
          {...form.getInputProps('types')}
        />
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
