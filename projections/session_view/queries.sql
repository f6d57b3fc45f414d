-- name: load
-- `last` is asked for only where the history may be ahead of the view.
SELECT v.session_id, v.inconsistent, v.head::text AS head, v.brief::text AS brief,
    CASE WHEN v.inconsistent THEN (
        SELECT max(d.sequence) FROM domain_events d WHERE d.aggregate_id = v.session_id) END AS last,
    (SELECT string_agg('"' || s.stage || '":' || s.slot::text, ',' ORDER BY s.place)
        FROM session_stage s WHERE s.session_id = v.session_id) AS stages
FROM session_view v
WHERE v.session_id = ANY ($1::uuid[])

-- name: state
SELECT v.session_id, v.inconsistent, v.head::text AS head, v.brief::text AS brief,
    (SELECT string_agg('"' || s.stage || '":' || s.slot::text, ',' ORDER BY s.place)
        FROM session_stage s WHERE s.session_id = v.session_id) AS stages,
    v.status, v.version, v.title, v.idea, v.created_at, v.updated_at
FROM session_view v
WHERE v.session_id = $1 AND v.user_id = $2

-- name: version
SELECT version FROM session_view WHERE session_id = $1 AND user_id = $2

-- name: newest
SELECT session_id, status, mode, current_stage, version, title, idea, novel_id, inconsistent, created_at, updated_at
FROM session_view
WHERE user_id = $1
ORDER BY created_at DESC, session_id DESC LIMIT $2

-- name: older
SELECT session_id, status, mode, current_stage, version, title, idea, novel_id, inconsistent, created_at, updated_at
FROM session_view
WHERE user_id = $1 AND (created_at, session_id) < ($2, $3)
ORDER BY created_at DESC, session_id DESC LIMIT $4
