-- Durable jobs: what must not be forgotten. A job is written in the transaction of what it follows from,
-- so that both happen or neither; a row that is here has not been done.
create table jobs (
    id bigint generated always as identity primary key,
    tenant_id uuid null,
    kind text not null,
    key text null,
    payload jsonb not null default '{}',
    run_at timestamptz not null default now(),
    attempts int not null default 0,
    -- Grows when the same key is written again; one written while its job runs makes it run once more.
    revision int not null default 0,
    -- The server that runs it now, and until when it is believed to without saying so again.
    locked_by uuid null,
    locked_until timestamptz null,
    last_error text null,
    -- Set when it was tried for the last time. Such a job is kept to be looked at and holds its key no more.
    failed_at timestamptz null,
    created_at timestamptz not null default now()
);

create unique index jobs_kind_key on jobs (kind, key) where key is not null and failed_at is null;
create index jobs_due on jobs (kind, run_at) where failed_at is null;
create index jobs_locked_by on jobs (locked_by) where locked_by is not null;
create index jobs_failed_at on jobs (failed_at) where failed_at is not null;
