import { NavLink, Title } from '@mantine/core';
import {
  IconBuilding,
  IconChartBar,
  IconClipboardList,
  IconDevices,
  IconKey,
  IconMessageBolt,
  IconSparkles,
  IconUser,
  IconUsers,
  IconWorldWww,
} from '@tabler/icons-react';
import { Link, Navigate, Outlet, useMatchRoute } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { isAtLeast, useMe } from '@/server/client';
import classes from './settings-layout.module.css';

const pages = [
  { to: '/settings/profile', name: 'profile', icon: IconUser, role: 'member' },
  { to: '/settings/sessions', name: 'sessions', icon: IconDevices, role: 'member' },
  { to: '/settings/canned-replies', name: 'cannedReplies', icon: IconMessageBolt, role: 'agent' },
  { to: '/settings/people', name: 'people', icon: IconUsers, role: 'admin' },
  { to: '/settings/widget', name: 'widget', icon: IconWorldWww, role: 'admin' },
  { to: '/settings/providers', name: 'providers', icon: IconSparkles, role: 'admin' },
  { to: '/settings/api-keys', name: 'apiKeys', icon: IconKey, role: 'admin' },
  { to: '/settings/statistics', name: 'statistics', icon: IconChartBar, role: 'supervisor' },
  { to: '/settings/audit', name: 'audit', icon: IconClipboardList, role: 'supervisor' },
  { to: '/settings/organisation', name: 'organisation', icon: IconBuilding, role: 'admin' },
] as const;

export function SettingsLayout() {
  const { t } = useTranslation();
  const me = useMe();
  const matchRoute = useMatchRoute();
  const home = Boolean(matchRoute({ to: '/settings' }));
  return (
    <div className={classes.settings} data-home={home || undefined}>
      <nav className={classes.nav} aria-label={t('shell.settings')}>
        <Title order={2} size="h5" p="xs">
          {t('shell.settings')}
        </Title>
        {pages
          .filter((page) => isAtLeast(me, page.role))
          .map(({ to, name, icon: Icon }) => (
            <NavLink
              key={to}
              component={Link}
              to={to}
              active={Boolean(matchRoute({ to }))}
              label={t(`settings.${name}`)}
              leftSection={<Icon size={18} stroke={1.6} aria-hidden />}
            />
          ))}
      </nav>
      <Outlet />
    </div>
  );
}

/** Wide screens open the first page; a phone shows the list itself. */
export function SettingsHome() {
  return window.matchMedia('(min-width: 48em)').matches ? <Navigate to="/settings/profile" replace /> : null;
}
