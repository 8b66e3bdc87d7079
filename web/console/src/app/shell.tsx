import { Indicator, Modal, Tooltip, UnstyledButton } from '@mantine/core';
import {
  IconAddressBook,
  IconInbox,
  IconKeyboard,
  IconMessages,
  IconSearch,
  IconSettings,
  IconSparkles,
  type TablerIcon,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouter } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { currentSession, isAtLeast, useMe, useSession } from '@/server/client';
import { useEvents } from '@/server/events';
import { queries } from '@/server/queries';
import { useShortcuts } from '@/ui/shortcuts';
import { ConnectionBar } from './connection-bar';
import classes from './shell.module.css';
import { ShortcutHelp } from './shortcut-help';
import { UserMenu } from './user-menu';
import { useUserPreferences } from './user-preferences';

export function Shell() {
  // Signing out in another tab ends it here too; the router then leads to the sign-in.
  const session = useSession();
  const router = useRouter();
  useEffect(() => {
    if (!session) void router.navigate({ to: '/sign-in', search: { to: undefined } });
  }, [session, router]);
  return session ? <SignedIn /> : null;
}

function SignedIn() {
  const { t } = useTranslation();
  const me = useMe();
  const navigate = useNavigate();
  const connection = useEvents();
  const [help, setHelp] = useState(false);
  const isAgent = isAtLeast(me, 'agent');
  useUserPreferences();
  useUnreadTitle(isAgent);
  useShortcuts({
    ...(isAgent && {
      'g i': () => navigate({ to: '/inbox' }),
      'g c': () => navigate({ to: '/contacts' }),
    }),
    'g a': () => navigate({ to: '/assistant' }),
    'g t': () => navigate({ to: '/groups' }),
    'g f': () => navigate({ to: '/search', search: { q: undefined } }),
    'g s': () => navigate({ to: '/settings' }),
    'g p': () => navigate({ to: '/settings/profile' }),
    '?': () => setHelp(true),
  });

  return (
    <div className={classes.shell}>
      <a href="#content" className={classes.skip}>
        {t('shell.skip')}
      </a>
      <nav className={classes.rail} aria-label={t('shell.pages')}>
        {isAgent && <InboxLink />}
        <RailLink to="/assistant" icon={IconSparkles} label={t('shell.assistant')} />
        <RailLink to="/groups" icon={IconMessages} label={t('shell.groups')} />
        {isAgent && <RailLink to="/contacts" icon={IconAddressBook} label={t('shell.contacts')} />}
        <RailLink to="/search" icon={IconSearch} label={t('shell.search')} />
        <div className={classes.space} />
        <Tooltip label={t('shell.shortcuts')} position="right">
          <UnstyledButton
            className={classes.link}
            data-desktop
            aria-label={t('shell.shortcuts')}
            onClick={() => setHelp(true)}
          >
            <IconKeyboard size={22} stroke={1.6} />
          </UnstyledButton>
        </Tooltip>
        <RailLink to="/settings" icon={IconSettings} label={t('shell.settings')} />
        <UserMenu />
      </nav>
      <div className={classes.main}>
        <ConnectionBar state={connection} />
        <div className={classes.content} id="content" tabIndex={-1}>
          <Outlet />
        </div>
      </div>
      <Modal
        closeButtonProps={{ 'aria-label': t('common.close') }}
        opened={help}
        onClose={() => setHelp(false)}
        title={t('shell.shortcuts')}
        size="lg"
      >
        <ShortcutHelp />
      </Modal>
    </div>
  );
}

function InboxLink() {
  const { t } = useTranslation();
  const counts = useQuery(queries.counts).data;
  return <RailLink to="/inbox" icon={IconInbox} label={t('shell.inbox')} count={counts?.unread ?? 0} />;
}

function RailLink({
  to,
  icon: Icon,
  label,
  count = 0,
}: {
  to: string;
  icon: TablerIcon;
  label: string;
  count?: number;
}) {
  return (
    <Tooltip label={label} position="right">
      <Link to={to} className={classes.link} aria-label={count > 0 ? `${label} (${count})` : label}>
        <Indicator label={count > 99 ? '99+' : count} size={16} disabled={count === 0} offset={2} inline lh={1}>
          <Icon size={22} stroke={1.6} aria-hidden />
        </Indicator>
      </Link>
    </Tooltip>
  );
}

/** The tab's title counts what is unread, so that work in another tab is not missed. */
function useUnreadTitle(isAgent: boolean) {
  const { data } = useQuery({ ...queries.counts, enabled: isAgent && currentSession() !== null });
  const unread = data?.unread ?? 0;
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Parley` : 'Parley';
  }, [unread]);
}
