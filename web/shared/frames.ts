import type { Conversation, Entry, Presence, Sender, User } from './api-types';

export type Participant = Sender & { presence: Presence };

/** `C` is the conversation as this reader is shown it: a visitor sees less. */
export type ChatFrame<C> =
  | { type: 'ready'; conversation: C; you: Sender; last_seq: number; participants: Participant[] }
  | { type: 'ack'; client_id: string; seq: number; id: string; created_at: string }
  | { type: 'message'; message: Entry }
  | { type: 'reply.start'; reply_id: string; model?: string | null; text?: string | null; index?: number | null }
  | { type: 'reply.delta'; reply_id: string; index: number; text: string }
  | { type: 'reply.done'; reply_id: string; message: Entry | null }
  | { type: 'reply.error'; reply_id: string; code: string; detail?: string | null }
  | { type: 'typing'; sender: Sender; on: boolean }
  | { type: 'read'; sender: Sender; seq: number }
  | { type: 'presence'; user_id: string; state: Presence }
  | { type: 'conversation'; conversation: C }
  | { type: 'error'; code: string; detail?: string | null; client_id?: string | null }
  | { type: 'pong'; t?: number | null };

export type Cursor = string | number;

/** Frames of `/ws/events`; those of later modules (calls, rooms) pass through as they are. */
export type EventsFrame =
  | { type: 'ready'; cursor: Cursor; user: User }
  | { type: 'conversation'; cursor: Cursor; conversation: Conversation }
  | { type: 'message'; cursor: Cursor; message: Entry }
  | { type: 'presence'; cursor: Cursor; user_id: string; state: Presence }
  | { type: 'notification'; cursor: Cursor; kind: string; [detail: string]: unknown }
  | { type: 'reset'; cursor: Cursor; reason: string }
  | { type: 'pong'; t?: number | null }
  | { type: 'error'; code: string; detail?: string | null };

/** Close codes of the server's sockets. */
export const Close = {
  normal: 1000,
  restarting: 1012,
  unauthenticated: 4001,
  forbidden: 4003,
  notFound: 4004,
  tooSlow: 4008,
  expired: 4009,
  rateLimited: 4029,
} as const;
