import type { Conversation, Entry } from '@shared/api-types';

/** A conversation after one more entry was heard of: what was said last, and one more unread if others said it. */
export function withEntry(conversation: Conversation, entry: Entry, me: string): Conversation {
  if (entry.seq <= conversation.last_seq) return conversation;
  const heard = { ...conversation, last_seq: entry.seq };
  if (entry.kind === 'event') return heard;
  const { seq, sender, body, kind, created_at } = entry;
  return {
    ...heard,
    last_activity_at: created_at,
    last_message: { seq, sender, body, kind, private: entry.private, created_at },
    unread: conversation.unread + (sender.id === me ? 0 : 1),
  };
}

/** A conversation after I have read up to `seq`. */
export function withRead(conversation: Conversation, seq: number): Conversation {
  if (seq <= conversation.my_read_seq) return conversation;
  return {
    ...conversation,
    my_read_seq: seq,
    unread: seq >= (conversation.last_message?.seq ?? 0) ? 0 : conversation.unread,
  };
}

/**
 * What is known of a conversation, made newer. A frame that goes to several people does not say what is unread to me: then
 * what was known stays, one more if others said something since.
 */
export function merged(known: Conversation | undefined, newer: Conversation, me: string): Conversation {
  if (newer.unread !== undefined) return newer;
  const last = newer.last_message;
  const isNews = last !== null && last.seq > (known?.last_message?.seq ?? 0) && last.sender.id !== me;
  return { ...newer, my_read_seq: known?.my_read_seq ?? 0, unread: (known?.unread ?? 0) + (isNews ? 1 : 0) };
}
