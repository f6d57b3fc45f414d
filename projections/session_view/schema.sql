-- A row per session and a row per stage: the session as the kernel's own fold of its events leaves it.

CREATE TABLE session_view (
    session_id    uuid PRIMARY KEY,
    user_id       text NOT NULL,
    status        text NOT NULL CHECK (
                  status IN ('IN_PROGRESS', 'PAUSED', 'COMPLETED', 'ABANDONED', 'refused', 'unreadable')),
    mode          text NOT NULL,
    current_stage text NOT NULL,
    version       bigint NOT NULL,
    sequence      bigint NOT NULL,
    title         text,
    idea          text,
    novel_id      uuid,
    inconsistent  boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    touched_hour  timestamp NOT NULL GENERATED ALWAYS AS (date_trunc('hour', updated_at AT TIME ZONE 'UTC')) STORED,
    head          json,
    brief         json
) WITH (fillfactor = 70);
COMMENT ON TABLE session_view IS 'Each session after its last event; the columns before `head` are taken out of it.';
COMMENT ON COLUMN session_view.status IS 'unreadable: not even its first event could be read.';
COMMENT ON COLUMN session_view.title IS 'Best title known so far: the novel''s, the story''s, the concept''s.';
COMMENT ON COLUMN session_view.idea IS 'The first 200 characters of the idea it was started with.';
COMMENT ON COLUMN session_view.inconsistent IS 'An event of it lies in quarantine, so the row may be behind its history.';
COMMENT ON COLUMN session_view.head IS
    'The kernel''s state without stages and brief. json and not jsonb: read as a whole, written at every event, and '
    'to be the same text again, since the hash of a state depends on the order of its keys.';
CREATE INDEX session_view_of_user ON session_view (user_id, created_at DESC, session_id DESC);
COMMENT ON COLUMN session_view.touched_hour IS
    'UTC hour of the last event, for the sweeper. Its index leaves updated_at out: with that in an index every event would '
    'write anew to all indexes of the row, with this one event an hour does.';
CREATE INDEX session_view_untouched ON session_view (touched_hour, session_id)
    WHERE status IN ('IN_PROGRESS', 'PAUSED');
CREATE INDEX session_view_inconsistent ON session_view (session_id) WHERE inconsistent;

CREATE TABLE session_stage (
    session_id uuid NOT NULL,
    stage      text NOT NULL,
    place      smallint NOT NULL,
    phase      text NOT NULL,
    slot       json NOT NULL,
    PRIMARY KEY (session_id, stage)
) WITH (fillfactor = 70);
COMMENT ON TABLE session_stage IS 'Each stage a session has come to: its draft, its handle, what was confirmed.';
COMMENT ON COLUMN session_stage.place IS 'Order in which the session came to its stages, from 0.';

CREATE FUNCTION write_session_views(p_views json, p_stages json) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO session_view AS v (
        session_id, user_id, status, mode, current_stage, version, sequence, title, idea, novel_id, created_at,
        updated_at, head, brief)
    SELECT r.session_id, r.user_id, r.status, r.mode, r.current_stage, r.version, r.sequence, r.title, r.idea,
        r.novel_id, r.created_at, r.updated_at, r.head, r.brief
    FROM json_to_recordset(p_views) AS r (
        session_id uuid, user_id text, status text, mode text, current_stage text, version bigint, sequence bigint,
        title text, idea text, novel_id uuid, created_at timestamptz, updated_at timestamptz, head json, brief json)
    ON CONFLICT (session_id) DO UPDATE SET
        user_id = excluded.user_id, status = excluded.status, mode = excluded.mode,
        current_stage = excluded.current_stage, version = excluded.version, sequence = excluded.sequence,
        title = coalesce(excluded.title, v.title), idea = coalesce(excluded.idea, v.idea),
        novel_id = excluded.novel_id, created_at = excluded.created_at, updated_at = excluded.updated_at,
        head = excluded.head, brief = coalesce(excluded.brief, v.brief);
    IF p_stages IS NOT NULL THEN
        INSERT INTO session_stage (session_id, stage, place, phase, slot)
        SELECT r.session_id, r.stage, r.place, r.phase, r.slot
        FROM json_to_recordset(p_stages) AS r (
            session_id uuid, stage text, place smallint, phase text, slot json)
        ON CONFLICT (session_id, stage) DO UPDATE SET phase = excluded.phase, slot = excluded.slot;
    END IF;
END
$$;
COMMENT ON FUNCTION write_session_views IS 'Puts each session''s head and its touched stages; null title, idea and brief keep.';

CREATE FUNCTION mark_inconsistent(p_sessions json) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO session_view (
        session_id, user_id, status, mode, current_stage, version, sequence, inconsistent, created_at, updated_at)
    SELECT r.session_id, r.user_id, 'unreadable', '', '', 0, 0, true, r.at, r.at
    FROM json_to_recordset(p_sessions) AS r (session_id uuid, user_id text, at timestamptz)
    ON CONFLICT (session_id) DO UPDATE SET inconsistent = true;
END
$$;
COMMENT ON FUNCTION mark_inconsistent IS 'Says of these sessions that an event of theirs lies in quarantine.';
