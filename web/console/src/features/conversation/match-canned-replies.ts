import type { CannedReply } from '@shared/api-types';

/** The replies that a text beginning with a slash may mean: those whose shortcut begins with it first. */
export function matchCannedReplies(replies: readonly CannedReply[], text: string): CannedReply[] {
  const wanted = /^\/(\S*)$/.exec(text)?.[1]?.toLowerCase();
  if (wanted === undefined) return [];
  const starts = replies.filter((reply) => reply.shortcut.toLowerCase().startsWith(wanted));
  const contains = replies.filter(
    (reply) => !starts.includes(reply) && `${reply.shortcut} ${reply.body}`.toLowerCase().includes(wanted),
  );
  return [...starts, ...contains].slice(0, 8);
}
