-- Sessions that are repaired by themselves (decision 0043): which, why, how often, and what came of it. The sweeper
-- writes here when it finds a session whose saved state is behind its events, and picks up from here what is due.

-- migrate:up
CREATE TABLE door.session_repairs (
    session_id uuid PRIMARY KEY,
    reason     text NOT NULL CHECK (reason IN ('unanswered', 'given_up', 'inconsistent', 'untaken')),
    state      text NOT NULL CHECK (state IN ('DUE', 'DONE', 'FAILED')),
    attempts   integer NOT NULL CHECK (attempts >= 0),
    due_at     timestamptz NOT NULL,
    asked_at   timestamptz NOT NULL,
    ended_at   timestamptz,
    remark     text,
    CONSTRAINT ended_or_due CHECK ((state = 'DUE') = (ended_at IS NULL))
);
COMMENT ON TABLE door.session_repairs IS 'A row per session that was to be repaired by itself, and how that went.';
COMMENT ON COLUMN door.session_repairs.reason IS
    'unanswered: a command sent again passed the machine and has no outcome though all earlier ones have; given_up: one '
    'was sent again too often; inconsistent: an event of it lies in quarantine; untaken: a result was not taken.';
COMMENT ON COLUMN door.session_repairs.attempts IS 'Repairs begun since the last day without any.';
COMMENT ON COLUMN door.session_repairs.due_at IS 'When the next attempt may begin: at once, then later each time.';
COMMENT ON COLUMN door.session_repairs.remark IS 'Why the last attempt came to nothing.';
CREATE INDEX session_repairs_due ON door.session_repairs (due_at) WHERE state = 'DUE';
ALTER TABLE door.session_repairs OWNER TO genesis_owner;
GRANT SELECT ON door.session_repairs TO genesis_sweeper;
-- How many there are, for /metrics.
GRANT SELECT (state) ON door.session_repairs TO genesis_door;

CREATE FUNCTION door.repair_pause(p_attempts integer) RETURNS interval
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN p_attempts = 0 THEN interval '0' ELSE least(interval '1 hour', interval '10 s' * 3 ^ p_attempts) END
$$;
COMMENT ON FUNCTION door.repair_pause IS 'Pause after so many attempts: none, 30 s, 90 s, ... up to an hour.';

