import type { Conversation, Entry, EventFrame, Page, Person, Presence } from '@shared/api-types';

import type { InfiniteData } from '@tanstack/react-query';
import type { ConversationFilter } from './api';
import { belongs } from './inbox-filter';
import { queries, queryClient, timelineKey } from './queries';
import { appendEntry, lastSeq, type Timeline } from './timeline';
import { merged, withEntry, withRead } from './unread';

type Conversations = InfiniteData<Page<Conversation>, string | undefined>;

/** Writes what the events socket says into the query cache; every list and view follows by itself. */
export function applyEvent(frame: EventFrame, me: string): void {
  switch (frame.type) {
    case 'conversation':
      writeConversation(frame.conversation, me);
      countsChanged();
      break;
    case 'message':
      writeEntry(frame.message, me);
      countsChanged();
      break;
    case 'read':
      writeRead(frame.conversation_id, frame.seq, me);
      break;
    case 'presence':
      writePresence(frame.user_id, frame.state);
      break;
    case 'reset':
      void queryClient.invalidateQueries({ predicate: ({ queryKey }) => !queryKey.includes('timeline') });
      break;
    default:
      break;
  }
}

/** A newer version of a conversation, into its own place and into each list that it belongs to, or out of it. */
export function writeConversation(newer: Conversation, me: string): void {
  const { queryKey } = queries.conversation(newer.id);
  store(merged(queryClient.getQueryData(queryKey), newer, me), me);
}

/** I have read up to here, on this device or another. */
export function writeRead(conversationId: string, seq: number, me: string): void {
  const known = queryClient.getQueryData(queries.conversation(conversationId).queryKey);
  const read = known && withRead(known, seq);
  if (!read || read === known) return;
  store(read, me);
  if (read.unread !== known.unread) countsChanged();
}

function store(conversation: Conversation, me: string): void {
  queryClient.setQueryData(queries.conversation(conversation.id).queryKey, conversation);
  for (const [key, list] of queryClient.getQueriesData<Conversations>({ queryKey: ['conversations', 'list'] })) {
    const filter = key[2] as ConversationFilter;
    if (list) queryClient.setQueryData(key, place(list, conversation, belongs(conversation, filter, me)));
  }
}

export function place(list: Conversations, conversation: Conversation, belongsHere: boolean): Conversations {
  const isHere = list.pages.some((page) => page.items.some((item) => item.id === conversation.id));
  if (!isHere && !belongsHere) return list;
  const pages = list.pages.map((page) => ({
    ...page,
    items: page.items.filter((item) => item.id !== conversation.id),
  }));
  if (!belongsHere) return { ...list, pages };
  const at = pages.findIndex(({ items, next_cursor }) => {
    const last = items.at(-1);
    return next_cursor === null || (last !== undefined && last.last_activity_at <= conversation.last_activity_at);
  });
  const page = pages[at];
  if (!page) return { ...list, pages }; // older than what is loaded: a later page brings it
  const items = [...page.items, conversation].sort((a, b) => (a.last_activity_at < b.last_activity_at ? 1 : -1));
  return { ...list, pages: pages.with(at, { ...page, items }) };
}

/** Into a timeline that is loaded and at its end; any other is filled by its own socket when it opens. */
function writeEntry(entry: Entry, me: string): void {
  const conversation = queries.conversation(entry.conversation_id);
  const known = queryClient.getQueryData(conversation.queryKey);
  if (known) store(withEntry(known, entry, me), me);
  // The first that is heard of it. Should it fail, the next message asks again.
  else
    queryClient.fetchQuery(conversation).then(
      (found) => writeConversation(found, me),
      () => undefined,
    );
  queryClient.setQueryData<Timeline>(timelineKey(entry.conversation_id), (timeline) =>
    timeline && lastSeq(timeline) === entry.seq - 1 ? appendEntry(timeline, entry) : timeline,
  );
}

export function writePresence(userId: string, presence: Presence): void {
  queryClient.setQueryData<Page<Person>>(
    queries.directory.queryKey,
    (directory) =>
      directory && {
        ...directory,
        items: directory.items.map((person) => (person.id === userId ? { ...person, presence } : person)),
      },
  );
}

let pending: ReturnType<typeof setTimeout> | undefined;

/** Asks for the counts once after a burst of changes. */
function countsChanged(): void {
  clearTimeout(pending);
  pending = setTimeout(() => void queryClient.invalidateQueries({ queryKey: queries.counts.queryKey }), 400);
}
