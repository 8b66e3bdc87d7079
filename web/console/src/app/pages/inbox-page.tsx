import { IconMessageCircle } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Outlet, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { InboxList } from '@/features/inbox/inbox-list';
import { GettingStarted } from '@/features/widget-settings/getting-started';
import { queries } from '@/server/queries';
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
  const isEmpty = useNoConversationYet();
  if (isEmpty)
    return (
      <div className={classes.start} data-start>
        <GettingStarted />
      </div>
    );
  return (
    <EmptyState icon={IconMessageCircle} title={t('inbox.pick')}>
      {t('inbox.pickText')}
    </EmptyState>
  );
}

/** Whether nobody has ever written: open ones are counted, closed ones are only looked for when there are none. */
function useNoConversationYet(): boolean {
  const open = useQuery(queries.counts).data?.all_open;
  const all = useInfiniteQuery({ ...queries.conversations({ kind: 'support' }), enabled: open === 0 });
  return open === 0 && all.data?.pages[0]?.items.length === 0;
}
