import type { Query } from '@shared/api-client';
import type {
  ApiKey,
  ApiKeyScope,
  AuditEntry,
  AuthState,
  Availability,
  CannedReply,
  Contact,
  Conversation,
  ConversationKind,
  ConversationStatus,
  Device,
  Entry,
  InboxCounts,
  InboxView,
  Model,
  Overview,
  Page,
  Person,
  Priority,
  Provider,
  ProviderTest,
  ProviderType,
  Role,
  Routes,
  SearchHit,
  Session,
  Tenant,
  UploadedFile,
  User,
  WidgetSettings,
} from '@shared/api-types';
import { client } from './client';

const get = <T>(path: string, query?: Query, signal?: AbortSignal) => client.request<T>('GET', path, { query, signal });
const post = <T>(path: string, body?: unknown) => client.request<T>('POST', path, { body });
const patch = <T>(path: string, body: unknown) => client.request<T>('PATCH', path, { body });
const put = <T>(path: string, body: unknown) => client.request<T>('PUT', path, { body });
const remove = (path: string) => client.request<void>('DELETE', path);
const segment = encodeURIComponent;

export type Registration = {
  username: string;
  email: string;
  password: string;
  full_name?: string;
  setup_token?: string;
};
export type Credentials = { email?: string; username?: string; password: string };
export type ProfileChange = Partial<{
  full_name: string;
  locale: string;
  theme: string;
  availability: Availability;
}>;

export type ConversationFilter = {
  kind?: ConversationKind;
  view?: InboxView;
  status?: ConversationStatus;
  priority?: Priority;
  tag?: string;
  assignee_id?: string;
  contact_id?: string;
  q?: string;
  deleted?: boolean;
};

export type ConversationChange = Partial<{
  title: string;
  status: ConversationStatus;
  priority: Priority;
  tags: string[];
  provider: string | null;
  model: string | null;
}>;

export type ContactChange = Partial<{
  external_id: string | null;
  name: string | null;
  email: string | null;
  phone: string | null;
  note: string | null;
  attributes: Record<string, unknown>;
}>;

export type ProviderChange = {
  name?: string;
  type?: ProviderType;
  base_url?: string | null;
  api_key?: string;
  models?: string[];
  settings?: Record<string, unknown>;
  enabled?: boolean;
};

