import type { Entry, EntryMetadata, SenderType } from '@shared/api-types';
import { describe, expect, it } from 'vitest';
import { toRows } from './timeline-rows';

let seq = 0;

function entry(sender: SenderType, at: string, more: Partial<Entry> = {}): Entry {
  seq += 1;
  return {
    id: `e${seq}`,
    conversation_id: 'c',
    seq,
    kind: 'text',
    sender: { type: sender, id: `${sender}-1`, name: sender },
    body: 'Hello',
    attachments: [],
    private: false,
    client_id: null,
    metadata: null,
    created_at: at,
    ...more,
  };
}

const event = (metadata: EntryMetadata, at: string) => entry('system', at, { kind: 'event', metadata, body: null });
const options = { me: 'agent-1', support: true, readSeq: null };
const kinds = (entries: Entry[], more = {}) => toRows(entries, { ...options, ...more }).map((row) => row.kind);

describe('the rows of a timeline', () => {
  it('separate days', () => {
    const rows = kinds([
      entry('visitor', '2026-03-01T10:00:00.000Z'),
      entry('visitor', '2026-03-03T10:00:00.000Z'),
      entry('visitor', '2026-03-03T10:01:00.000Z'),
    ]);

    expect(rows).toEqual(['day', 'message', 'day', 'message', 'message']);
  });

  it('group what one sender writes within five minutes', () => {
    const rows = toRows(
      [
        entry('visitor', '2026-03-01T10:00:00.000Z'),
        entry('visitor', '2026-03-01T10:04:00.000Z'),
        entry('visitor', '2026-03-01T10:09:01.000Z'),
        entry('assistant', '2026-03-01T10:09:02.000Z'),
      ],
      options,
    );

    const groups = rows.flatMap((row) =>
      row.kind === 'message' ? [`${row.first ? '[' : ''}${row.last ? ']' : ''}`] : [],
    );
    expect(groups).toEqual(['[', ']', '[]', '[]']);
  });

  it('do not group a note with an answer', () => {
    const at = '2026-03-01T10:00:00.000Z';
    const rows = toRows([entry('agent', at), entry('agent', at, { private: true })], options);

    expect(rows.flatMap((row) => (row.kind === 'message' ? [row.first] : []))).toEqual([true, true]);
  });

  it('put the visitor on one side and everyone who answers on the other', () => {
    const at = '2026-03-01T10:00:00.000Z';
    const rows = toRows([entry('visitor', at), entry('assistant', at), entry('agent', at)], options);

    const sides = rows.flatMap((row) => (row.kind === 'message' ? [`${row.side} ${row.own}`] : []));
    expect(sides).toEqual(['start false', 'end false', 'end true']);
  });

  it('put only my own messages right among members', () => {
    const at = '2026-03-01T10:00:00.000Z';
    const rows = toRows([entry('member', at), entry('assistant', at)], { ...options, support: false, me: 'member-1' });

    expect(rows.flatMap((row) => (row.kind === 'message' ? [row.side] : []))).toEqual(['end', 'start']);
  });

  it('show events as lines, a summary as a briefing, and leave out what is unknown', () => {
    const at = '2026-03-01T10:00:00.000Z';
    const rows = kinds([
      event({ event: 'handoff', from: 'ai', to: 'queue' }, at),
      event({ event: 'summary', text: 'Wants a refund.' }, at),
      event({ event: 'from_the_future' }, at),
    ]);

    expect(rows).toEqual(['day', 'event', 'briefing']);
  });

  it('draw one line above the first message of others that was not read', () => {
    const at = '2026-03-01T10:00:00.000Z';
    const read = entry('visitor', at);
    const rows = kinds([read, entry('agent', at), entry('visitor', at), entry('visitor', at)], { readSeq: read.seq });

    expect(rows).toEqual(['day', 'message', 'message', 'unread', 'message', 'message']);
  });
});
