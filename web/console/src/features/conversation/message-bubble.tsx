import { IconCheck, IconChecks, IconLock, IconSparkles } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Clock } from '@/ui/times';
import { AttachmentList } from './attachment-list';
import { LinkedText } from './linked-text';
import { Markdown } from './markdown';
import classes from './message-bubble.module.css';
import { brokenOff, type Row } from './timeline-rows';

export function MessageBubble({ row, seen }: { row: Row & { kind: 'message' }; seen: boolean }) {
  const { t } = useTranslation();
  const { entry, own, side, first, last } = row;
  const { sender } = entry;
  const isAi = sender.type === 'assistant';
  const name = isAi
    ? t('conversation.ai')
    : sender.name || t(sender.type === 'visitor' ? 'common.visitor' : 'common.someone');
  const broken = isAi ? brokenOff(entry) : null;
  const look = entry.private ? 'note' : isAi ? 'ai' : own ? 'own' : side === 'end' ? 'colleague' : 'other';
  return (
    <article className={classes.message} data-side={side} data-first={first || undefined} aria-label={name}>
      {first && (!own || entry.private) && (
        <div className={classes.name}>
          {isAi && <IconSparkles size={13} aria-hidden />}
          {entry.private && <IconLock size={13} aria-hidden />}
          <span>{name}</span>
          {entry.private && <span>· {t('conversation.note')}</span>}
          {isAi && entry.model && <span className={classes.model}>{entry.model}</span>}
        </div>
      )}
      <div className={classes.bubble} data-look={look}>
        {entry.body && (isAi ? <Markdown text={entry.body} /> : <LinkedText text={entry.body} />)}
        <AttachmentList attachments={entry.attachments ?? []} />
        {broken && <div className={classes.broken}>{t(`conversation.${broken}`)}</div>}
      </div>
      {last && (
        <div className={classes.foot}>
          <Clock at={entry.created_at} />
          {own &&
            !entry.private &&
            (seen ? (
              <span className={classes.state}>
                <IconChecks size={14} aria-hidden /> {t('conversation.seen')}
              </span>
            ) : (
              <IconCheck size={14} role="img" aria-label={t('conversation.stored')} />
            ))}
        </div>
      )}
    </article>
  );
}
