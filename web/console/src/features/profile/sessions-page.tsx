import { Badge, Button, Group, Paper, Stack, Text } from '@mantine/core';
import type { Device } from '@shared/api-types';
import { IconDeviceDesktop, IconDeviceMobile } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { queries, queryClient } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { Age } from '@/ui/times';
import { browserName } from './browser-name';

export function SessionsPage() {
  const { t } = useTranslation();
  const devices = useQuery(queries.devices);
  return (
    <Page title={t('settings.sessions')} about={t('sessions.about')}>
      {devices.isPending && <RowsSkeleton />}
      {devices.error && !devices.data && <ErrorNotice error={devices.error} onRetry={devices.refetch} />}
      <Stack gap="sm">
        {devices.data?.map((device) => (
          <DeviceCard key={device.id} device={device} />
        ))}
      </Stack>
    </Page>
  );
}

function DeviceCard({ device }: { device: Device }) {
  const { t } = useTranslation();
  const agent = device.user_agent ?? '';
  const Icon = /Mobile|Android|iPhone/.test(agent) ? IconDeviceMobile : IconDeviceDesktop;
  const revoke = useMutation({
    mutationFn: () => api.revokeDevice(device.id),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: queries.devices.queryKey }),
  });
  return (
    <Paper withBorder p="md">
      <Group wrap="nowrap">
        <Icon size={28} stroke={1.4} aria-hidden />
        <Stack gap={0} flex={1} miw={0}>
          <Text size="sm" fw={500} title={agent}>
            {browserName(agent) || t('sessions.unknown')}{' '}
            {device.current && (
              <Badge size="xs" variant="light" color="teal">
                {t('sessions.current')}
              </Badge>
            )}
          </Text>
          <Text size="xs" c="dimmed">
            {device.ip} · <Age at={device.last_seen_at ?? device.created_at} />
          </Text>
        </Stack>
        {!device.current && (
          <Button size="xs" variant="default" loading={revoke.isPending} onClick={() => revoke.mutate()}>
            {t('sessions.revoke')}
          </Button>
        )}
      </Group>
    </Paper>
  );
}
