-- Assistants: the model servers a tenant may ask, in which order, and what became of each reply.

create table providers (
    tenant_id uuid not null references tenants (id),
    id uuid primary key,
    name text not null,
    type text not null,
    base_url text,
    -- Sealed; opens only with this row's id.
    api_key text,
    models text[] not null default '{}',
    settings jsonb not null default '{}',
    enabled boolean not null default true,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index providers_name on providers (tenant_id, lower(name));

-- Who is asked, in order, for one use. Without a row: every provider there is; with an empty list: nobody.
create table ai_routes (
    tenant_id uuid not null references tenants (id),
    use text not null check (use in ('chat', 'support', 'summary')),
    -- [{"provider": name, "model": name or null}]
    targets jsonb not null,
    updated_at timestamptz not null,
    primary key (tenant_id, use)
);

create table replies (
    tenant_id uuid not null,
    id uuid primary key,
    conversation_id uuid not null,
    status text not null check (status in ('running', 'done', 'cancelled', 'truncated', 'failed')),
    -- The job that gives it; another job that finds it running leaves what it wants in owed_seq.
    job_id bigint not null,
    -- The last entry that was there when it began: everything up to it is answered by it.
    answers_seq bigint not null,
    -- The last entry that wants an answer and came while it ran.
    owed_seq bigint not null default 0,
    -- The handler it speaks for; after a change of handler it says nothing more.
    owner_epoch bigint not null,
    model text,
    -- Its text as far as it has been saved, and the number of the last piece of it.
    text text not null default '',
    last_index int not null default -1,
    -- [{"provider", "model", "outcome", "ttft_ms", "tokens", "detail"}]
    attempts jsonb not null default '[]',
    code text,
    -- The entry it became.
    message_seq bigint,
    cancel_requested boolean not null default false,
    created_at timestamptz not null,
    -- Of a running reply: the last sign of life.
    updated_at timestamptz not null,
    ended_at timestamptz,
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
) with (fillfactor = 80);
create unique index replies_running on replies (conversation_id) where status = 'running';
create index replies_by_conversation on replies (conversation_id, answers_seq);
create index replies_by_age on replies (updated_at) where status = 'running';
