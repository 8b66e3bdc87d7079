/** Shapes of the HTTP API and the sockets, as /openapi/v1.json describes them. */

export type Page<T> = { items: T[]; next_cursor: string | null };

export type Role = 'admin' | 'supervisor' | 'agent' | 'member';
export type Availability = 'online' | 'away';
export type Presence = 'online' | 'away' | 'offline';

export type User = {
  id: string;
  tenant_id: string;
  username: string;
  email: string;
  full_name: string | null;
  role: Role;
  status: 'active' | 'suspended';
  availability: Availability;
  locale: string | null;
  theme?: string | null;
  operator: boolean;
  created_at: string;
  last_seen_at: string | null;
};

export type Session = {
  access_token: string;
  token_type: 'Bearer';
  expires_in: number;
  refresh_token: string;
  user: User;
};

export type AuthState = { setup_required: boolean; registration: 'open' | 'closed'; version: string };

export type Device = {
  id: string;
  ip: string | null;
  user_agent: string | null;
  created_at: string;
  last_seen_at: string | null;
  current: boolean;
};

export type Person = { id: string; username: string; full_name: string | null; role: Role; presence: Presence };

export type ApiKeyScope = 'rooms' | 'conversations' | 'ai' | 'admin';
export type ApiKey = {
  id: string;
  name: string;
  prefix: string;
  scopes: ApiKeyScope[];
  created_at: string;
  last_used_at: string | null;
};

export type Tenant = {
  id: string;
  name: string;
  status: 'active' | 'suspended';
  registration: 'open' | 'closed';
  created_at: string;
  max_file_bytes?: number;
  allowed_file_types?: string[];
};

export type AuditEntry = {
  id: string;
  at: string;
  actor: { type: string; id: string | null; name: string | null };
  action: string;
  target_type: string | null;
  target_id: string | null;
  ip: string | null;
  detail: unknown;
};

export type ConversationKind = 'assistant' | 'support' | 'group';
export type ConversationStatus = 'open' | 'pending' | 'resolved' | 'archived';
export type Handler = 'ai' | 'queue' | 'agent';
export type Priority = 'low' | 'normal' | 'high' | 'urgent';
export type InboxView = 'mine' | 'waiting' | 'ai' | 'all' | 'closed';

export type SenderType = 'member' | 'agent' | 'visitor' | 'assistant' | 'system';
export type Sender = { type: SenderType; id: string | null; name: string | null };

export type Conversation = {
  id: string;
  kind: ConversationKind;
  title: string | null;
  status: ConversationStatus;
  handler: Handler;
  owner_epoch: number;
  priority: Priority;
  assignee: { id: string; name: string | null } | null;
  contact: { id: string; name: string | null; email: string | null } | null;
  created_by: string | null;
  provider: string | null;
  model: string | null;
  system_prompt?: string | null;
  tags: string[];
  last_seq: number;
  last_activity_at: string;
  last_message: {
    seq: number;
    sender: Sender;
    body: string | null;
    kind: EntryKind;
    private: boolean;
    created_at: string;
  } | null;
  unread: number;
  my_read_seq: number;
  waiting_since: string | null;
  queue_position: number | null;
  rating: { score: number; comment: string | null } | null;
  reply: { id: string; status: ReplyStatus; text?: string | null } | null;
  session: { id: string; state: 'active' | 'idle' | 'expired'; page_url: string | null } | null;
  created_at: string;
  updated_at: string;
  deleted_at: string | null;
};

/** What a visitor sees of its conversation. */
export type VisitorConversation = {
  id: string;
  kind: ConversationKind;
  status: ConversationStatus;
  handler: Handler;
  owner_epoch: number;
  assignee: { name: string | null } | null;
  last_seq: number;
  queue_position: number | null;
  rating: { score: number; comment: string | null } | null;
  created_at: string;
};

export type EntryKind = 'text' | 'image' | 'file' | 'event';
export type Attachment = { id: string; name: string; content_type: string; size: number; url: string };
export type Usage = { prompt_tokens?: number; completion_tokens?: number; total_tokens?: number };

/** One entry of the timeline; a message is one. */
export type Entry = {
  id: string;
  conversation_id: string;
  seq: number;
  kind: EntryKind;
  sender: Sender;
  body: string | null;
  attachments: Attachment[];
  private: boolean;
  client_id: string | null;
  metadata: EntryMetadata | null;
  model?: string | null;
  usage?: Usage | null;
  created_at: string;
};

type Named = { id: string; name: string | null };

export type EntryMetadata = { event?: string; status?: string; [key: string]: unknown };

export type TimelineEvent =
  | { event: 'handoff'; from: Handler; to: Handler; reason?: string | null; by?: Named | null }
  | { event: 'assigned'; from?: Named | null; to?: Named | null; by?: Named | null; automatic?: boolean }
  | { event: 'status'; from: ConversationStatus; to: ConversationStatus; by?: Named | null }
  | { event: 'priority'; from: Priority; to: Priority; by?: Named | null }
  | { event: 'rating'; score: number; comment?: string | null }
  | { event: 'tags'; added?: string[]; removed?: string[]; by?: Named | null }
  | { event: 'members'; added?: Named[]; removed?: Named[]; by?: Named | null }
  | { event: 'summary'; text: string }
  | { event: 'reply_failed'; code?: string | null }
  | { event: 'no_assistant' };

