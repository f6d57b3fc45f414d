-- Clearing away what the pipe has long passed. The ages stand here and not in the callers: the sweeper's role can
-- not delete anything younger, whatever it asks for. now() and not clock_timestamp(): only a stable bound is looked
-- up in an index. ctid and not the key: a join on the key is hashed over the whole table; the row locks keep a ctid
-- from moving.

-- migrate:up
CREATE FUNCTION door.clear_outbox(p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cleared integer;
BEGIN
    DELETE FROM door.event_outbox WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM door.event_outbox
            WHERE created_at < now() - interval '8 days'
            ORDER BY created_at LIMIT p_limit
            FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS cleared = ROW_COUNT;
    RETURN cleared;
END
$$;
COMMENT ON FUNCTION door.clear_outbox IS
    'Deletes at most p_limit outbox rows older than 8 days, a day more than genesis.commands keeps its messages.';

CREATE FUNCTION door.clear_claims(p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cleared integer;
BEGIN
    DELETE FROM door.generation_claims WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM door.generation_claims
            WHERE claimed_at < now() - interval '8 days'
            ORDER BY claimed_at LIMIT p_limit
            FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS cleared = ROW_COUNT;
    RETURN cleared;
END
$$;
COMMENT ON FUNCTION door.clear_claims IS
    'Deletes at most p_limit claims older than 8 days: their requests are past any deadline, never started again.';

ALTER FUNCTION door.clear_outbox OWNER TO genesis_owner;
ALTER FUNCTION door.clear_claims OWNER TO genesis_owner;
REVOKE ALL ON FUNCTION door.clear_outbox, door.clear_claims FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.clear_outbox, door.clear_claims TO genesis_sweeper;

-- migrate:down
DROP FUNCTION door.clear_claims;
DROP FUNCTION door.clear_outbox;
