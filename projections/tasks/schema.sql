-- Generations: asked for, running, ended, and what they cost.

CREATE TABLE async_tasks (
    id             uuid PRIMARY KEY,
    session_id     uuid NOT NULL,
    user_id        text NOT NULL,
    stage          text NOT NULL,
    task_type      text NOT NULL,
    status         text NOT NULL CHECK (status IN ('RUNNING', 'SUCCEEDED', 'FAILED', 'STOPPED')),
    attempt        integer,
    command_id     uuid NOT NULL,
    correlation_id uuid NOT NULL,
    input          jsonb NOT NULL,
    error          jsonb,
    provenance     jsonb,
    cost           numeric,
    currency       text,
    discarded      boolean NOT NULL DEFAULT false,
    deadline       timestamptz NOT NULL,
    requested_at   timestamptz NOT NULL,
    finished_at    timestamptz
) WITH (fillfactor = 70);
COMMENT ON TABLE async_tasks IS 'A row per generation, kept when it has ended; its id is also that of its proposal.';
COMMENT ON COLUMN async_tasks.attempt IS 'Attempt of the generator that brought the result; null until then.';
COMMENT ON COLUMN async_tasks.input IS 'What was asked for: round, guidance, feedback, provider, model, ...';
COMMENT ON COLUMN async_tasks.cost IS 'In `currency`; null where it is not known.';
COMMENT ON COLUMN async_tasks.discarded IS 'A result came after it had ended and was not used; its cost is counted.';
CREATE INDEX async_tasks_due ON async_tasks (deadline, id) WHERE status = 'RUNNING';
CREATE INDEX async_tasks_of_session ON async_tasks (session_id, requested_at);

CREATE FUNCTION write_tasks(p_requested json, p_ended json) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF p_requested IS NOT NULL THEN
        INSERT INTO async_tasks (
            id, session_id, user_id, stage, task_type, status, command_id, correlation_id, input, deadline,
            requested_at)
        SELECT r.id, r.session_id, r.user_id, r.stage, r.task_type, 'RUNNING', r.command_id, r.correlation_id, r.input,
            r.deadline, r.requested_at
        FROM json_to_recordset(p_requested) AS r (
            id uuid, session_id uuid, user_id text, stage text, task_type text, command_id uuid, correlation_id uuid,
            input jsonb, deadline timestamptz, requested_at timestamptz);
    END IF;
    IF p_ended IS NOT NULL THEN
        UPDATE async_tasks t SET
            status = coalesce(e.status, t.status), attempt = coalesce(e.attempt, t.attempt),
            error = coalesce(e.error, t.error), provenance = coalesce(e.provenance, t.provenance),
            cost = coalesce(e.cost, t.cost), currency = coalesce(e.currency, t.currency),
            discarded = coalesce(e.discarded, t.discarded), finished_at = coalesce(t.finished_at, e.finished_at)
        FROM json_to_recordset(p_ended) AS e (
            id uuid, status text, attempt integer, error jsonb, provenance jsonb, cost numeric, currency text,
            discarded boolean, finished_at timestamptz)
        WHERE t.id = e.id;
    END IF;
END
$$;
COMMENT ON FUNCTION write_tasks IS 'Puts new generations down and says how others ended; null keeps what is there.';
