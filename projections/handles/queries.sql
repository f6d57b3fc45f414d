-- name: of_session
SELECT id, stage, task_id, proposal_id, status, answer_command_id, created_at, paused_at, resumed_at, expires_at
FROM flow_resume_handles
WHERE session_id = $1
ORDER BY created_at DESC LIMIT $2
