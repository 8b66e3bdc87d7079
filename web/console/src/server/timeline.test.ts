import type { Entry } from '@shared/api-types';
import { describe, expect, it } from 'vitest';
import { appendEntry, lastSeq, mergeEntries } from './timeline';

const entry = (seq: number, body = `${seq}`) => ({ id: `e${seq}`, seq, body }) as Entry;
const seqs = (entries: readonly Entry[]) => entries.map(({ seq }) => seq);

describe('a timeline that is loaded', () => {
  it('takes the next entry at its end', () => {
    const timeline = appendEntry({ entries: [entry(1), entry(2)], hasEarlier: false }, entry(3));

    expect(seqs(timeline.entries)).toEqual([1, 2, 3]);
    expect(lastSeq(timeline)).toBe(3);
  });

  it('counts an entry once, however often it comes', () => {
    const timeline = { entries: [entry(1), entry(2)], hasEarlier: false };

    expect(appendEntry(timeline, entry(2))).toBe(timeline);
  });

  it('joins an earlier page in order, without repeats', () => {
    expect(seqs(mergeEntries([entry(1), entry(2), entry(3)], [entry(3), entry(4)]))).toEqual([1, 2, 3, 4]);
  });

  it('puts what comes late into its place', () => {
    const timeline = appendEntry({ entries: [entry(1), entry(3)], hasEarlier: false }, entry(2));

    expect(seqs(timeline.entries)).toEqual([1, 2, 3]);
  });
});
