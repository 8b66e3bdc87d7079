import { Anchor, Group } from '@mantine/core';
import type { Unsent } from '@shared/socket';
import { IconAlertCircle, IconCheck, IconClock } from '@tabler/icons-react';
import i18next from 'i18next';
import { useTranslation } from 'react-i18next';
import { LinkedText } from './linked-text';
import classes from './message-bubble.module.css';

type Props = { unsent: Unsent; onRetry: () => void; onDiscard: () => void };

/** A message on its way, with how far it has come. */
export function OutgoingBubble({ unsent, onRetry, onDiscard }: Props) {
  const { t } = useTranslation();
  const { state } = unsent;
  const files = unsent.attachments?.length ?? 0;
  return (
    <article className={classes.message} data-side="end" data-first>
      <div
        className={classes.bubble}
        data-look={unsent.private ? 'note' : 'own'}
        style={{ opacity: state.kind === 'stored' ? 1 : 0.75 }}
      >
        {unsent.body && <LinkedText text={unsent.body} />}
        {files > 0 && <div>{t('conversation.files', { count: files })}</div>}
      </div>
      <div className={classes.foot} role="status">
        {state.kind === 'stored' && <IconCheck size={14} role="img" aria-label={t('conversation.stored')} />}
        {(state.kind === 'sending' || state.kind === 'waiting') && (
          <span className={classes.state}>
            <IconClock size={13} aria-hidden />
            {state.kind === 'sending' ? t('conversation.sending') : t('conversation.waitingToSend')}
          </span>
        )}
        {state.kind === 'failed' && (
          <Group gap={8} className={classes.failed}>
            <span className={classes.state}>
              <IconAlertCircle size={14} aria-hidden />
              {failureText(state.code, state.detail)}
            </span>
            <Anchor component="button" type="button" size="xs" onClick={onRetry}>
              {t('common.tryAgain')}
            </Anchor>
            <Anchor component="button" type="button" size="xs" c="dimmed" onClick={onDiscard}>
              {t('conversation.discard')}
            </Anchor>
          </Group>
        )}
      </div>
    </article>
  );
}

function failureText(code: string, detail: string | null): string {
  const key = `errors.${code}`;
  return i18next.exists(key)
    ? i18next.t(key as 'errors.network')
    : `${i18next.t('conversation.notSent')}${detail ? `: ${detail}` : ''}`;
}
