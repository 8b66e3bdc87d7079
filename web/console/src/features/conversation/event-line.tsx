import type { Entry, TimelineEvent } from '@shared/api-types';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { Clock } from '@/ui/times';
import classes from './event-line.module.css';

/** Anything that happened and is not a message: one quiet line. */
export function EventLine({ entry, event }: { entry: Entry; event: TimelineEvent }) {
  const { t } = useTranslation();
  return (
    <div className={classes.line} data-trouble={event.event === 'reply_failed' || undefined}>
      <span>{eventText(event, entry, t)}</span>
      <Clock at={entry.created_at} className={classes.time} />
    </div>
  );
}

function eventText(event: TimelineEvent, entry: Entry, t: TFunction): string {
  const actor = ('by' in event && event.by?.name) || entry.sender.name || '';
  switch (event.event) {
    case 'handoff':
      return handoffText(event, entry, actor, t);
    case 'assigned':
      if (!event.to) return t('event.unassigned', { actor });
      return event.automatic
        ? t('event.assignedAutomatically', { name: event.to.name })
        : event.to.id === event.by?.id
          ? t('event.assignedSelf', { actor })
          : t('event.assigned', { actor, name: event.to.name });
    case 'status':
      return actor
        ? t('event.status', { actor, status: t(`status.${event.to}`) })
        : t('event.statusAlone', { status: t(`status.${event.to}`) });
    case 'priority':
      return t('event.priority', { priority: t(`priority.${event.to}`) });
    case 'rating':
      return t('event.rating', {
        stars: '★'.repeat(event.score) + '☆'.repeat(5 - event.score),
        comment: event.comment ? ` “${event.comment}”` : '',
      });
    case 'tags':
      return [
        ...(event.added?.length ? [t('event.tagsAdded', { tags: event.added.join(', ') })] : []),
        ...(event.removed?.length ? [t('event.tagsRemoved', { tags: event.removed.join(', ') })] : []),
      ].join(' · ');
    case 'members':
      return [
        ...(event.added?.length ? [t('event.membersAdded', { actor, names: names(event.added) })] : []),
        ...(event.removed?.length ? [t('event.membersRemoved', { actor, names: names(event.removed) })] : []),
      ].join(' · ');
    case 'reply_failed':
      return t('event.replyFailed');
    case 'no_assistant':
      return t('event.noAssistant');
    case 'summary':
      return event.text;
  }
}

const names = (people: { name: string | null }[]) => people.map((person) => person.name).join(', ');

function handoffText(event: TimelineEvent & { event: 'handoff' }, entry: Entry, actor: string, t: TFunction): string {
  // The AI's own reasons are codes, for the log.
  const reason = event.reason && event.by ? ` “${event.reason}”` : '';
  if (event.to === 'ai') return t('event.givenBack', { actor }) + reason;
  if (event.to === 'agent') return t('event.takenOver', { actor }) + reason;
  return (
    (entry.sender.type === 'visitor'
      ? t('event.askedForPerson', { actor: actor || t('common.visitor') })
      : t('event.queued')) + reason
  );
}
