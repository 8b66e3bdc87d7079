import { Badge } from '@mantine/core';
import type { Conversation } from '@shared/api-types';
import { IconFlag3Filled, IconLock, IconSparkles, IconUserQuestion } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { useMe } from '@/server/client';
import { queries } from '@/server/queries';
import { titleOf } from '@/ui/names';
import { PersonAvatar } from '@/ui/person-avatar';
import { plainText } from '@/ui/plain-text';
import { Age } from '@/ui/times';
import classes from './conversation-row.module.css';
import type { InboxSearch } from './inbox-search';

type Props = { id: string; search: InboxSearch; isSelected: boolean; isGone: boolean };

export function ConversationRow({ id, search, isSelected, isGone }: Props) {
  const { t } = useTranslation();
  const me = useMe().id;
  // The list brought it along, and events keep it: no request for each row.
  const { data: conversation } = useQuery({ ...queries.conversation(id), staleTime: Number.POSITIVE_INFINITY });
  if (!conversation) return null;
  const title = titleOf(conversation);
  const unread = isSelected ? 0 : conversation.unread;
  return (
    <Link
      to="/inbox/$conversationId"
      params={{ conversationId: id }}
      search={search}
      className={classes.row}
      data-conversation={id}
      data-selected={isSelected || undefined}
      data-unread={unread > 0 || undefined}
      data-gone={isGone || undefined}
      aria-current={isSelected ? 'page' : undefined}
    >
      <PersonAvatar name={title} size={36} />
      <span className={classes.text}>
        <span className={classes.line}>
          <span className={classes.title}>{title}</span>
          <Age at={conversation.last_activity_at} className={classes.age} />
        </span>
        <span className={classes.line}>
          <span className={classes.preview}>
            <Preview conversation={conversation} me={me} t={t} />
          </span>
          <Marks conversation={conversation} />
          {unread > 0 && (
            <Badge size="sm" circle aria-label={t('inbox.unread', { count: unread })}>
              {unread > 99 ? '99' : unread}
            </Badge>
          )}
        </span>
      </span>
    </Link>
  );
}

function Preview({ conversation, me, t }: { conversation: Conversation; me: string; t: TFunction }) {
  const message = conversation.last_message;
  if (!message) return t('inbox.noMessages');
  const text =
    plainText(message.body ?? '') ||
    (message.kind === 'image' ? t('inbox.image') : message.kind === 'file' ? t('inbox.file') : '');
  const isAi = message.sender.type === 'assistant';
  const from = message.sender.id === me ? t('inbox.you') : message.sender.type === 'agent' ? message.sender.name : null;
  return (
    <>
      {isAi && <IconSparkles size={13} role="img" aria-label={t('conversation.ai')} />}
      {message.private && <IconLock size={13} role="img" aria-label={t('conversation.note')} />}
      {from && !isAi && `${from}: `}
      {text}
    </>
  );
}

function Marks({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const isOpen = conversation.status === 'open' || conversation.status === 'pending';
  return (
    <>
      {(conversation.priority === 'urgent' || conversation.priority === 'high') && (
        <IconFlag3Filled
          size={14}
          className={classes.mark}
          role="img"
          aria-label={t(`priority.${conversation.priority}`)}
          color={`var(--mantine-color-${conversation.priority === 'urgent' ? 'red' : 'orange'}-6)`}
        />
      )}
      {isOpen && conversation.handler === 'queue' && (
        <IconUserQuestion size={15} className={classes.mark} role="img" aria-label={t('conversation.waiting')} />
      )}
    </>
  );
}
