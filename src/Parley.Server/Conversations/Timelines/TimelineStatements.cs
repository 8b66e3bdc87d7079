using Npgsql;
using NpgsqlTypes;
using Parley.Server.Conversations.Files;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Timelines;

/// <summary>
/// The SQL of the log. A batch is two statements in one round trip and one commit: the conversations' rows are locked in the
/// order of their ids (so that nodes never deadlock), then everything is checked, numbered, inserted and projected at once,
/// with a snapshot that was taken when the locks were held.
/// </summary>
internal static class TimelineStatements
{
    private const string Lock = """
        select from conversations where id = any($1) order by id for no key update
        """;

    private static readonly string _append = $$"""
        with input as materialized (
            select *, sender_type in ('visitor', 'member') and kind <> 'event' as by_customer from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[],
                                 $10::boolean[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::boolean[])
                with ordinality as i (conversation_id, tenant_id, id, kind, sender_type, sender_id, sender_name, body, attachments,
                                      private, client_id, metadata, model, usage, if_epoch, wants_reply, n)
        ), looked_up as materialized (
            select i.*, t.kind as conversation_kind, t.handler, t.status, t.last_seq, s.seq as stored_seq, s.id as stored_id, s.created_at as stored_at,
                   t.id is not null and s.seq is null and (i.if_epoch is null or i.if_epoch = t.owner_epoch)
                       and (t.status <> 'archived' or i.sender_type = 'system') as accepted
            from input i
            -- offset 0: each by its key, never all conversations once per entry.
            left join lateral (select * from conversations c where c.id = i.conversation_id offset 0) t on t.tenant_id = i.tenant_id and t.deleted_at is null
            -- A client id is its sender's; those of the server stand apart.
            left join timeline_entries s on s.conversation_id = i.conversation_id and s.client_id = i.client_id
                and {{ClientIdOwner("s")}}
                  = {{ClientIdOwner("i")}}
        ), numbered as materialized (
            select *, last_seq + row_number() over (partition by conversation_id, accepted order by n) as seq,
                   -- Of a customer's messages to a resolved conversation the first opens it again, and says so.
                   case when status = 'resolved' and by_customer
                             and row_number() over (partition by conversation_id, accepted, by_customer order by n) = 1
                        then coalesce(metadata::jsonb, '{}') || '{"reopened": true}' end as opening
            from looked_up
        ), inserted as (
            insert into timeline_entries (tenant_id, conversation_id, seq, id, kind, sender_type, sender_id, sender_name, body, attachments,
                                          private, client_id, metadata, model, usage, created_at)
            select tenant_id, conversation_id, seq, id, kind, sender_type, sender_id, sender_name, body, attachments::jsonb,
                   private, client_id,
                   coalesce(opening, metadata::jsonb), model, usage::jsonb, $17
            from numbered where accepted
        ), owed as (
            insert into jobs (tenant_id, kind, payload, run_at, created_at)
            select tenant_id, 'reply', jsonb_build_object('conversation_id', conversation_id, 'seq', seq), $17, $17
            from numbered where accepted and wants_reply and handler = 'ai'
        ), moved as (
            update conversations c
            set last_seq = a.last_seq,
                -- To the second: most appends then leave the index by activity alone.
                last_activity_at = case when $17 - c.last_activity_at < interval '1 second' then c.last_activity_at else $17 end,
                status = case when a.by_customer and c.status = 'resolved' then 'open' else c.status end,
                resolved_at = case when a.by_customer then null else c.resolved_at end,
                first_response_at = coalesce(c.first_response_at, case when a.by_agent then $17 end)
            from (select conversation_id, max(seq) as last_seq,
                         bool_or(by_customer) as by_customer,
                         bool_or(sender_type = 'agent' and not private and kind <> 'event') as by_agent
                  from numbered where accepted group by conversation_id) a
            where c.id = a.conversation_id
        )
        select coalesce(status = 'archived', false) as archived, case when accepted then seq else stored_seq end as seq, stored_id, stored_at,
               conversation_kind, accepted and wants_reply and handler = 'ai' as reply_owed,
               case when accepted then opening::text end as opening
        from numbered
        order by n
        """;

    /// <summary>The owner of a row's client id, in SQL: <see cref="Draft.ClientIdOwner"/>. The index <c>timeline_entries_client_id</c> has the same expression.</summary>
    private static string ClientIdOwner(string row) =>
        $"coalesce(case when {row}.sender_type in ('visitor', 'member', 'agent') then {row}.sender_id end, '00000000-0000-0000-0000-000000000000'::uuid)";

