-- Sending again what the pipe has lost (design §4): the sweeper proves a loss, the functions here mend it. From here on
-- one function alone, `put_into_outbox`, knows what an envelope looks like: a command sent again is the same, byte for
-- byte.

-- migrate:up
ALTER TABLE door.command_inbox RENAME COLUMN next_resend_at TO sent_at;
UPDATE door.command_inbox SET sent_at = received_at WHERE status = 'RECEIVED';
COMMENT ON COLUMN door.command_inbox.sent_at IS
    'When it was last put into the outbox: at its acceptance, then with each re-sending.';
CREATE INDEX command_inbox_given_up ON door.command_inbox (given_up_at) WHERE given_up_at IS NOT NULL;

CREATE FUNCTION door.put_into_outbox(p_command door.command_inbox, p_at timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Put together as text: json_build_object adds spaces, jsonb re-orders keys and rewrites numbers.
    INSERT INTO door.event_outbox (
        topic, partition_key, payload, traceparent, created_at, command_id, command_no, command_type)
    VALUES (
        'genesis.commands', p_command.session_id::text,
        concat(
            '{"id":"', p_command.id,
            '","session_id":"', p_command.session_id,
            '","user_id":', to_json(p_command.owner),
            ',"command_no":', p_command.command_no,
            ',"correlation_id":"', p_command.correlation_id,
            '","at":"', to_char(p_command.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            '","expected_version":', coalesce(p_command.expected_version::text, 'null'),
            ',"type":', to_json(p_command.command_type),
            ',"payload":', p_command.command_payload, '}'),
        p_command.traceparent, p_at, p_command.id, p_command.command_no, p_command.command_type);
END
$$;
COMMENT ON FUNCTION door.put_into_outbox IS
    'The outbox row of a command. The caller holds the session''s row lock: rows are written in the order of numbers.';

CREATE OR REPLACE FUNCTION door.append_command(
    p_command_id uuid, p_session_id uuid, p_command_no bigint, p_command_type text, p_payload text,
    p_owner text, p_idempotency_key text, p_fingerprint bytea, p_active_key text, p_internal boolean,
    p_correlation_id uuid, p_expected_version bigint, p_traceparent text, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    command door.command_inbox;
BEGIN
    INSERT INTO door.command_inbox (
        id, session_id, command_no, command_type, command_payload, owner, idempotency_key, fingerprint, active_key,
        internal, correlation_id, expected_version, traceparent, received_at, sent_at)
    VALUES (
        p_command_id, p_session_id, p_command_no, p_command_type, p_payload::json, p_owner, p_idempotency_key,
        p_fingerprint, p_active_key, p_internal, p_correlation_id, p_expected_version, p_traceparent, p_at, p_at)
    RETURNING * INTO command;
    PERFORM door.put_into_outbox(command, p_at);
END
$$;

CREATE FUNCTION door.probe_pipe(OUT probe uuid, OUT place text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    probe := uuidv7();
    -- Where the WAL ends now: whatever a statement before this one has seen was written before.
    place := pg_current_wal_insert_lsn();
    INSERT INTO door.event_outbox (
        id, topic, partition_key, payload, created_at, command_id, command_no, command_type)
    VALUES (probe, '__debezium-heartbeat.genesis', 'probe', '{}', clock_timestamp(), probe, 0, 'PROBE');
END
$$;
COMMENT ON FUNCTION door.probe_pipe IS
    'Notes the end of the WAL and writes a row behind it that nobody acts upon, so that an idle slot moves beyond it.';

CREATE FUNCTION door.resend_commands(
    p_session_id uuid, p_from bigint, p_limit integer, OUT sent integer, OUT given_up integer
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    command door.command_inbox;
BEGIN
    PERFORM door.require_accepting_transaction();
    sent := 0;
    -- Nothing is accepted meanwhile, so that a later number can't come before these.
    PERFORM FROM door.genesis_sessions s WHERE s.id = p_session_id FOR UPDATE;
    UPDATE door.command_inbox c SET given_up_at = clock_timestamp()
        WHERE c.session_id = p_session_id AND c.command_no = p_from
            AND c.status = 'RECEIVED' AND c.given_up_at IS NULL AND c.resent_count >= 5;
    GET DIAGNOSTICS given_up = ROW_COUNT;
    IF given_up > 0 THEN
        RETURN;
    END IF;
    -- SKIP LOCKED: who is locked is being settled at this moment, and waiting for the projector here, while it may
    -- wait for one of these, would be a deadlock.
    FOR command IN
        SELECT * FROM door.command_inbox c
            WHERE c.session_id = p_session_id AND c.command_no >= p_from
                AND c.status = 'RECEIVED' AND c.given_up_at IS NULL
            ORDER BY c.command_no LIMIT p_limit
            FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE door.command_inbox c SET resent_count = c.resent_count + 1, sent_at = clock_timestamp()
            WHERE c.id = command.id;
        PERFORM door.put_into_outbox(command, clock_timestamp());
        sent := sent + 1;
    END LOOP;
END
$$;
COMMENT ON FUNCTION door.resend_commands IS
    'Sends the session''s commands from number p_from on again that have no outcome, at most p_limit, in the order of '
    'their numbers; but where the first has been sent again five times it is given up instead.';

ALTER FUNCTION door.put_into_outbox OWNER TO genesis_owner;
ALTER FUNCTION door.probe_pipe OWNER TO genesis_owner;
ALTER FUNCTION door.resend_commands OWNER TO genesis_owner;
REVOKE ALL ON FUNCTION door.put_into_outbox, door.probe_pipe, door.resend_commands FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.probe_pipe, door.resend_commands TO genesis_sweeper;

-- migrate:down
DROP FUNCTION door.resend_commands;
DROP FUNCTION door.probe_pipe;
DROP INDEX door.command_inbox_given_up;
ALTER TABLE door.command_inbox RENAME COLUMN sent_at TO next_resend_at;
CREATE OR REPLACE FUNCTION door.append_command(
    p_command_id uuid, p_session_id uuid, p_command_no bigint, p_command_type text, p_payload text,
    p_owner text, p_idempotency_key text, p_fingerprint bytea, p_active_key text, p_internal boolean,
    p_correlation_id uuid, p_expected_version bigint, p_traceparent text, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO door.command_inbox (
        id, session_id, command_no, command_type, command_payload, owner, idempotency_key, fingerprint, active_key,
        internal, correlation_id, expected_version, traceparent, received_at, next_resend_at)
    VALUES (
        p_command_id, p_session_id, p_command_no, p_command_type, p_payload::json, p_owner, p_idempotency_key,
        p_fingerprint, p_active_key, p_internal, p_correlation_id, p_expected_version, p_traceparent, p_at,
        p_at + interval '30 seconds');
    -- Put together as text: json_build_object adds spaces, jsonb re-orders keys and rewrites numbers.
    INSERT INTO door.event_outbox (
        topic, partition_key, payload, traceparent, created_at, command_id, command_no, command_type)
    VALUES (
        'genesis.commands', p_session_id::text,
        concat(
            '{"id":"', p_command_id,
            '","session_id":"', p_session_id,
            '","user_id":', to_json(p_owner),
            ',"command_no":', p_command_no,
            ',"correlation_id":"', p_correlation_id,
            '","at":"', to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            '","expected_version":', coalesce(p_expected_version::text, 'null'),
            ',"type":', to_json(p_command_type),
            ',"payload":', p_payload, '}'),
        p_traceparent, p_at, p_command_id, p_command_no, p_command_type);
END
$$;
DROP FUNCTION door.put_into_outbox;
