import type { Conversation, Sender } from '@shared/api-types';
import type { ConnectionState } from '@shared/connection';
import { type ChatEvent, ChatSocket, type OutboxStore, type RunningReply, type Unsent } from '@shared/socket';
import { useEffect, useMemo, useState } from 'react';
import { socketAuthentication, socketUrl, useMe } from './client';
import { writeConversation } from './live-events';
import { queries, queryClient, timelineKey } from './queries';
import { appendEntry, lastSeq, type Timeline } from './timeline';

/** What of an open conversation lives only as long as it is open. */
export type ChatState = {
  connection: ConnectionState;
  /** Written here and not yet in the timeline, oldest first. */
  outbox: readonly Unsent[];
  reply: RunningReply | null;
  /** Why the last AI reply broke off, until the next one begins. */
  replyFailure: { code: string; detail: string | null } | null;
  typing: Sender[];
  /** Up to where others have read, by their id. */
  reads: Record<string, number>;
};

export const initialChat: ChatState = {
  connection: { kind: 'idle' },
  outbox: [],
  reply: null,
  replyFailure: null,
  typing: [],
  reads: {},
};

export function nextChat(chat: ChatState, event: ChatEvent<Conversation>): ChatState {
  switch (event.type) {
    case 'state':
      return { ...chat, connection: event.state, typing: event.state.kind === 'live' ? chat.typing : [] };
    case 'outbox':
      return { ...chat, outbox: event.unsent };
    case 'entry':
      return { ...chat, typing: chat.typing.filter((sender) => sender.id !== event.entry.sender.id) };
    case 'reply':
      return { ...chat, reply: event.reply, replyFailure: event.reply ? null : chat.replyFailure };
    case 'reply-failed':
      return { ...chat, replyFailure: { code: event.code, detail: event.detail } };
    case 'typing': {
      const others = chat.typing.filter((sender) => sender.id !== event.sender.id);
      return { ...chat, typing: event.on ? [...others, event.sender] : others };
    }
    case 'read': {
      const id = event.sender.id;
      return id ? { ...chat, reads: { ...chat.reads, [id]: Math.max(chat.reads[id] ?? 0, event.seq) } } : chat;
    }
    default:
      return chat;
  }
}

export type Chat = ChatState & { socket: ChatSocket<Conversation> };

/** Opens a conversation's socket for as long as the component is there, and lets it write into the query cache. */
export function useChat(conversationId: string): Chat {
  const me = useMe().id;
  const socket = useMemo(
    () =>
      new ChatSocket<Conversation>({
        url: socketUrl(`/ws/chat/${conversationId}`),
        ...socketAuthentication,
        afterSeq: lastSeq(queryClient.getQueryData<Timeline>(timelineKey(conversationId))),
        outbox: localOutbox(`parley.outbox.${conversationId}`),
      }),
    [conversationId],
  );
  const [chat, setChat] = useState<ChatState>({ ...initialChat, outbox: [...socket.unsent] });

  useEffect(() => {
    setChat({ ...initialChat, outbox: [...socket.unsent] });
    const stopListening = socket.listen((event) => {
      writeToCache(conversationId, event, me);
      setChat((current) => nextChat(current, event));
    });
    socket.start();
    return () => {
      stopListening();
      socket.stop();
    };
  }, [socket, conversationId, me]);

  return { ...chat, socket };
}

function writeToCache(conversationId: string, event: ChatEvent<Conversation>, me: string): void {
  switch (event.type) {
    case 'ready':
    case 'conversation':
      writeConversation(event.conversation, me);
      break;
    case 'entry':
      queryClient.setQueryData<Timeline>(timelineKey(conversationId), (timeline) =>
        appendEntry(timeline ?? { entries: [], hasEarlier: event.entry.seq > 1 }, event.entry),
      );
      break;
    case 'reset':
      void queryClient.resetQueries({ queryKey: queries.timeline(conversationId).queryKey });
      break;
    default:
      break;
  }
}

function localOutbox(key: string): OutboxStore {
  return {
    load() {
      try {
        return JSON.parse(localStorage.getItem(key) ?? '[]') as Unsent[];
      } catch {
        return [];
      }
    },
    save(unsent) {
      if (unsent.length > 0) localStorage.setItem(key, JSON.stringify(unsent));
      else localStorage.removeItem(key);
    },
  };
}
