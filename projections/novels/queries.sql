-- name: newest
SELECT id, session_id, title, logline, genre, language, audience, target_words, chapter_count, created_at
FROM novels
WHERE user_id = $1
ORDER BY created_at DESC, id DESC LIMIT $2

-- name: older
SELECT id, session_id, title, logline, genre, language, audience, target_words, chapter_count, created_at
FROM novels
WHERE user_id = $1 AND (created_at, id) < ($2, $3)
ORDER BY created_at DESC, id DESC LIMIT $4

-- name: novel
SELECT id, session_id, user_id, title, logline, genre, language, audience, synopsis, target_words, chapter_count,
    content, provenance, cost, content_hash, created_at
FROM novels
WHERE id = $1 AND user_id = $2
