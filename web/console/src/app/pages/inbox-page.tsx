import { IconMessageCircle } from '@tabler/icons-react';
import { Outlet, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { InboxList } from '@/features/inbox/inbox-list';
import { GettingStarted } from '@/features/widget-settings/getting-started';
import { EmptyState } from '@/ui/empty-state';
import classes from './columns.module.css';

/** The list beside the open conversation; on a phone one of the two. */
export function InboxPage() {
  const navigate = useNavigate();
  const search = useSearch({ from: '/shell/inbox' });
  const { conversationId } = useParams({ strict: false });
  return (
    <main className={classes.columns} data-open={conversationId !== undefined || undefined}>
      <div className={classes.list}>
        <InboxList
          search={search}
          onSearch={(next) => navigate({ to: '.', search: next, replace: true })}
          selectedId={conversationId ?? null}
          gettingStarted={<GettingStarted />}
        />
      </div>
      <div className={classes.open}>
        <Outlet />
      </div>
    </main>
  );
}

export function NoConversation() {
  const { t } = useTranslation();
  return (
    <EmptyState icon={IconMessageCircle} title={t('inbox.pick')}>
      {t('inbox.pickText')}
    </EmptyState>
  );
}
