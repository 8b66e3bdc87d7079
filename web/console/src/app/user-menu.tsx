import { type MantineColorScheme, Menu, Text, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import type { Availability } from '@shared/api-types';
import { IconCircleFilled, IconDeviceDesktop, IconLogout, IconMoon, IconSun, IconUser } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, type ProfileChange } from '@/server/api';
import { signOut, updateStoredUser, useMe } from '@/server/client';
import { queryClient } from '@/server/queries';
import { nameOf } from '@/ui/names';
import { PersonAvatar } from '@/ui/person-avatar';

const schemes = { light: IconSun, dark: IconMoon, auto: IconDeviceDesktop } as const;
const dots: Record<Availability, string> = { online: 'teal-6', away: 'yellow-6' };

export function UserMenu() {
  const { t } = useTranslation();
  const me = useMe();
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const update = useMutation({
    mutationFn: (change: ProfileChange) => api.updateMe(change),
    onSuccess: updateStoredUser,
  });
  const leave = useMutation({
    mutationFn: api.logout,
    // Whatever the server says, this browser forgets.
    onSettled: () => {
      signOut();
      queryClient.clear();
      return navigate({ to: '/sign-in', search: { to: undefined } });
    },
    meta: { inline: true },
  });
  return (
    <Menu position="right-end" width={220} shadow="md">
      <Menu.Target>
        <UnstyledButton aria-label={t('shell.account', { name: nameOf(me) })} p={4}>
          <PersonAvatar name={nameOf(me)} presence={me.availability} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to="/settings/profile" leftSection={<IconUser size={16} />}>
          <Text size="sm" fw={600} truncate>
            {nameOf(me)}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {me.email}
          </Text>
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>{t('profile.availability')}</Menu.Label>
        <Menu.RadioGroup
          value={me.availability}
          onChange={(availability) => update.mutate({ availability: availability as Availability })}
        >
          {(['online', 'away'] as const).map((availability) => (
            <Menu.RadioItem
              key={availability}
              value={availability}
              rightSection={
                <IconCircleFilled size={12} aria-hidden color={`var(--mantine-color-${dots[availability]})`} />
              }
            >
              {t(`presence.${availability}`)}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Label>{t('profile.theme')}</Menu.Label>
        <Menu.RadioGroup
          value={colorScheme}
          onChange={(scheme) => {
            setColorScheme(scheme as MantineColorScheme);
            update.mutate({ theme: scheme });
          }}
        >
          {(['light', 'dark', 'auto'] as const).map((scheme) => {
            const Icon = schemes[scheme];
            return (
              <Menu.RadioItem key={scheme} value={scheme} rightSection={<Icon size={16} aria-hidden />}>
                {t(`theme.${scheme}`)}
              </Menu.RadioItem>
            );
          })}
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => leave.mutate()}>
          {t('shell.signOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