    private const string Change = """
        with target as (
            select id from conversations where id = $1 and tenant_id = $2 and deleted_at is null
        ), changed as (
            update conversations c
            set last_seq = c.last_seq + 1,
                handler = coalesce($16, c.handler),
                owner_epoch = c.owner_epoch + case when $16 is null then 0 else 1 end,
                assignee_id = case when $17 is null then c.assignee_id else nullif($17, '00000000-0000-0000-0000-000000000000') end,
                status = coalesce($18, c.status),
                priority = coalesce($19, c.priority),
                tags = coalesce($20, c.tags),
                rating_score = coalesce($21, c.rating_score),
                rating_comment = case when $21 is null then c.rating_comment else $22 end,
                waiting_since = case when coalesce($18, c.status) in ('resolved', 'archived') then null
                                     when coalesce($16, c.handler) <> 'queue' then null
                                     else coalesce(c.waiting_since, $15) end,
                resolved_at = case when $18 is null then c.resolved_at when $18 = 'resolved' then $15 end,
                last_activity_at = $15,
                updated_at = $15
            from target t
            where c.id = t.id
              and ($14::bigint is null or c.owner_epoch = $14)
              and (not $23 or c.assignee_id is null)
              and ($24::text is null or c.handler = $24)
            returning c.id, c.tenant_id, c.last_seq, c.owner_epoch, c.handler, c.kind
        ), inserted as (
            insert into timeline_entries (tenant_id, conversation_id, seq, id, kind, sender_type, sender_id, sender_name, body, attachments,
                                          private, client_id, metadata, model, usage, created_at)
            select tenant_id, id, last_seq, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11,
                   case when $16 is null then $12::jsonb else coalesce($12::jsonb, '{}') || jsonb_build_object('owner_epoch', owner_epoch) end,
                   null, null, $15
            from changed
            returning metadata::text
        ), owed as (
            insert into jobs (tenant_id, kind, payload, run_at, created_at)
            select tenant_id, 'reply', jsonb_build_object('conversation_id', id, 'seq', last_seq), $15, $15
            from changed where $13 and handler = 'ai'
            returning 1
        )
        select c.last_seq, c.kind, (select metadata from inserted), exists (select from owed)
        from target t left join changed c on c.id = t.id
        """;

    /// <summary>
    /// For the connection of a writer: plans that depend on the keys, not on statistics that a young table does not have yet.
    /// </summary>
    public const string Session = "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off";

    /// <summary>The columns of a batch, kept and filled again.</summary>
    internal sealed class Columns
    {
        private readonly List<Guid> _conversations = [];
        private readonly List<Guid> _tenants = [];
        private readonly List<Guid> _ids = [];
        private readonly List<string> _kinds = [];
        private readonly List<string> _senderTypes = [];
        private readonly List<Guid?> _senderIds = [];
        private readonly List<string> _senderNames = [];
        private readonly List<string> _bodies = [];
        private readonly List<string?> _attachments = [];
        private readonly List<bool> _private = [];
        private readonly List<string?> _clientIds = [];
        private readonly List<string?> _metadata = [];
        private readonly List<string?> _models = [];
        private readonly List<string?> _usages = [];
        private readonly List<long?> _ifEpochs = [];
        private readonly List<bool> _wantsReply = [];
        private readonly List<Guid> _targets = [];
        private readonly HashSet<Guid> _distinct = [];
        private NpgsqlParameter<DateTimeOffset> _now = null!;

        /// <summary>The two statements over these columns, to be prepared once on <paramref name="connection"/>.</summary>
        public NpgsqlBatch CreateBatch(NpgsqlConnection connection)
        {
            _now = new NpgsqlParameter<DateTimeOffset> { NpgsqlDbType = NpgsqlDbType.TimestampTz };
            return new NpgsqlBatch(connection)
            {
                BatchCommands =
                {
                    new NpgsqlBatchCommand(Lock) { Parameters = { Array(_targets, NpgsqlDbType.Uuid) } },
                    new NpgsqlBatchCommand(_append)
                    {
                        Parameters =
                        {
                            Array(_conversations, NpgsqlDbType.Uuid), Array(_tenants, NpgsqlDbType.Uuid), Array(_ids, NpgsqlDbType.Uuid),
                            Array(_kinds, NpgsqlDbType.Text), Array(_senderTypes, NpgsqlDbType.Text), Array(_senderIds, NpgsqlDbType.Uuid),
                            Array(_senderNames, NpgsqlDbType.Text), Array(_bodies, NpgsqlDbType.Text), Array(_attachments, NpgsqlDbType.Text),
                            Array(_private, NpgsqlDbType.Boolean), Array(_clientIds, NpgsqlDbType.Text), Array(_metadata, NpgsqlDbType.Text),
                            Array(_models, NpgsqlDbType.Text), Array(_usages, NpgsqlDbType.Text), Array(_ifEpochs, NpgsqlDbType.Bigint),
                            Array(_wantsReply, NpgsqlDbType.Boolean), _now,
                        },
                    },
                },
            };
        }

