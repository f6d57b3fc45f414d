-- Resume handles: where sessions wait, or have waited, for their person.

CREATE TABLE flow_resume_handles (
    id                uuid PRIMARY KEY,
    session_id        uuid NOT NULL,
    user_id           text NOT NULL,
    stage             text NOT NULL,
    task_id           uuid,
    proposal_id       uuid,
    correlation_id    uuid NOT NULL,
    status            text NOT NULL CHECK (status IN ('PENDING_PAUSE', 'WAITING', 'RESUMED', 'EXPIRED', 'CANCELLED')),
    answer_command_id uuid,
    created_at        timestamptz NOT NULL,
    paused_at         timestamptz,
    resumed_at        timestamptz,
    expires_at        timestamptz
) WITH (fillfactor = 70);
COMMENT ON TABLE flow_resume_handles IS 'A row per pause of a stage, kept when the pause is over.';
COMMENT ON COLUMN flow_resume_handles.task_id IS 'Generation it was opened with; null for one opened without.';
COMMENT ON COLUMN flow_resume_handles.answer_command_id IS
    'The answer: kept for the proposal while PENDING_PAUSE, applied when RESUMED.';
COMMENT ON COLUMN flow_resume_handles.expires_at IS 'Null until it is WAITING; renewed by each granted edit.';
CREATE UNIQUE INDEX flow_resume_handles_one_open ON flow_resume_handles (session_id, stage)
    WHERE status IN ('PENDING_PAUSE', 'WAITING');
CREATE INDEX flow_resume_handles_due ON flow_resume_handles (expires_at, id) WHERE status = 'WAITING';
CREATE INDEX flow_resume_handles_of_session ON flow_resume_handles (session_id, created_at);

CREATE FUNCTION write_handles(p_changed json, p_opened json) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    -- First what ends, then what opens: one open handle per stage is checked row by row.
    IF p_changed IS NOT NULL THEN
        UPDATE flow_resume_handles h SET
            status = c.status, answer_command_id = c.answer_command_id,
            proposal_id = coalesce(c.proposal_id, h.proposal_id), paused_at = coalesce(c.paused_at, h.paused_at),
            resumed_at = coalesce(c.resumed_at, h.resumed_at), expires_at = coalesce(c.expires_at, h.expires_at)
        FROM json_to_recordset(p_changed) AS c (
            id uuid, status text, answer_command_id uuid, proposal_id uuid, paused_at timestamptz,
            resumed_at timestamptz, expires_at timestamptz)
        WHERE h.id = c.id;
    END IF;
    IF p_opened IS NOT NULL THEN
        INSERT INTO flow_resume_handles (
            id, session_id, user_id, stage, task_id, proposal_id, correlation_id, status, answer_command_id,
            created_at, paused_at, resumed_at, expires_at)
        SELECT o.id, o.session_id, o.user_id, o.stage, o.task_id, o.proposal_id, o.correlation_id, o.status,
            o.answer_command_id, o.created_at, o.paused_at, o.resumed_at, o.expires_at
        FROM json_to_recordset(p_opened) AS o (
            id uuid, session_id uuid, user_id text, stage text, task_id uuid, proposal_id uuid, correlation_id uuid,
            status text, answer_command_id uuid, created_at timestamptz, paused_at timestamptz,
            resumed_at timestamptz, expires_at timestamptz);
    END IF;
END
$$;
COMMENT ON FUNCTION write_handles IS 'Moves handles on and opens new ones; null times and proposal in p_changed keep.';