export type ReplyStatus = 'running' | 'done' | 'cancelled' | 'truncated' | 'failed';

export type InboxCounts = {
  mine: number;
  waiting: number;
  ai: number;
  unassigned: number;
  all_open: number;
  unread: number;
};

export type Contact = {
  id: string;
  external_id: string | null;
  name: string | null;
  email: string | null;
  phone: string | null;
  locale: string | null;
  attributes: Record<string, unknown>;
  note: string | null;
  verified: boolean;
  last_seen_at: string | null;
  created_at: string;
  conversations: number;
};

type Spread = { median: number | null; p90: number | null };

export type Overview = {
  from: string;
  to: string;
  conversations: number;
  messages: number;
  resolved: number;
  ai_resolution_rate: number | null;
  first_response_s: Spread;
  resolution_s: Spread;
  rating: number | null;
  calls: Record<string, number>;
  per_agent: {
    id: string;
    name: string;
    conversations: number;
    messages: number;
    resolved: number;
    first_response_s: Spread;
  }[];
  per_day: { date: string; conversations: number; messages: number }[];
};

export type CannedReply = { id: string; shortcut: string; body: string; created_at: string; updated_at: string };

export type WidgetConfig = {
  title: string;
  greeting: string;
  color: string;
  locale: string | null;
  calls: boolean;
  assistant: boolean;
  max_file_bytes: number;
};

export type WidgetSettings = WidgetConfig & {
  auto_assign: boolean;
  widget_key: string;
  allowed_origins: string[];
  identity_secret?: string | null;
  snippet: string;
};

export type WidgetSession = {
  session_id: string;
  conversation_id: string;
  token: string;
  expires_in: number;
  config: WidgetConfig;
  contact: { id: string; name: string | null };
  resumed: boolean;
};

export type UploadedFile = Attachment & { created_at: string };

export type SearchHit = {
  conversation: Pick<Conversation, 'id' | 'title' | 'kind' | 'status' | 'contact'>;
  message: Entry;
  highlight: string;
};

export type ProviderType =
  | 'openai'
  | 'anthropic'
  | 'deepseek'
  | 'dashscope'
  | 'openai_compatible'
  | 'simulator'
  | 'knowledge';

export type Health = { state: 'up' | 'down' | 'unknown'; checked_at: string | null; detail?: string | null };

export type Provider = {
  id: string;
  name: string;
  type: ProviderType;
  base_url: string | null;
  has_key: boolean;
  models: string[];
  settings: Record<string, unknown>;
  enabled: boolean;
  /** Set by the server's environment, for every tenant. */
  read_only: boolean;
  health: Health;
  created_at: string | null;
};

export type ProviderTest = {
  ok: boolean;
  latency_ms: number;
  model?: string | null;
  text?: string | null;
  code?: string | null;
  detail?: string | null;
};

export type Model = { provider: string; model: string; type: ProviderType; health: Health };
export type Route = { provider: string; model: string | null };
export type Routes = { chat: Route[]; support: Route[]; summary: Route[] };

/** What a problem+json answer carries. */
export type Problem = {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  request_id?: string;
  errors?: Record<string, string[]>;
};

/** Frames that /ws/chat/{id} sends. */
export type ChatFrame<C = Conversation> =
  | {
      type: 'ready';
      conversation: C;
      you: Sender;
      last_seq: number;
      participants: (Sender & { presence: Presence })[];
    }
  | { type: 'ack'; client_id: string; seq: number; id: string; created_at: string }
  | { type: 'message'; message: Entry }
  | { type: 'reply.start'; reply_id: string; model: string | null; text?: string; index?: number }
  | { type: 'reply.delta'; reply_id: string; index: number; text: string }
  | { type: 'reply.done'; reply_id: string; message: Entry }
  | { type: 'reply.error'; reply_id: string; code: string; detail?: string }
  | { type: 'typing'; sender: Sender; on: boolean }
  | { type: 'read'; sender: Sender; seq: number }
  | { type: 'presence'; user_id: string; state: Presence }
  | { type: 'conversation'; conversation: C }
  | { type: 'error'; code: string; detail?: string; client_id?: string }
  | { type: 'pong'; t?: number };

/** Frames that a client sends on /ws/chat/{id}. */
export type ChatCommand =
  | {
      type: 'message';
      client_id: string;
      body: string;
      kind?: EntryKind;
      attachments?: string[];
      private?: boolean;
    }
  | { type: 'typing'; on: boolean }
  | { type: 'read'; seq: number }
  | { type: 'stop' }
  | { type: 'ping'; t?: number };

/** Frames that /ws/events sends. */
export type EventFrame = { cursor?: string } & (
  | { type: 'ready'; user: User }
  | { type: 'conversation'; conversation: Conversation }
  | { type: 'message'; message: Entry }
  | { type: 'presence'; user_id: string; state: Presence }
  | { type: 'read'; conversation_id: string; seq: number }
  | { type: 'notification'; kind: string; [key: string]: unknown }
  | { type: 'reset'; reason: string }
  | { type: 'pong'; t?: number }
);