        public void Fill(List<Draft> drafts, DateTimeOffset now)
        {
            Clear();
            _now.TypedValue = now;
            foreach (var draft in drafts)
            {
                _conversations.Add(draft.ConversationId);
                _tenants.Add(draft.TenantId);
                _ids.Add(draft.Id);
                _kinds.Add(draft.Kind.Name());
                _senderTypes.Add(draft.Sender.Type.Name());
                _senderIds.Add(draft.Sender.Id);
                _senderNames.Add(draft.Sender.Name);
                _bodies.Add(draft.Body);
                _attachments.Add(AttachmentsJson.Of(draft.Attachments));
                _private.Add(draft.Private);
                _clientIds.Add(draft.ClientId);
                _metadata.Add(draft.Metadata?.GetRawText());
                _models.Add(draft.Model);
                _usages.Add(draft.Usage?.GetRawText());
                _ifEpochs.Add(draft.IfEpoch);
                _wantsReply.Add(draft.WantsReply);
                if (_distinct.Add(draft.ConversationId))
                    _targets.Add(draft.ConversationId);
            }
        }

        private void Clear()
        {
            _conversations.Clear();
            _tenants.Clear();
            _ids.Clear();
            _kinds.Clear();
            _senderTypes.Clear();
            _senderIds.Clear();
            _senderNames.Clear();
            _bodies.Clear();
            _attachments.Clear();
            _private.Clear();
            _clientIds.Clear();
            _metadata.Clear();
            _models.Clear();
            _usages.Clear();
            _ifEpochs.Clear();
            _wantsReply.Clear();
            _targets.Clear();
            _distinct.Clear();
        }

        private static NpgsqlParameter<List<T>> Array<T>(List<T> values, NpgsqlDbType element) =>
            new() { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | element };
    }

    /// <summary>One draft that changes its conversation: update, entry and what is owed in one statement.</summary>
    public static NpgsqlCommand CreateChange(NpgsqlConnection connection, Draft draft, ConversationChange change, DateTimeOffset now) => new(Change, connection)
    {
        Parameters =
        {
            Of(draft.ConversationId, NpgsqlDbType.Uuid), Of(draft.TenantId, NpgsqlDbType.Uuid), Of(draft.Id, NpgsqlDbType.Uuid),
            Of(draft.Kind.Name(), NpgsqlDbType.Text), Of(draft.Sender.Type.Name(), NpgsqlDbType.Text), Of(draft.Sender.Id, NpgsqlDbType.Uuid),
            Of(draft.Sender.Name, NpgsqlDbType.Text), Of(draft.Body, NpgsqlDbType.Text), Of(AttachmentsJson.Of(draft.Attachments), NpgsqlDbType.Text),
            Of(draft.Private, NpgsqlDbType.Boolean), Of(draft.ClientId, NpgsqlDbType.Text), Of(draft.Metadata?.GetRawText(), NpgsqlDbType.Text),
            Of(draft.WantsReply, NpgsqlDbType.Boolean), Of(draft.IfEpoch, NpgsqlDbType.Bigint), Of(now, NpgsqlDbType.TimestampTz),
            Of(change.Handler?.Name(), NpgsqlDbType.Text), Of(change.AssigneeId, NpgsqlDbType.Uuid), Of(change.Status?.Name(), NpgsqlDbType.Text),
            Of(change.Priority?.Name(), NpgsqlDbType.Text), Of(change.Tags?.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text),
            Of(change.RatingScore, NpgsqlDbType.Smallint), Of(change.RatingComment, NpgsqlDbType.Text),
            Of(change.OnlyIfUnassigned, NpgsqlDbType.Boolean), Of(change.OnlyIfHandler?.Name(), NpgsqlDbType.Text),
        },
    };

    private static NpgsqlParameter Of<T>(T value, NpgsqlDbType type) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = type };
}
