import { Outlet, useNavigate, useParams } from '@tanstack/react-router';
import { AssistantList } from '@/features/assistant/assistant-list';
import { AssistantMenu } from '@/features/assistant/assistant-menu';
import { ConversationView } from '@/features/conversation/conversation-view';
import classes from './columns.module.css';

export function AssistantPage() {
  const { conversationId } = useParams({ strict: false });
  return (
    <main className={classes.columns} data-open={conversationId !== undefined || undefined}>
      <div className={classes.list}>
        <AssistantList />
      </div>
      <div className={classes.open}>
        <Outlet />
      </div>
    </main>
  );
}

export function AssistantConversation() {
  const navigate = useNavigate();
  const { conversationId } = useParams({ from: '/shell/assistant/$conversationId' });
  const toList = () => navigate({ to: '/assistant' });
  return (
    <ConversationView
      conversationId={conversationId}
      onBack={toList}
      actions={(conversation) => <AssistantMenu conversation={conversation} onDeleted={toList} />}
    />
  );
}