CREATE FUNCTION door.ask_repair(p_session_id uuid, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known door.session_repairs;
    calm  boolean;
BEGIN
    INSERT INTO door.session_repairs (session_id, reason, state, attempts, due_at, asked_at)
        VALUES (p_session_id, p_reason, 'DUE', 0, clock_timestamp(), clock_timestamp())
        ON CONFLICT (session_id) DO NOTHING;
    IF FOUND THEN
        RETURN true;
    END IF;
    SELECT * INTO known FROM door.session_repairs r WHERE r.session_id = p_session_id FOR UPDATE;
    IF known.state = 'DUE' THEN
        RETURN true;
    END IF;
    calm := known.ended_at < clock_timestamp() - interval '1 day';
    IF known.state = 'FAILED' AND NOT calm THEN
        RETURN false;
    END IF;
    IF known.attempts >= 5 AND NOT calm THEN
        UPDATE door.session_repairs r
            SET state = 'FAILED', ended_at = clock_timestamp(), remark = 'It was repaired five times in vain.'
            WHERE r.session_id = p_session_id;
        RETURN false;
    END IF;
    -- What failed before has one attempt a day: a newer release may read what this one could not.
    known.attempts := CASE WHEN NOT calm THEN known.attempts WHEN known.state = 'FAILED' THEN 4 ELSE 0 END;
    UPDATE door.session_repairs r
        SET reason = p_reason, state = 'DUE', attempts = known.attempts, asked_at = clock_timestamp(),
            due_at = CASE WHEN calm THEN clock_timestamp()
                ELSE clock_timestamp() + door.repair_pause(known.attempts) END,
            ended_at = NULL, remark = NULL
        WHERE r.session_id = p_session_id;
    RETURN true;
END
$$;
COMMENT ON FUNCTION door.ask_repair IS
    'Puts a session on the list of those to be repaired; true if it is on it, false where repairs were in vain.';

CREATE FUNCTION door.begin_repairs(p_limit integer, OUT session_id uuid, OUT reason text, OUT attempt integer)
RETURNS SETOF record
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE door.session_repairs r
        SET attempts = r.attempts + 1, due_at = clock_timestamp() + door.repair_pause(r.attempts + 1)
        FROM (
            SELECT d.session_id FROM door.session_repairs d
                WHERE d.state = 'DUE' AND d.due_at <= clock_timestamp()
                ORDER BY d.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
        ) AS due
        WHERE r.session_id = due.session_id
        RETURNING r.session_id, r.reason, r.attempts
$$;
COMMENT ON FUNCTION door.begin_repairs IS
    'The sessions whose repair is due, each counted as an attempt; they are due again after its pause.';

CREATE FUNCTION door.end_repair(p_session_id uuid, p_state text, p_remark text) RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE door.session_repairs r
        SET remark = p_remark,
            state = CASE WHEN p_state = 'DUE' AND r.attempts >= 5 THEN 'FAILED' ELSE p_state END,
            ended_at = CASE WHEN p_state = 'DUE' AND r.attempts < 5 THEN NULL ELSE clock_timestamp() END
        WHERE r.session_id = p_session_id
        RETURNING r.state
$$;
COMMENT ON FUNCTION door.end_repair IS
    'Notes what came of an attempt and answers where that leaves the session; DUE becomes FAILED after the fifth.';

CREATE FUNCTION door.revive_commands(p_session_id uuid, p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    command door.command_inbox;
    sent    integer := 0;
BEGIN
    PERFORM door.require_accepting_transaction();
    PERFORM FROM door.genesis_sessions s WHERE s.id = p_session_id FOR UPDATE;
    UPDATE door.command_inbox c SET given_up_at = NULL, resent_count = 0
        WHERE c.session_id = p_session_id AND c.status = 'RECEIVED' AND c.given_up_at IS NOT NULL
            AND (c.internal OR NOT EXISTS (
                -- A like command that came meanwhile is the active one; of several given up the last.
                SELECT FROM door.command_inbox other
                WHERE other.session_id = c.session_id AND other.command_type = c.command_type
                    AND other.active_key = c.active_key AND other.id <> c.id AND NOT other.internal
                    AND other.status IN ('RECEIVED', 'PROCESSING')
                    AND (other.given_up_at IS NULL OR other.command_no > c.command_no)));
    -- Also those that stay given up: without their numbers the machine would take none of the later ones.
    FOR command IN
        SELECT * FROM door.command_inbox c
            WHERE c.session_id = p_session_id AND c.status = 'RECEIVED'
            ORDER BY c.command_no LIMIT p_limit
            FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE door.command_inbox c SET resent_count = c.resent_count + 1, sent_at = clock_timestamp()
            WHERE c.id = command.id;
        PERFORM door.put_into_outbox(command, clock_timestamp());
        sent := sent + 1;
    END LOOP;
    RETURN sent;
END
$$;
COMMENT ON FUNCTION door.revive_commands IS
    'After a repair: sends all commands of the session without an outcome again, in order, and those that were given up '
    'count as active again.';

ALTER FUNCTION door.repair_pause OWNER TO genesis_owner;
ALTER FUNCTION door.ask_repair OWNER TO genesis_owner;
ALTER FUNCTION door.begin_repairs OWNER TO genesis_owner;
ALTER FUNCTION door.end_repair OWNER TO genesis_owner;
ALTER FUNCTION door.revive_commands OWNER TO genesis_owner;
REVOKE ALL ON FUNCTION door.repair_pause, door.ask_repair, door.begin_repairs, door.end_repair, door.revive_commands
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.ask_repair, door.begin_repairs, door.end_repair, door.revive_commands
    TO genesis_sweeper;

-- migrate:down
DROP FUNCTION door.revive_commands;
DROP FUNCTION door.end_repair;
DROP FUNCTION door.begin_repairs;
DROP FUNCTION door.ask_repair;
DROP FUNCTION door.repair_pause;
DROP TABLE door.session_repairs;
