import { ActionIcon, Badge, Button, Group, Text, Title, Tooltip } from '@mantine/core';
import type { Conversation } from '@shared/api-types';
import { IconArrowLeft, IconCheck, IconRotate, IconSparkles, IconUserCheck } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useMe } from '@/server/client';
import { titleOf } from '@/ui/names';
import { Age } from '@/ui/times';
import { AssignMenu } from './assign-menu';
import classes from './conversation-header.module.css';
import { MoreMenu } from './more-menu';
import type { ConversationActions } from './use-conversation-actions';

type Props = {
  conversation: Conversation;
  does: ConversationActions;
  assigning: boolean;
  onAssigning: (open: boolean) => void;
  onBack: () => void;
  actions: ReactNode;
};

export function ConversationHeader({ conversation, does, assigning, onAssigning, onBack, actions }: Props) {
  const { t } = useTranslation();
  return (
    <header className={classes.header}>
      <ActionIcon
        className={classes.back}
        variant="subtle"
        color="gray"
        size="lg"
        onClick={onBack}
        aria-label={t('common.back')}
      >
        <IconArrowLeft size={20} />
      </ActionIcon>
      <div className={classes.names}>
        <Title order={1} size="h5" lineClamp={1}>
          {titleOf(conversation)}
        </Title>
        {conversation.kind === 'support' && <Standing conversation={conversation} />}
      </div>
      <Group gap={6} wrap="nowrap">
        {conversation.kind === 'support' && (
          <>
            <HandOffButton conversation={conversation} does={does} />
            <AssignMenu conversation={conversation} does={does} opened={assigning} onChange={onAssigning} />
            <ResolveButton conversation={conversation} does={does} />
            <MoreMenu conversation={conversation} does={does} />
          </>
        )}
        {actions}
      </Group>
    </header>
  );
}

/** Where it stands, in words: waiting for whom, answered by whom. */
function Standing({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const me = useMe().id;
  const { status, handler, assignee, waiting_since, priority } = conversation;
  const closed = status === 'resolved' || status === 'archived';
  const who = assignee?.id === me ? t('conversation.withYou') : t('conversation.with', { name: assignee?.name ?? '' });
  return (
    <Group gap={6} wrap="nowrap">
      <Text size="xs" c="dimmed" truncate component="div">
        {closed || status === 'pending' ? t(`status.${status}`) : null}
        {!closed && status !== 'pending' && handler === 'ai' && t('conversation.withAi')}
        {!closed && status !== 'pending' && handler === 'agent' && (assignee ? who : t('conversation.unassigned'))}
        {!closed && status !== 'pending' && handler === 'queue' && (
          <>
            {t('conversation.waiting')}
            {waiting_since && (
              <>
                {' · '}
                <Age at={waiting_since} />
              </>
            )}
          </>
        )}
      </Text>
      {(priority === 'high' || priority === 'urgent') && (
        <Badge size="xs" color={priority === 'urgent' ? 'red' : 'orange'} variant="light">
          {t(`priority.${priority}`)}
        </Badge>
      )}
    </Group>
  );
}

function HandOffButton({ conversation, does }: { conversation: Conversation; does: ConversationActions }) {
  const { t } = useTranslation();
  if (conversation.handler === 'agent')
    return (
      <Tooltip label={t('conversation.giveBackHint')}>
        <Button
          className={classes.labelled}
          variant="default"
          size="xs"
          leftSection={<IconSparkles size={16} />}
          loading={does.handOff.isPending}
          onClick={() => does.handOff.mutate('ai')}
          aria-label={t('conversation.giveBack')}
        >
          {t('conversation.giveBack')}
        </Button>
      </Tooltip>
    );
  return (
    <Button
      className={classes.labelled}
      size="xs"
      leftSection={<IconUserCheck size={16} />}
      loading={does.handOff.isPending}
      onClick={() => does.handOff.mutate('agent')}
      aria-label={t('conversation.takeOver')}
    >
      {t('conversation.takeOver')}
    </Button>
  );
}

function ResolveButton({ conversation, does }: { conversation: Conversation; does: ConversationActions }) {
  const { t } = useTranslation();
  const closed = conversation.status === 'resolved' || conversation.status === 'archived';
  const label = closed ? t('conversation.reopen') : t('conversation.resolve');
  return (
    <Button
      className={classes.labelled}
      variant="default"
      size="xs"
      leftSection={closed ? <IconRotate size={16} /> : <IconCheck size={16} />}
      loading={does.update.isPending}
      onClick={() => does.update.mutate({ status: closed ? 'open' : 'resolved' })}
      aria-label={label}
    >
      {label}
    </Button>
  );
}
