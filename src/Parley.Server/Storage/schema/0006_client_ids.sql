-- A client_id belongs to its sender: two senders may use the same one, and the server's own entries (of assistants and of the system) stand apart
-- from those of clients, so no client can name one of them.
drop index timeline_entries_client_id;
create unique index timeline_entries_client_id on timeline_entries (
    conversation_id, client_id,
    (coalesce(case when sender_type in ('visitor', 'member', 'agent') then sender_id end, '00000000-0000-0000-0000-000000000000'::uuid))
) where client_id is not null;
