import { Button, Loader } from '@mantine/core';
import type { Conversation } from '@shared/api-types';
import { IconArrowDown } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import type { Chat } from '@/server/chat';
import { useMe } from '@/server/client';
import { pageOfEntries, queries, queryClient, timelineKey } from '@/server/queries';
import { mergeEntries, type Timeline } from '@/server/timeline';
import { ErrorNotice } from '@/ui/error-notice';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { BriefingCard } from './briefing-card';
import { DaySeparator } from './day-separator';
import { EventLine } from './event-line';
import { MessageBubble } from './message-bubble';
import { OutgoingBubble } from './outgoing-bubble';
import { ReplyFailure, RunningReply } from './running-reply';
import { type Row, toRows } from './timeline-rows';
import classes from './timeline-view.module.css';
import { TypingLine } from './typing-line';

type Props = { conversation: Conversation; chat: Chat; onRead: (seq: number) => void };

export function TimelineView({ conversation, chat, onRead }: Props) {
  const { t } = useTranslation();
  const me = useMe().id;
  const timeline = useQuery(queries.timeline(conversation.id));
  const entries = timeline.data?.entries;
  const support = conversation.kind === 'support';
  // The line stays where it was when the conversation was opened.
  const [readSeq] = useState(() => (conversation.unread > 0 ? conversation.my_read_seq : null));
  const rows = useMemo(() => toRows(entries ?? [], { me, support, readSeq }), [entries, me, support, readSeq]);
  const scroller = useRef<HTMLDivElement>(null);
  const last = entries?.at(-1)?.seq ?? 0;
  const { atEnd, toEnd, seenUntil } = useEnd(scroller, last);
  const earlier = useEarlier(conversation.id, timeline.data);

  useEffect(() => {
    const read = () => {
      if (atEnd && last > 0 && document.visibilityState === 'visible') onRead(last);
    };
    read();
    document.addEventListener('visibilitychange', read);
    return () => document.removeEventListener('visibilitychange', read);
  }, [atEnd, last, onRead]);

  const lastOwn = rows.findLast((row) => row.kind === 'message' && row.own && !row.entry.private);
  const readByOthers = Math.max(0, ...Object.entries(chat.reads).flatMap(([id, seq]) => (id === me ? [] : [seq])));
  const fresh = (entries ?? []).filter((entry) => entry.seq > seenUntil && entry.sender.id !== me).length;

  return (
    <div className={classes.frame}>
      {/* Reversed by the style sheet, so the browser itself keeps the end in view and the place when earlier entries come. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region is reached with the keyboard */}
      <div className={classes.scroller} ref={scroller} tabIndex={0} role="log" aria-label={t('conversation.timeline')}>
        <div className={classes.column} data-narrow={!support || undefined}>
          {timeline.error && !timeline.data && <ErrorNotice error={timeline.error} onRetry={timeline.refetch} />}
          {timeline.isPending && <RowsSkeleton rows={4} />}
          {timeline.data?.hasEarlier && <EarlierSentinel busy={earlier.busy} load={earlier.load} />}
          {rows.map((row) => (
            <TimelineRow
              key={row.key}
              row={row}
              seen={row === lastOwn && row.kind === 'message' && readByOthers >= row.entry.seq}
            />
          ))}
          {chat.reply && (
            <RunningReply reply={chat.reply} side={support ? 'end' : 'start'} onStop={() => chat.socket.stopReply()} />
          )}
          {chat.replyFailure && <ReplyFailure code={chat.replyFailure.code} detail={chat.replyFailure.detail} />}
          {chat.outbox.map((unsent) => (
            <OutgoingBubble
              key={unsent.client_id}
              unsent={unsent}
              onRetry={() => chat.socket.retry(unsent.client_id)}
              onDiscard={() => chat.socket.discard(unsent.client_id)}
            />
          ))}
          <TypingLine senders={chat.typing} />
        </div>
      </div>
      {!atEnd && (
        <Button
          className={classes.toEnd}
          size="xs"
          radius="xl"
          variant="default"
          leftSection={<IconArrowDown size={14} />}
          onClick={toEnd}
        >
          {fresh > 0 ? t('conversation.newMessages', { count: fresh }) : t('conversation.toEnd')}
        </Button>
      )}
    </div>
  );
}

function TimelineRow({ row, seen }: { row: Row; seen: boolean }) {
  const { t } = useTranslation();
  switch (row.kind) {
    case 'day':
      return <DaySeparator at={row.at} />;
    case 'unread':
      return <div className={classes.unread}>{t('conversation.new')}</div>;
    case 'event':
      return <EventLine entry={row.entry} event={row.event} />;
    case 'briefing':
      return <BriefingCard text={row.text} at={row.entry.created_at} />;
    case 'message':
      return <MessageBubble row={row} seen={seen} />;
  }
}

/** Whether the newest entry is in view, and up to which one it was when it was last. */
function useEnd(scroller: React.RefObject<HTMLDivElement | null>, last: number) {
  const [atEnd, setAtEnd] = useState(true);
  const [seenUntil, setSeenUntil] = useState(last);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    // Reversed: 0 is the end, and earlier is negative.
    const measure = () => setAtEnd(element.scrollTop > -48);
    element.addEventListener('scroll', measure, { passive: true });
    return () => element.removeEventListener('scroll', measure);
  }, [scroller]);
  useEffect(() => {
    if (atEnd) setSeenUntil(last);
  }, [atEnd, last]);
  return { atEnd, seenUntil, toEnd: () => scroller.current?.scrollTo({ top: 0, behavior: 'smooth' }) };
}

function useEarlier(conversationId: string, timeline: Timeline | undefined) {
  const [busy, setBusy] = useState(false);
  const first = timeline?.entries[0]?.seq;
  const load = async () => {
    if (busy || first === undefined) return;
    setBusy(true);
    try {
      const page = await api.messages(conversationId, { before_seq: first, limit: pageOfEntries });
      queryClient.setQueryData<Timeline>(
        timelineKey(conversationId),
        (current) =>
          current && {
            entries: mergeEntries(page.items, current.entries),
            hasEarlier: page.items.length >= pageOfEntries,
          },
      );
    } finally {
      setBusy(false);
    }
  };
  return { busy, load };
}

/** Loads what came before when it comes into view. */
function EarlierSentinel({ busy, load }: { busy: boolean; load: () => Promise<void> }) {
  const { t } = useTranslation();
  const element = useRef<HTMLDivElement>(null);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    if (busy || !element.current) return;
    const observer = new IntersectionObserver(([seen]) => {
      if (seen?.isIntersecting) latest.current().catch(() => observer.disconnect());
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [busy]);
  return (
    <div ref={element} className={classes.earlier}>
      {busy ? (
        <Loader size="xs" />
      ) : (
        <Button size="compact-xs" variant="subtle" onClick={() => void load()}>
          {t('conversation.earlier')}
        </Button>
      )}
    </div>
  );
}
