-- What all read models share: how far they have come, what could not be projected, and the one call per batch.
-- No statement here or in the folders names the schema: the search_path decides, so that the same code fills another.

CREATE TABLE projection_schema (
    fingerprint text NOT NULL,
    edition     uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE projection_schema IS 'One row: SHA-256 of the files that this schema was made of, and its edition.';
COMMENT ON COLUMN projection_schema.edition IS
    'Another one after every swap and every repair: what a projector remembers of these read models is void then.';

CREATE TABLE projection_positions (
    kafka_partition integer PRIMARY KEY,
    next_offset     bigint NOT NULL CHECK (next_offset >= 0)
) WITH (fillfactor = 20);
COMMENT ON TABLE projection_positions IS 'Offset of genesis.events that is to be projected next, per partition.';

CREATE TABLE quarantine (
    kafka_partition integer NOT NULL,
    kafka_offset    bigint NOT NULL,
    session_id      uuid,
    sequence        bigint,
    event_id        uuid,
    kind            text NOT NULL CHECK (kind IN ('unreadable', 'refused', 'fork')),
    reason          text NOT NULL,
    key             bytea,
    value           bytea,
    headers         json,
    quarantined_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kafka_partition, kafka_offset)
);
COMMENT ON TABLE quarantine IS
    'Messages of genesis.events that were not projected as they are, byte for byte: unreadable, refused by the fold or '
    'by the database, or a fork (another event at a place of the history that was taken). Readers may count them; what '
    'they hold is for an administrator.';
CREATE INDEX quarantine_of_session ON quarantine (session_id);

CREATE FUNCTION project_batch(
    p_edition uuid,
    p_partitions integer[], p_expected bigint[], p_next bigint[],
    p_bodies text[], p_body_partitions integer[], p_body_offsets bigint[], p_fresh boolean[],
    p_views json, p_stages json,
    p_handles_changed json, p_handles_opened json,
    p_tasks_requested json, p_tasks_ended json,
    p_novels json,
    p_quarantined json, p_inconsistent json,
    p_settled uuid[], p_statuses text[], p_reasons text[], p_ats timestamptz[],
    p_notification text
) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
    held  integer;
    forks integer := 0;
BEGIN
    -- Shared by all projectors; whoever swaps the schema for a rebuilt one takes it alone.
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('genesis projections', 0));

    -- After the lock: whoever held it alone may have put other read models in the place of these.
    PERFORM FROM projection_schema s WHERE s.edition = p_edition;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'these read models are another edition' USING ERRCODE = 'GE003';
    END IF;

    -- Compare and set. The locks make a second projector wait here and then find the positions moved.
    PERFORM FROM projection_positions p
        WHERE p.kafka_partition = ANY (p_partitions) ORDER BY p.kafka_partition FOR UPDATE;
    UPDATE projection_positions p SET next_offset = m.next
        FROM unnest(p_partitions, p_expected, p_next) AS m (partition, expected, next)
        WHERE p.kafka_partition = m.partition AND p.next_offset = m.expected;
    GET DIAGNOSTICS held = ROW_COUNT;
    IF held < cardinality(p_partitions) THEN
        RAISE EXCEPTION 'another projector has moved on' USING ERRCODE = 'GE002';
    END IF;

    IF p_quarantined IS NOT NULL THEN
        INSERT INTO quarantine (
            kafka_partition, kafka_offset, session_id, sequence, event_id, kind, reason, key, value, headers)
        SELECT q.partition, q."offset", q.session_id, q.sequence, q.event_id, q.kind, q.reason,
            decode(q.key, 'base64'), decode(q.value, 'base64'), q.headers
        FROM json_to_recordset(p_quarantined) AS q (
            partition integer, "offset" bigint, session_id uuid, sequence bigint, event_id uuid, kind text,
            reason text, key text, value text, headers json);
    END IF;
    IF p_views IS NOT NULL THEN
        PERFORM write_session_views(p_views, p_stages);
    END IF;
    IF p_inconsistent IS NOT NULL THEN
        PERFORM mark_inconsistent(p_inconsistent);
    END IF;
    IF p_bodies IS NOT NULL THEN
        forks := write_domain_events(p_bodies, p_body_partitions, p_body_offsets, p_fresh);
    END IF;
    IF p_tasks_requested IS NOT NULL OR p_tasks_ended IS NOT NULL THEN
        PERFORM write_tasks(p_tasks_requested, p_tasks_ended);
    END IF;
    IF p_handles_changed IS NOT NULL OR p_handles_opened IS NOT NULL THEN
        PERFORM write_handles(p_handles_changed, p_handles_opened);
    END IF;
    IF p_novels IS NOT NULL THEN
        PERFORM write_novels(p_novels);
    END IF;
    IF p_settled IS NOT NULL AND forks > 0 THEN
        -- What the machine decided on another history than this one is no outcome, unless other events of the same
        -- command are in the history. Without one the command comes again once the session is repaired.
        SELECT array_agg(s.id), array_agg(s.status), array_agg(s.reason), array_agg(s.at)
            INTO p_settled, p_statuses, p_reasons, p_ats
            FROM unnest(p_settled, p_statuses, p_reasons, p_ats) WITH ORDINALITY AS s (id, status, reason, at, place)
            WHERE NOT EXISTS (
                SELECT FROM unnest(p_body_partitions, p_body_offsets) AS m (partition, "offset")
                JOIN quarantine q ON q.kafka_partition = m.partition AND q.kafka_offset = m."offset"
                WHERE q.kind = 'fork' AND convert_from(q.value, 'UTF8')::jsonb ->> 'causation_id' = s.id::text
                    AND NOT EXISTS (
                        SELECT FROM domain_events d WHERE d.aggregate_id = q.session_id AND d.causation_id = s.id));
    END IF;
    IF p_settled IS NOT NULL THEN
        PERFORM door.settle_commands(p_settled, p_statuses, p_reasons, p_ats);
    END IF;
    IF p_notification IS NOT NULL THEN
        PERFORM pg_notify('genesis_events', p_notification);
    END IF;
    RETURN forks;
END
$$;
COMMENT ON FUNCTION project_batch IS
    'One batch of genesis.events, in one transaction: positions, events, read models, outcomes of commands, one '
    'NOTIFY. Answers how many events were forks. GE001: see write_domain_events, GE002: another projector was faster, '
    'GE003: the read models were swapped or repaired; each time nothing is written.';
