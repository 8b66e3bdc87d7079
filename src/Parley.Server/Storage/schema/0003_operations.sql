-- Operations: the answers to requests that carried an Idempotency-Key, kept for a day.
create table idempotency_keys (
    tenant_id uuid not null references tenants (id),
    -- SHA-256 over caller, route and key.
    id bytea primary key,
    -- SHA-256 over the body: the same key with another body is refused.
    request_hash bytea not null,
    -- The request that works on it, and until when it is believed to.
    owner uuid not null,
    locked_until timestamptz not null,
    -- The sealed answer; null while the first request still runs.
    answer text,
    created_at timestamptz not null
);
create index idempotency_keys_by_age on idempotency_keys (created_at);
