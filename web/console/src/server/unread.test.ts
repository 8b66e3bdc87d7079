import type { Conversation, Entry } from '@shared/api-types';
import { describe, expect, it } from 'vitest';
import { merged, withEntry, withRead } from './unread';

const said = (seq: number, by: string) => ({
  seq,
  sender: { type: 'visitor' as const, id: by, name: by },
  body: 'x',
  kind: 'text' as const,
  private: false,
  created_at: '2026-01-01T00:00:00.000Z',
});

const conversation = (more: Partial<Conversation>) =>
  ({ id: 'c', last_seq: 3, last_message: said(3, 'ada'), unread: 1, my_read_seq: 2, ...more }) as Conversation;

const entry = (seq: number, by: string, more: Partial<Entry> = {}) =>
  ({ ...said(seq, by), conversation_id: 'c', ...more }) as Entry;

/** As it comes in a frame that goes to several people. */
const frame = (seq: number, by: string) => {
  const { unread: _, my_read_seq: __, ...rest } = conversation({ last_seq: seq, last_message: said(seq, by) });
  return rest as Conversation;
};

describe('what is unread', () => {
  it('grows with what others say', () => {
    expect(withEntry(conversation({}), entry(4, 'ada'), 'me').unread).toBe(2);
  });

  it('does not grow with what I say, with events, or with what is known', () => {
    const known = conversation({});
    expect(withEntry(known, entry(4, 'me'), 'me').unread).toBe(1);
    expect(withEntry(known, entry(4, 'ada', { kind: 'event' }), 'me').unread).toBe(1);
    expect(withEntry(known, entry(3, 'ada'), 'me')).toBe(known);
  });

  it('is nothing when I have read to the end', () => {
    expect(withRead(conversation({}), 3)).toMatchObject({ unread: 0, my_read_seq: 3 });
    expect(withRead(conversation({ last_message: said(5, 'ada') }), 3).unread).toBe(1);
  });

  it('counts one message once, whichever of its two frames comes first', () => {
    const messageFirst = merged(withEntry(conversation({}), entry(4, 'ada'), 'me'), frame(4, 'ada'), 'me');
    const conversationFirst = withEntry(merged(conversation({}), frame(4, 'ada'), 'me'), entry(4, 'ada'), 'me');

    expect([messageFirst.unread, conversationFirst.unread]).toEqual([2, 2]);
  });

  it('is taken from an answer that says it', () => {
    expect(merged(conversation({ unread: 7 }), conversation({ unread: 0 }), 'me').unread).toBe(0);
  });

  it('is one for a conversation that was not known', () => {
    expect(merged(undefined, frame(1, 'ada'), 'me').unread).toBe(1);
  });
});
