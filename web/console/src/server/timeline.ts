import type { Entry } from '@shared/api-types';

/** What is loaded of a conversation's timeline: one stretch without holes (but for entries that one may not see), oldest first. */
export type Timeline = { entries: Entry[]; hasEarlier: boolean };

/** Joins two stretches; an entry that both have counts once. */
export function mergeEntries(known: readonly Entry[], more: readonly Entry[]): Entry[] {
  if (more.length === 0) return [...known];
  const bySeq = new Map<number, Entry>();
  for (const entry of known) bySeq.set(entry.seq, entry);
  for (const entry of more) bySeq.set(entry.seq, entry);
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

/** Adds an entry that came live. The usual case, the next one, costs no sorting. */
export function appendEntry(timeline: Timeline, entry: Entry): Timeline {
  const last = timeline.entries.at(-1)?.seq ?? 0;
  if (entry.seq > last) return { ...timeline, entries: [...timeline.entries, entry] };
  if (timeline.entries.some((known) => known.seq === entry.seq)) return timeline;
  return { ...timeline, entries: mergeEntries(timeline.entries, [entry]) };
}

export const lastSeq = (timeline: Timeline | undefined): number | undefined => timeline?.entries.at(-1)?.seq;
