-- Every event of every session, as it stood on genesis.events: the history that streams and repairs read.

CREATE TABLE domain_events (
    event_id        uuid PRIMARY KEY,
    event_type      text NOT NULL,
    event_version   integer NOT NULL,
    aggregate_type  text NOT NULL,
    aggregate_id    uuid NOT NULL,
    sequence        bigint NOT NULL CHECK (sequence >= 1),
    correlation_id  uuid,
    causation_id    uuid,
    created_at      timestamptz NOT NULL,
    user_id         text,
    kafka_partition integer NOT NULL,
    kafka_offset    bigint NOT NULL,
    payload         jsonb NOT NULL,
    metadata        jsonb NOT NULL,
    CONSTRAINT one_event_per_place UNIQUE (aggregate_id, sequence)
);
COMMENT ON TABLE domain_events IS 'The events of all sessions; a row is never changed.';
COMMENT ON COLUMN domain_events.aggregate_id IS 'Id of the session.';
COMMENT ON COLUMN domain_events.correlation_id IS 'Null, like causation_id, only where the event could not be read.';
COMMENT ON COLUMN domain_events.user_id IS 'Owner of the session; null where neither event nor session could be read.';
-- For the hub, which reads on from an offset per partition. Not unique: a log that was written anew starts at 0.
CREATE INDEX domain_events_place_in_kafka ON domain_events (kafka_partition, kafka_offset);
-- There is no index on causation_id: the events of a command are found by its first event's id, which derives from
-- the command's (queries.sql), and each index is paid for by every event.

CREATE FUNCTION write_domain_events(
    p_bodies text[], p_partitions integer[], p_offsets bigint[], p_fresh boolean[], OUT forks integer
)
LANGUAGE plpgsql
AS $$
DECLARE
    inserted integer;
BEGIN
    forks := 0;
    INSERT INTO domain_events (
        event_id, event_type, event_version, aggregate_type, aggregate_id, sequence, correlation_id, causation_id,
        created_at, user_id, kafka_partition, kafka_offset, payload, metadata)
    SELECT e.event_id, e.event_type, e.event_version, e.aggregate_type, e.aggregate_id, e.sequence, e.correlation_id,
        e.causation_id, e.created_at, e.metadata ->> 'user_id', m.partition, m."offset", e.payload, e.metadata
    FROM unnest(p_bodies, p_partitions, p_offsets) AS m (body, partition, "offset"),
        jsonb_to_record(m.body::jsonb) AS e (
            event_id uuid, event_type text, event_version integer, aggregate_type text, aggregate_id uuid,
            sequence bigint, correlation_id uuid, causation_id uuid, created_at timestamptz, payload jsonb,
            metadata jsonb)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS inserted = ROW_COUNT;
    IF inserted = cardinality(p_bodies) AND NOT p_fresh @> ARRAY[false] THEN
        RETURN;
    END IF;

    PERFORM FROM unnest(p_partitions, p_offsets, p_fresh) AS m (partition, "offset", fresh)
        WHERE m.fresh <> EXISTS (
            SELECT FROM domain_events d WHERE d.kafka_partition = m.partition AND d.kafka_offset = m."offset");
    IF FOUND THEN
        RAISE EXCEPTION 'the history is not what the projector took it for' USING ERRCODE = 'GE001';
    END IF;

    -- In a statement of its own, after the INSERT: only now are all rows visible that an event may repeat or fork.
    WITH forked AS (
        INSERT INTO quarantine (kafka_partition, kafka_offset, session_id, sequence, event_id, kind, reason, value)
        SELECT m.partition, m."offset", e.aggregate_id, e.sequence, e.event_id, 'fork',
            'the session has another event with this sequence or this id', convert_to(m.body, 'UTF8')
        FROM unnest(p_bodies, p_partitions, p_offsets) AS m (body, partition, "offset"),
            jsonb_to_record(m.body::jsonb) AS e (
                event_id uuid, event_type text, aggregate_id uuid, sequence bigint, causation_id uuid, payload jsonb)
        WHERE e.event_type <> 'unreadable'
            AND NOT EXISTS (
                SELECT FROM domain_events d WHERE d.kafka_partition = m.partition AND d.kafka_offset = m."offset")
            AND NOT EXISTS (
                SELECT FROM domain_events d
                WHERE d.aggregate_id = e.aggregate_id AND d.sequence = e.sequence
                    AND (d.event_type = 'unreadable'
                        OR (d.event_id = e.event_id AND d.event_type = e.event_type
                            AND d.causation_id = e.causation_id AND d.payload = e.payload)))
        RETURNING session_id
    ), marked AS (
        UPDATE session_view v SET inconsistent = true FROM forked WHERE v.session_id = forked.session_id
    )
    SELECT count(*) INTO forks FROM forked;
END
$$;
COMMENT ON FUNCTION write_domain_events IS
    'Inserts event bodies; p_fresh says what the caller has projected as new (true), as a repeat (false) or not at '
    'all (null), and GE001 is raised where that is not so. A repeat with another body goes into quarantine; answers '
    'how many did.';
