-- Accounts: tenants, people, their sessions, keys for machines, and who did what.
-- Every key that points to another table carries tenant_id, so no row can point across tenants.

create table tenants (
    id uuid primary key,
    name text not null,
    status text not null default 'active' check (status in ('active', 'suspended')),
    -- Null: as the installation is configured.
    registration text check (registration in ('open', 'closed')),
    max_file_bytes bigint not null default 26214400,
    -- Content types, `image/*` for a whole family; empty: the server's own list.
    allowed_file_types text[] not null default '{}',
    created_at timestamptz not null
);

create table users (
    tenant_id uuid not null references tenants (id),
    id uuid primary key,
    username text not null,
    email text not null,
    full_name text not null default '',
    password_hash text not null,
    role text not null check (role in ('member', 'agent', 'supervisor', 'admin')),
    status text not null default 'active' check (status in ('active', 'suspended')),
    availability text not null default 'online' check (availability in ('online', 'away')),
    locale text not null default 'en',
    theme text,
    -- May found and suspend tenants: the first administrator of the installation.
    operator boolean not null default false,
    created_at timestamptz not null,
    last_seen_at timestamptz,
    -- The row stays for what the timeline says about it; names and passwords do not.
    deleted_at timestamptz,
    unique (tenant_id, id)
);
-- Signing in names no tenant, so both are unique in the installation.
create unique index users_username on users (lower(username)) where deleted_at is null;
create unique index users_email on users (lower(email)) where deleted_at is null;
create index users_by_tenant on users (tenant_id, id) where deleted_at is null;

-- A device that is signed in: a family of refresh tokens, of which one is unspent.
create table sessions (
    tenant_id uuid not null,
    id uuid primary key,
    user_id uuid not null,
    ip text not null,
    user_agent text not null,
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    unique (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index sessions_by_user on sessions (user_id, last_seen_at desc) where revoked_at is null;
create index sessions_by_expiry on sessions (expires_at);

create table refresh_tokens (
    tenant_id uuid not null,
    -- SHA-256 of the token; the token itself is known to its owner alone.
    hash bytea primary key,
    session_id uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    -- Presented again after this, it was stolen: the whole family is revoked.
    spent_at timestamptz,
    foreign key (tenant_id, session_id) references sessions (tenant_id, id) on delete cascade
);
create index refresh_tokens_by_session on refresh_tokens (session_id);

create table api_keys (
    tenant_id uuid not null references tenants (id),
    id uuid primary key,
    name text not null,
    -- The key's first characters, by which people tell keys apart.
    prefix text not null,
    hash bytea not null unique,
    scopes text[] not null,
    created_by uuid,
    created_at timestamptz not null,
    last_used_at timestamptz,
    unique (tenant_id, id)
);
create index api_keys_by_tenant on api_keys (tenant_id, id);

create table audit_entries (
    tenant_id uuid not null references tenants (id),
    id uuid primary key,
    at timestamptz not null,
    actor_type text not null check (actor_type in ('user', 'visitor', 'api_key', 'system')),
    actor_id uuid,
    actor_name text not null,
    action text not null,
    target_type text not null,
    target_id text,
    ip text,
    detail jsonb,
    unique (tenant_id, id)
);
create index audit_entries_by_age on audit_entries (tenant_id, id desc);
create index audit_entries_by_actor on audit_entries (tenant_id, actor_id, id desc);
create index audit_entries_by_target on audit_entries (tenant_id, target_id, id desc);
