-- Conversations: the timeline, and what is a projection of it or hangs on it.
-- Every key that points to another table carries tenant_id, so no row can point across tenants.

create table contacts (
    tenant_id uuid not null references tenants (id),
    id uuid primary key,
    external_id text,
    name text not null default '',
    email text,
    phone text,
    locale text,
    note text not null default '',
    attributes jsonb not null default '{}',
    -- The customer's site vouched for external_id with a signature.
    verified boolean not null default false,
    merged_into uuid,
    last_seen_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    unique (tenant_id, id),
    foreign key (tenant_id, merged_into) references contacts (tenant_id, id)
);
create unique index contacts_external_id on contacts (tenant_id, external_id) where external_id is not null and deleted_at is null;
create index contacts_email on contacts (tenant_id, lower(email)) where email is not null and deleted_at is null;
create index contacts_by_age on contacts (tenant_id, id desc) where deleted_at is null;

create table conversations (
    tenant_id uuid not null references tenants (id),
    id uuid primary key,
    kind text not null check (kind in ('assistant', 'support', 'group')),
    title text not null default '',
    status text not null default 'open' check (status in ('open', 'pending', 'resolved', 'archived')),
    handler text not null check (handler in ('ai', 'queue', 'agent')),
    -- Grows with each change of handler; a write by an assistant with an older one is refused.
    owner_epoch bigint not null default 0,
    priority text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
    assignee_id uuid,
    contact_id uuid,
    created_by uuid,
    provider text,
    model text,
    system_prompt text,
    tags text[] not null default '{}',
    last_seq bigint not null default 0,
    -- How far the full-text index has come; it follows last_seq within a moment.
    indexed_seq bigint not null default 0,
    last_activity_at timestamptz not null,
    waiting_since timestamptz,
    first_response_at timestamptz,
    resolved_at timestamptz,
    rating_score smallint check (rating_score between 1 and 5),
    rating_comment text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    unique (tenant_id, id),
    foreign key (tenant_id, assignee_id) references users (tenant_id, id),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
) with (fillfactor = 80);  -- room on the page: an append updates its row in place
create index conversations_by_activity on conversations (tenant_id, last_activity_at desc, id desc) where deleted_at is null;
create index conversations_by_assignee on conversations (tenant_id, assignee_id, last_activity_at desc) where assignee_id is not null and deleted_at is null;
create index conversations_by_contact on conversations (tenant_id, contact_id, last_activity_at desc) where contact_id is not null;
create index conversations_by_creator on conversations (tenant_id, created_by, last_activity_at desc) where created_by is not null;
create index conversations_waiting on conversations (tenant_id, waiting_since) where waiting_since is not null and deleted_at is null;
create index conversations_open on conversations (tenant_id, handler) where status in ('open', 'pending') and kind = 'support' and deleted_at is null;

-- The members of a group conversation; a conversation with an assistant has its creator.
create table conversation_members (
    tenant_id uuid not null,
    conversation_id uuid not null,
    user_id uuid not null,
    joined_at timestamptz not null,
    primary key (conversation_id, user_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index conversation_members_by_user on conversation_members (user_id, conversation_id);

-- How far a user or a contact has read.
create table conversation_reads (
    tenant_id uuid not null,
    conversation_id uuid not null,
    reader_id uuid not null,
    seq bigint not null,
    read_at timestamptz not null,
    primary key (conversation_id, reader_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);

-- The log. Append-only, gapless per conversation, written by Timeline.AppendAsync alone. It has no foreign key to
-- conversations: the one statement that inserts here joins and updates the locked conversation's row, and a check
-- per row would cost as much as the insert.
create table timeline_entries (
    tenant_id uuid not null,
    conversation_id uuid not null,
    seq bigint not null,
    id uuid not null,
    kind text not null,
    sender_type text not null,
    sender_id uuid,
    sender_name text not null,
    body text not null,
    attachments jsonb,
    private boolean not null,
    client_id text,
    metadata jsonb,
    model text,
    usage jsonb,
    created_at timestamptz not null,
    primary key (conversation_id, seq)
);
create unique index timeline_entries_client_id on timeline_entries (conversation_id, client_id) where client_id is not null;

-- Full text: words, and pairs of characters where a script has no spaces. Filled behind the log.
create table timeline_search (
    tenant_id uuid not null,
    conversation_id uuid not null,
    seq bigint not null,
    private boolean not null,
    tokens tsvector not null,
    primary key (conversation_id, seq)
);
create index timeline_search_tokens on timeline_search using gin (tokens);

create table files (
    tenant_id uuid not null,
    id uuid primary key,
    conversation_id uuid not null,
    name text not null,
    content_type text not null,
    size bigint not null,
    storage_key text not null,
    uploaded_by_type text not null,
    uploaded_by uuid not null,
    created_at timestamptz not null,
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index files_by_conversation on files (conversation_id);

create table canned_replies (
    tenant_id uuid not null references tenants (id),
    id uuid primary key,
    shortcut text not null,
    body text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index canned_replies_shortcut on canned_replies (tenant_id, lower(shortcut));

create table widgets (
    tenant_id uuid primary key references tenants (id),
    widget_key text not null unique,
    allowed_origins text[] not null default '{}',
    title text not null,
    greeting text not null,
    color text not null,
    locale text not null,
    calls boolean not null,
    assistant boolean not null,
    max_file_bytes bigint not null,
    -- Whether who waits is given to an agent who is online.
    auto_assign boolean not null default true,
    -- Encrypted; with it the customer's site signs who a visitor is.
    identity_secret text not null,
    updated_at timestamptz not null
);

create table widget_sessions (
    tenant_id uuid not null,
    id uuid primary key,
    contact_id uuid not null,
    conversation_id uuid not null,
    state text not null check (state in ('active', 'idle', 'expired')),
    page_url text,
    referrer text,
    user_agent text,
    ip text,
    locale text,
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index widget_sessions_by_conversation on widget_sessions (conversation_id);
create index widget_sessions_to_sweep on widget_sessions (state, last_seen_at) where state <> 'expired';
