-- Accepting commands: the only two functions that write genesis_sessions, command_inbox and event_outbox, and the
-- one that moves a command's status forward. All run in READ COMMITTED, where each statement of a function sees what
-- was committed before it began: that is what makes "wait for the lock, then look" right.

-- migrate:up
CREATE FUNCTION door.require_accepting_transaction() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Commands are accepted in READ COMMITTED only; leave the isolation level alone.'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);  -- accepted means durable
    END IF;
END
$$;
COMMENT ON FUNCTION door.require_accepting_transaction() IS
    'Refuses another isolation level than READ COMMITTED and makes this transaction''s commit wait for the disk.';

CREATE FUNCTION door.append_command(
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
COMMENT ON FUNCTION door.append_command IS
    'The two rows of one accepted command. The caller holds the session''s row lock and has raised its counter.';

CREATE FUNCTION door.accept_command(
    p_owner            text,
    p_idempotency_key  text,
    p_command_id       uuid,
    p_fingerprint      bytea,
    p_session_id       uuid,
    p_command_type     text,
    p_payload          text,
    p_active_key       text,
    p_correlation_id   uuid,
    p_expected_version bigint,
    p_known_version    bigint,
    p_traceparent      text,
    OUT outcome        text,
    OUT command_id     uuid,
    OUT session_id     uuid,
    OUT command_no     bigint,
    OUT status         text,
    OUT accepted_at    timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    starts constant boolean := p_command_type = 'START_GENESIS';
    known  record;
    place  record;
BEGIN
    PERFORM door.require_accepting_transaction();

    -- (0) The same key at the same time: the second waits here until the first is committed.
    PERFORM pg_advisory_xact_lock(hashtextextended(p_owner || E'\x1f' || p_idempotency_key, 0));

    -- (1) This owner's key again.
    SELECT c.id, c.session_id, c.command_no, c.status, c.received_at, c.fingerprint INTO known
        FROM door.command_inbox c
        WHERE c.owner = p_owner AND c.idempotency_key = p_idempotency_key;
    IF FOUND THEN
        outcome := CASE WHEN known.fingerprint = p_fingerprint THEN 'repeated' ELSE 'fingerprint_conflict' END;
        command_id := known.id;
        session_id := known.session_id;
        command_no := known.command_no;
        status := known.status;
        accepted_at := known.received_at;
        RETURN;
    END IF;

    command_id := p_command_id;
    session_id := p_session_id;

    IF starts THEN
        -- (2) and (3) for a session that is about to begin: its version is 0, nothing of it can be active.
        IF p_expected_version <> 0 THEN
            outcome := 'version_conflict';
            RETURN;
        END IF;
        accepted_at := clock_timestamp();
        command_no := 1;
        INSERT INTO door.genesis_sessions (id, owner, command_count, last_at, created_at)
            VALUES (p_session_id, p_owner, command_no, accepted_at, accepted_at);
    ELSE
        -- (2) The session's row: from here on its commands come one by one.
        SELECT s.command_count, s.last_at INTO place
            FROM door.genesis_sessions s
            WHERE s.id = p_session_id AND s.owner = p_owner
            FOR UPDATE;
        IF NOT FOUND THEN
            outcome := 'not_found';
            RETURN;
        END IF;

        -- (3) Courtesy: the machine decides both for good.
        IF p_expected_version <> p_known_version THEN
            outcome := 'version_conflict';
            RETURN;
        END IF;
        SELECT c.id, c.command_no, c.status, c.received_at INTO known
            FROM door.command_inbox c
            WHERE c.session_id = p_session_id AND c.command_type = p_command_type AND c.active_key = p_active_key
                AND c.status IN ('RECEIVED', 'PROCESSING') AND NOT c.internal AND c.given_up_at IS NULL;
        IF FOUND THEN
            outcome := 'active_conflict';
            command_id := known.id;
            command_no := known.command_no;
            status := known.status;
            accepted_at := known.received_at;
            RETURN;
        END IF;

        -- (4) Only now a number: what was refused above has used none.
        accepted_at := greatest(clock_timestamp(), place.last_at);
        command_no := place.command_count + 1;
        UPDATE door.genesis_sessions s SET command_count = place.command_count + 1, last_at = accepted_at
            WHERE s.id = p_session_id;
    END IF;

    PERFORM door.append_command(
        p_command_id, p_session_id, command_no, p_command_type, p_payload, p_owner, p_idempotency_key, p_fingerprint,
        p_active_key, false, coalesce(p_correlation_id, p_command_id), p_expected_version, p_traceparent, accepted_at);
    outcome := 'accepted';
    status := 'RECEIVED';
END
$$;
COMMENT ON FUNCTION door.accept_command IS
    'Accepts a client''s command: accepted | repeated | fingerprint_conflict | not_found | version_conflict | '
    'active_conflict. Whatever is not accepted changes no row and uses no number. With active_conflict the command '
    'columns name the active one; with repeated the stored one and its present status.';

CREATE FUNCTION door.accept_internal(
    p_command_id     uuid,
    p_fingerprint    bytea,
    p_session_id     uuid,
    p_command_type   text,
    p_payload        text,
    p_correlation_id uuid,
    p_traceparent    text,
    OUT outcome      text,
    OUT command_id   uuid,
    OUT session_id   uuid,
    OUT command_no   bigint,
    OUT status       text,
    OUT accepted_at  timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    known record;
    place record;
BEGIN
    PERFORM door.require_accepting_transaction();
    command_id := p_command_id;
    session_id := p_session_id;

    -- The same id means the same session, so this lock also keeps two senders of one internal command apart.
    SELECT s.owner, s.command_count, s.last_at INTO place
        FROM door.genesis_sessions s WHERE s.id = p_session_id FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    SELECT c.command_no, c.status, c.received_at INTO known FROM door.command_inbox c WHERE c.id = p_command_id;
    IF FOUND THEN
        outcome := 'repeated';
        command_no := known.command_no;
        status := known.status;
        accepted_at := known.received_at;
        RETURN;
    END IF;

    accepted_at := greatest(clock_timestamp(), place.last_at);
    command_no := place.command_count + 1;
    UPDATE door.genesis_sessions s SET command_count = place.command_count + 1, last_at = accepted_at
        WHERE s.id = p_session_id;
    PERFORM door.append_command(
        p_command_id, p_session_id, command_no, p_command_type, p_payload, place.owner, NULL, p_fingerprint, '', true,
        coalesce(p_correlation_id, p_command_id), NULL, p_traceparent, accepted_at);
    outcome := 'accepted';
    status := 'RECEIVED';
END
$$;
COMMENT ON FUNCTION door.accept_internal IS
    'Accepts a numbered command of the machinery itself: accepted | repeated | not_found. Its id says what it is '
    'about, so that it is accepted once however often it is sent.';

CREATE FUNCTION door.status_rank(p_status text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE  -- not STRICT: a CASE in a strict function is never inlined
AS $$
    SELECT CASE p_status WHEN 'RECEIVED' THEN 0 WHEN 'PROCESSING' THEN 1 WHEN 'COMPLETED' THEN 2 WHEN 'FAILED' THEN 2 END
$$;
COMMENT ON FUNCTION door.status_rank IS 'How far a command has come; COMPLETED and FAILED are both the end.';

CREATE FUNCTION door.settle_commands(
    p_ids uuid[], p_statuses text[], p_reasons text[], p_ats timestamptz[]
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved integer;
BEGIN
    UPDATE door.command_inbox c
        SET status = furthest.status,
            reason = furthest.reason,
            processed_at = CASE WHEN door.status_rank(furthest.status) = 2 THEN furthest.at ELSE c.processed_at END
        FROM (
            -- A command may be settled twice in one batch (kept, then applied): its furthest status counts,
            -- and of two ends the first.
            SELECT DISTINCT ON (news.id) news.id, news.status, news.reason, news.at
                FROM unnest(p_ids, p_statuses, p_reasons, p_ats)
                    WITH ORDINALITY AS news (id, status, reason, at, place)
                ORDER BY news.id, door.status_rank(news.status) DESC, news.place
        ) AS furthest
        WHERE c.id = furthest.id AND door.status_rank(c.status) < door.status_rank(furthest.status);
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION door.settle_commands IS
    'Moves the commands named in p_ids forward to p_statuses, never back; answers how many moved. Ids without a '
    'command are passed over (results of a generation are no commands of the inbox).';

ALTER FUNCTION door.require_accepting_transaction OWNER TO genesis_owner;
ALTER FUNCTION door.append_command OWNER TO genesis_owner;
ALTER FUNCTION door.accept_command OWNER TO genesis_owner;
ALTER FUNCTION door.accept_internal OWNER TO genesis_owner;
ALTER FUNCTION door.status_rank OWNER TO genesis_owner;
ALTER FUNCTION door.settle_commands OWNER TO genesis_owner;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA door FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.accept_command TO genesis_door;
GRANT EXECUTE ON FUNCTION door.accept_internal TO genesis_sweeper;
GRANT EXECUTE ON FUNCTION door.settle_commands TO genesis_projector;

-- migrate:down
DROP FUNCTION door.settle_commands;
DROP FUNCTION door.status_rank;
DROP FUNCTION door.accept_internal;
DROP FUNCTION door.accept_command;
DROP FUNCTION door.append_command;
DROP FUNCTION door.require_accepting_transaction;
