-- name: of_session
SELECT id, stage, task_type, status, attempt, error, provenance, cost, currency, discarded, deadline, requested_at,
    finished_at
FROM async_tasks
WHERE session_id = $1
ORDER BY requested_at DESC LIMIT $2
