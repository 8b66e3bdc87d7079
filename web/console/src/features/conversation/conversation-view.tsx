import type { Conversation } from '@shared/api-types';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useCallback, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChat } from '@/server/chat';
import { useMe } from '@/server/client';
import { writeRead } from '@/server/live-events';
import { queries } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { useShortcuts } from '@/ui/shortcuts';
import { Composer, type ComposerHandle } from './composer';
import { ConversationHeader } from './conversation-header';
import classes from './conversation-view.module.css';
import { ReadOnlyNotice } from './read-only-notice';
import { TimelineView } from './timeline-view';
import { useUploads } from './uploads';
import { useConversationActions } from './use-conversation-actions';

export type ConversationViewProps = {
  conversationId: string;
  /** Where the list is, on a phone. */
  onBack: () => void;
  /** Beside the title: what only this kind of page has. */
  actions?: (conversation: Conversation) => ReactNode;
};

/** One conversation, live, of any kind. */
export function ConversationView(props: ConversationViewProps) {
  const conversation = useQuery(queries.conversation(props.conversationId));
  if (conversation.data)
    return <OpenConversation key={props.conversationId} {...props} conversation={conversation.data} />;
  return (
    <section className={classes.view} data-whole-screen>
      {conversation.error ? (
        <ErrorNotice error={conversation.error} onRetry={conversation.refetch} />
      ) : (
        <RowsSkeleton />
      )}
    </section>
  );
}

function OpenConversation({
  conversationId,
  conversation,
  onBack,
  actions,
}: ConversationViewProps & { conversation: Conversation }) {
  const { t } = useTranslation();
  const chat = useChat(conversationId);
  const composer = useRef<ComposerHandle>(null);
  const uploads = useUploads(conversationId);
  const [dropping, setDropping] = useState(false);
  const does = useConversationActions(conversation);
  const [assigning, setAssigning] = useState(false);
  const isSupport = conversation.kind === 'support';

  useShortcuts({
    r: () => composer.current?.focus('reply'),
    '/': () => composer.current?.focus('snippets'),
    ...(isSupport && {
      n: () => composer.current?.focus('note'),
      a: () => setAssigning(true),
      e: () => does.update.mutate({ status: conversation.status === 'resolved' ? 'open' : 'resolved' }),
      t: () => conversation.handler !== 'agent' && does.handOff.mutate('agent'),
    }),
  });

  const { socket } = chat;
  const me = useMe().id;
  const onRead = useCallback(
    (seq: number) => {
      socket.read(seq);
      writeRead(conversationId, seq, me);
    },
    [socket, conversationId, me],
  );
  const isReadOnly = conversation.deleted_at !== null || conversation.status === 'archived';

  return (
    <section
      className={classes.view}
      data-whole-screen
      data-dropping={dropping || undefined}
      aria-label={t('conversation.label')}
      onDragOver={(event) => {
        if (isReadOnly || !event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDropping(false);
      }}
      onDrop={(event) => {
        if (!dropping) return;
        event.preventDefault();
        setDropping(false);
        uploads.add([...event.dataTransfer.files]);
      }}
    >
      <ConversationHeader
        conversation={conversation}
        does={does}
        assigning={assigning}
        onAssigning={setAssigning}
        onBack={onBack}
        actions={actions?.(conversation)}
      />
      <TimelineView conversation={conversation} chat={chat} onRead={onRead} />
      {isReadOnly ? (
        <ReadOnlyNotice conversation={conversation} does={does} />
      ) : (
        <Composer ref={composer} conversation={conversation} chat={chat} uploads={uploads} does={does} />
      )}
      {dropping && <div className={classes.drop}>{t('conversation.dropFiles')}</div>}
    </section>
  );
}