/** Every route that the console calls, one function each. */
export const api = {
  authState: () => client.request<AuthState>('GET', '/auth/state', { anonymous: true }),
  register: (body: Registration) => client.request<Session>('POST', '/auth/register', { body, anonymous: true }),
  login: (body: Credentials) => client.request<Session>('POST', '/auth/login', { body, anonymous: true }),
  logout: () => post<void>('/auth/logout'),
  me: () => get<User>('/auth/me'),
  updateMe: (change: ProfileChange) => patch<User>('/auth/me', change),
  changePassword: (body: { current_password: string; new_password: string }) => post<void>('/auth/password', body),
  devices: () => get<Page<Device>>('/auth/sessions'),
  revokeDevice: (id: string) => remove(`/auth/sessions/${id}`),

  users: (query: { q?: string; cursor?: string; limit?: number }) => get<Page<User>>('/users', query),
  createUser: (body: { username: string; email: string; password: string; full_name?: string; role: Role }) =>
    post<User>('/users', body),
  updateUser: (id: string, change: Partial<Pick<User, 'role' | 'status' | 'full_name' | 'email'>>) =>
    patch<User>(`/users/${id}`, change),
  directory: () => get<Page<Person>>('/directory', { limit: 200 }),

  apiKeys: () => get<Page<ApiKey>>('/api-keys', { limit: 200 }),
  createApiKey: (body: { name: string; scopes: ApiKeyScope[] }) => post<ApiKey & { key: string }>('/api-keys', body),
  deleteApiKey: (id: string) => remove(`/api-keys/${id}`),

  tenant: () => get<Tenant>('/tenant'),
  updateTenant: (change: Partial<Pick<Tenant, 'name' | 'registration' | 'max_file_bytes' | 'allowed_file_types'>>) =>
    patch<Tenant>('/tenant', change),

  overview: (query: { from: string }) => get<Overview>('/stats/overview', query),
  audit: (query: Query) => get<Page<AuditEntry>>('/audit', query),

  conversations: (filter: ConversationFilter, cursor?: string, limit = 50) =>
    get<Page<Conversation>>('/conversations', { ...filter, cursor, limit }),
  conversation: (id: string) => get<Conversation>(`/conversations/${id}`),
  createConversation: (body: {
    kind: ConversationKind;
    title?: string;
    provider?: string;
    model?: string;
    member_ids?: string[];
    contact_id?: string;
  }) => post<Conversation>('/conversations', body),
  updateConversation: (id: string, change: ConversationChange) => patch<Conversation>(`/conversations/${id}`, change),
  deleteConversation: (id: string) => remove(`/conversations/${id}`),
  restoreConversation: (id: string) => post<Conversation>(`/conversations/${id}/restore`),
  messages: (id: string, range: { before_seq?: number; after_seq?: number; limit?: number }) =>
    get<Page<Entry>>(`/conversations/${id}/messages`, range),
  sendMessage: (id: string, body: { body: string; client_id: string }) =>
    post<Entry>(`/conversations/${id}/messages`, body),
  handOff: (id: string, body: { to: 'agent' | 'ai'; reason?: string; expected_epoch?: number }) =>
    post<Conversation>(`/conversations/${id}/handoff`, body),
  assign: (id: string, userId: string | null) => post<Conversation>(`/conversations/${id}/assign`, { user_id: userId }),
  inboxCounts: () => get<InboxCounts>('/inbox/counts'),
  search: (q: string, signal?: AbortSignal) => get<Page<SearchHit>>('/search', { q, limit: 50 }, signal),

  contacts: (query: { q?: string; cursor?: string; limit?: number }) => get<Page<Contact>>('/contacts', query),
  contact: (id: string) => get<Contact>(`/contacts/${id}`),
  createContact: (body: ContactChange) => post<Contact>('/contacts', body),
  updateContact: (id: string, change: ContactChange) => patch<Contact>(`/contacts/${id}`, change),
  deleteContact: (id: string) => remove(`/contacts/${id}`),
  mergeContact: (id: string, into: string) => post<Contact>(`/contacts/${id}/merge`, { into }),

  cannedReplies: () => get<Page<CannedReply>>('/canned-replies', { limit: 200 }),
  createCannedReply: (body: { shortcut: string; body: string }) => post<CannedReply>('/canned-replies', body),
  updateCannedReply: (id: string, body: { shortcut: string; body: string }) =>
    patch<CannedReply>(`/canned-replies/${id}`, body),
  deleteCannedReply: (id: string) => remove(`/canned-replies/${id}`),

  widgetSettings: () => get<WidgetSettings>('/widget/settings'),
  updateWidgetSettings: (change: Partial<WidgetSettings>) => patch<WidgetSettings>('/widget/settings', change),
  rotateWidgetKey: () => post<WidgetSettings>('/widget/settings/rotate-key'),

  uploadFile(conversationId: string, file: File) {
    const form = new FormData();
    form.set('conversation_id', conversationId);
    form.set('file', file, file.name);
    return client.request<UploadedFile>('POST', '/files', { form });
  },

  providers: () => get<Page<Provider>>('/ai/providers', { limit: 200 }),
  createProvider: (body: ProviderChange) => post<Provider>('/ai/providers', body),
  updateProvider: (id: string, change: ProviderChange) => patch<Provider>(`/ai/providers/${segment(id)}`, change),
  deleteProvider: (id: string) => remove(`/ai/providers/${segment(id)}`),
  testProvider: (id: string) => post<ProviderTest>(`/ai/providers/${segment(id)}/test`),
  models: () => get<Page<Model>>('/ai/models'),
  routes: () => get<Routes>('/ai/routes'),
  updateRoutes: (routes: Routes) => put<Routes>('/ai/routes', routes),
};
