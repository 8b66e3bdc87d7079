import { Anchor, Stack, Text } from '@mantine/core';
import { IconInbox } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { isAtLeast, useMe } from '@/server/client';
import { queries } from '@/server/queries';
import { CopyField } from '@/ui/copy-field';
import { EmptyState } from '@/ui/empty-state';

/** An inbox without any conversation yet: how the first one comes about. */
export function GettingStarted() {
  const { t } = useTranslation();
  const isAdmin = isAtLeast(useMe(), 'admin');
  const settings = useQuery({ ...queries.widgetSettings, enabled: isAdmin }).data;
  return (
    <EmptyState icon={IconInbox} title={t('widget.startTitle')}>
      <Stack gap="sm" maw={520} align="center">
        <Text size="sm" c="dimmed">
          {isAdmin ? t('widget.startText') : t('widget.startAgent')}
        </Text>
        {settings && <CopyField value={settings.snippet} label={t('widget.snippet')} />}
        <Anchor href="/demo" target="_blank" size="sm">
          {t('widget.demo')}
        </Anchor>
      </Stack>
    </EmptyState>
  );
}
