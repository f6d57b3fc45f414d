-- The novels that sessions ended in.

CREATE TABLE novels (
    id            uuid PRIMARY KEY,
    session_id    uuid NOT NULL,
    user_id       text NOT NULL,
    title         text NOT NULL,
    logline       text NOT NULL,
    genre         text NOT NULL,
    language      text NOT NULL,
    audience      text NOT NULL,
    synopsis      text NOT NULL,
    target_words  integer NOT NULL,
    chapter_count integer NOT NULL,
    content       jsonb NOT NULL,
    provenance    jsonb NOT NULL,
    cost          jsonb NOT NULL,
    content_hash  text NOT NULL,
    created_at    timestamptz NOT NULL
);
COMMENT ON TABLE novels IS 'A row per finished session: its five confirmed stages and where they came from.';
CREATE INDEX novels_of_user ON novels (user_id, created_at DESC, id DESC);

CREATE FUNCTION write_novels(p_novels json) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO novels (
        id, session_id, user_id, title, logline, genre, language, audience, synopsis, target_words, chapter_count,
        content, provenance, cost, content_hash, created_at)
    SELECT n.id, n.session_id, n.user_id, n.title, n.logline, n.genre, n.language, n.audience, n.synopsis,
        n.target_words, n.chapter_count, n.content, n.provenance, n.cost, n.content_hash, n.created_at
    FROM json_to_recordset(p_novels) AS n (
        id uuid, session_id uuid, user_id text, title text, logline text, genre text, language text, audience text,
        synopsis text, target_words integer, chapter_count integer, content jsonb, provenance jsonb, cost jsonb,
        content_hash text, created_at timestamptz);
END
$$;
COMMENT ON FUNCTION write_novels IS 'Puts finished novels down.';
