import type { Entry, TimelineEvent } from '@shared/api-types';

/** What stands on the screen, top to bottom. */
export type Row =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'unread'; key: string }
  | { kind: 'message'; key: string; entry: Entry; own: boolean; side: 'start' | 'end'; first: boolean; last: boolean }
  | { kind: 'event'; key: string; entry: Entry; event: TimelineEvent }
  | { kind: 'briefing'; key: string; entry: Entry; text: string };

const groupWithin = 5 * 60_000;

export type RowsOptions = {
  me: string;
  /** In support the visitor is on one side and everyone who answers on the other. */
  support: boolean;
  /** Up to where I had read when I opened it; null draws no line. */
  readSeq: number | null;
};

export function toRows(entries: readonly Entry[], { me, support, readSeq }: RowsOptions): Row[] {
  const rows: Row[] = [];
  let day = '';
  let unreadDrawn = readSeq === null;
  let previous: (Row & { kind: 'message' }) | null = null;
  for (const entry of entries) {
    const today = new Date(entry.created_at).toDateString();
    if (today !== day) {
      rows.push({ kind: 'day', key: `day-${entry.seq}`, at: entry.created_at });
      day = today;
      previous = null;
    }
    const event = toEvent(entry);
    if (event) {
      previous = null;
      rows.push(
        event.event === 'summary'
          ? { kind: 'briefing', key: entry.id, entry, text: event.text }
          : { kind: 'event', key: entry.id, entry, event },
      );
      continue;
    }
    if (entry.kind === 'event') continue; // an event that this console does not know yet
    const own = entry.sender.id === me && entry.sender.type !== 'assistant';
    if (!unreadDrawn && readSeq !== null && entry.seq > readSeq && !own) {
      rows.push({ kind: 'unread', key: 'unread' });
      unreadDrawn = true;
      previous = null;
    }
    const continues: boolean = previous !== null && isOneGroup(previous.entry, entry);
    if (continues && previous) previous.last = false;
    const end = support ? entry.sender.type !== 'visitor' : own;
    previous = {
      kind: 'message',
      key: entry.id,
      entry,
      own,
      side: end ? 'end' : 'start',
      first: !continues,
      last: true,
    };
    rows.push(previous);
  }
  return rows;
}

function isOneGroup(a: Entry, b: Entry): boolean {
  return (
    a.sender.type === b.sender.type &&
    a.sender.id === b.sender.id &&
    a.private === b.private &&
    Date.parse(b.created_at) - Date.parse(a.created_at) <= groupWithin
  );
}

const known = new Set([
  'handoff',
  'assigned',
  'status',
  'priority',
  'rating',
  'tags',
  'members',
  'summary',
  'reply_failed',
  'no_assistant',
]);

function toEvent(entry: Entry): TimelineEvent | null {
  if (entry.kind !== 'event') return null;
  const name = entry.metadata?.event;
  return name !== undefined && known.has(name) ? (entry.metadata as TimelineEvent) : null;
}

/** How an AI answer that is not whole ended, or null. */
export function brokenOff(entry: Entry): 'truncated' | 'cancelled' | null {
  if (!entry.metadata?.truncated) return null;
  return entry.metadata.reason === 'cancelled' ? 'cancelled' : 'truncated';
}
