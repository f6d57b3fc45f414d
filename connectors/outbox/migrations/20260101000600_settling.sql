-- The pipe can be faster than a commit is visible: Debezium reads a transaction from the WAL as soon as it is flushed,
-- but others see its rows only a moment later, and on a busy machine that moment has been longer than the whole way
-- through Kafka. An outcome that came meanwhile found no command and was lost. So it waits for the command now.

-- migrate:up
CREATE FUNCTION door.await_commands(p_ids uuid[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- No snapshot shows a row that is being committed, but a unique index does: inserting the same id waits for the
    -- end of that transaction, exactly as long as it takes. What could be inserted there was no command; undone.
    INSERT INTO door.command_inbox (
            id, session_id, command_no, command_type, command_payload, owner, fingerprint, active_key, internal,
            correlation_id, received_at, sent_at)
        SELECT id, id, 1, 'HANDLE_EXPIRED', '{}', '', decode(repeat('00', 32), 'hex'), '', true, id, now(), now()
            FROM unnest(p_ids) AS awaited (id)
        ON CONFLICT (id) DO NOTHING;
    RAISE EXCEPTION 'only waited' USING ERRCODE = 'GE004';
EXCEPTION WHEN SQLSTATE 'GE004' THEN
    NULL;
END
$$;
COMMENT ON FUNCTION door.await_commands IS
    'Waits until no transaction is under way any more that accepts one of these commands; changes nothing.';

CREATE OR REPLACE FUNCTION door.settle_commands(
    p_ids uuid[], p_statuses text[], p_reasons text[], p_ats timestamptz[]
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved   integer := 0;
    more    integer;
    unknown uuid[];
BEGIN
    FOR attempt IN 1..2 LOOP
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
        GET DIAGNOSTICS more = ROW_COUNT;
        moved := moved + more;
        EXIT WHEN attempt = 2 OR moved >= cardinality(p_ids);
        unknown := ARRAY(
            SELECT news.id FROM unnest(p_ids) AS news (id)
                WHERE NOT EXISTS (SELECT FROM door.command_inbox c WHERE c.id = news.id));
        EXIT WHEN unknown = '{}';
        PERFORM door.await_commands(unknown);
    END LOOP;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION door.settle_commands IS
    'Moves the commands named in p_ids forward to p_statuses, never back; answers how many moved. A command that is '
    'just being accepted is waited for; ids without a command are passed over.';

ALTER FUNCTION door.await_commands OWNER TO genesis_owner;
REVOKE ALL ON FUNCTION door.await_commands FROM PUBLIC;

-- migrate:down
CREATE OR REPLACE FUNCTION door.settle_commands(
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
DROP FUNCTION door.await_commands;
