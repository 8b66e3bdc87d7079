import { Button } from '@mantine/core';
import type { RunningReply as Reply } from '@shared/socket';
import { IconPlayerStopFilled, IconSparkles } from '@tabler/icons-react';
import i18next from 'i18next';
import { useTranslation } from 'react-i18next';
import eventClasses from './event-line.module.css';
import { Markdown } from './markdown';
import classes from './message-bubble.module.css';

/** The AI's answer while it comes in. */
export function RunningReply({ reply, side, onStop }: { reply: Reply; side: 'start' | 'end'; onStop: () => void }) {
  const { t } = useTranslation();
  return (
    // Read out when it is whole, as an entry; not word by word.
    <article className={classes.message} data-side={side} data-first aria-live="off" aria-busy>
      <div className={classes.name}>
        <IconSparkles size={13} aria-hidden />
        <span>{t('conversation.ai')}</span>
        {reply.model && <span className={classes.model}>{reply.model}</span>}
      </div>
      <div className={classes.bubble} data-look="ai">
        {reply.text ? (
          <Markdown text={reply.text} caret />
        ) : (
          <span className={classes.caret}>{t('conversation.thinking')}</span>
        )}
      </div>
      <Button
        mt={6}
        size="compact-xs"
        variant="default"
        leftSection={<IconPlayerStopFilled size={12} />}
        onClick={onStop}
      >
        {t('conversation.stop')}
      </Button>
    </article>
  );
}

export function ReplyFailure({ code, detail }: { code: string; detail: string | null }) {
  const { t } = useTranslation();
  const key = `errors.${code}`;
  return (
    <div className={eventClasses.line} data-trouble role="status">
      {i18next.exists(key) ? i18next.t(key as 'errors.network') : (detail ?? t('event.replyFailed'))}
    </div>
  );
}
