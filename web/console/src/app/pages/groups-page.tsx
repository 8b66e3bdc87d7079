import { IconMessages } from '@tabler/icons-react';
import { Outlet, useNavigate, useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { ConversationView } from '@/features/conversation/conversation-view';
import { GroupList } from '@/features/groups/group-list';
import { EmptyState } from '@/ui/empty-state';
import classes from './columns.module.css';

export function GroupsPage() {
  const { conversationId } = useParams({ strict: false });
  return (
    <main className={classes.columns} data-open={conversationId !== undefined || undefined}>
      <div className={classes.list}>
        <GroupList />
      </div>
      <div className={classes.open}>
        <Outlet />
      </div>
    </main>
  );
}

export function NoGroup() {
  const { t } = useTranslation();
  return (
    <EmptyState icon={IconMessages} title={t('groups.pick')}>
      {t('groups.pickText')}
    </EmptyState>
  );
}

export function GroupConversation() {
  const navigate = useNavigate();
  const { conversationId } = useParams({ from: '/shell/groups/$conversationId' });
  return <ConversationView conversationId={conversationId} onBack={() => navigate({ to: '/groups' })} />;
}
