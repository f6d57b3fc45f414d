-- Claims of generations: one row per task, so that of all generator processes one works on it and its result is kept.

-- migrate:up
CREATE FUNCTION door.claim_generation(
    p_task_id uuid, p_session_id uuid, p_instance text, p_process text, p_lease interval,
    OUT outcome text, OUT attempt integer, OUT process text, OUT lease_until timestamptz, OUT result text
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    claim door.generation_claims;
BEGIN
    INSERT INTO door.generation_claims AS c
        (task_id, session_id, attempt, instance, process, state, lease_until, claimed_at)
        VALUES (p_task_id, p_session_id, 1, p_instance, p_process, 'RUNNING', clock_timestamp() + p_lease,
                clock_timestamp())
        ON CONFLICT (task_id) DO UPDATE
            SET attempt = c.attempt + 1, instance = excluded.instance, process = excluded.process,
                lease_until = clock_timestamp() + p_lease, claimed_at = clock_timestamp()
            -- Two living processes never share an instance id, so another process of this instance is an earlier,
            -- dead one: no need to wait for its lease.
            WHERE c.state = 'RUNNING' AND c.process <> excluded.process
                AND (c.lease_until < clock_timestamp() OR c.instance = excluded.instance)
        RETURNING * INTO claim;
    IF FOUND THEN
        outcome := 'claimed';
    ELSE
        SELECT * INTO claim FROM door.generation_claims c WHERE c.task_id = p_task_id;
        outcome := CASE WHEN claim.state = 'DONE' THEN 'done'
                        WHEN claim.process = p_process THEN 'mine'
                        ELSE 'elsewhere' END;
        result := claim.result;
    END IF;
    attempt := claim.attempt;
    process := claim.process;
    lease_until := claim.lease_until;
END
$$;
COMMENT ON FUNCTION door.claim_generation IS
    'claimed: work on it as this attempt | mine: this process already does | elsewhere: another living process does, '
    'ask again after lease_until | done: send the stored result again.';

CREATE FUNCTION door.renew_generation(
    p_task_id uuid, p_attempt integer, p_process text, p_lease interval
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE door.generation_claims c SET lease_until = clock_timestamp() + p_lease
        WHERE c.task_id = p_task_id AND c.attempt = p_attempt AND c.process = p_process AND c.state = 'RUNNING';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION door.renew_generation IS 'False: the task was taken over; abort, send nothing, add the cost.';

CREATE FUNCTION door.store_generation(
    p_task_id uuid, p_attempt integer, p_process text, p_result text, p_cost numeric
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM door.require_accepting_transaction();
    UPDATE door.generation_claims c
        SET state = 'DONE', result = p_result, cost = p_cost, done_at = clock_timestamp()
        WHERE c.task_id = p_task_id AND c.attempt = p_attempt AND c.process = p_process AND c.state = 'RUNNING';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION door.store_generation IS 'False: the task was taken over; send nothing, add the cost.';

CREATE FUNCTION door.add_discarded_cost(p_task_id uuid, p_cost numeric) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE door.generation_claims SET discarded_cost = discarded_cost + p_cost WHERE task_id = p_task_id;
END;
COMMENT ON FUNCTION door.add_discarded_cost IS 'Notes what an attempt cost whose result is not used.';

ALTER FUNCTION door.claim_generation OWNER TO genesis_owner;
ALTER FUNCTION door.renew_generation OWNER TO genesis_owner;
ALTER FUNCTION door.store_generation OWNER TO genesis_owner;
ALTER FUNCTION door.add_discarded_cost OWNER TO genesis_owner;
REVOKE ALL ON FUNCTION door.claim_generation, door.renew_generation, door.store_generation, door.add_discarded_cost
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.claim_generation, door.renew_generation, door.store_generation,
    door.add_discarded_cost TO genesis_generator;

-- migrate:down
DROP FUNCTION door.add_discarded_cost;
DROP FUNCTION door.store_generation;
DROP FUNCTION door.renew_generation;
DROP FUNCTION door.claim_generation;
