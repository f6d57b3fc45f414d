-- name: after
SELECT event_id, event_type, event_version, aggregate_type, aggregate_id, sequence, correlation_id, causation_id,
    created_at, payload::text AS payload, metadata::text AS metadata, kafka_partition, kafka_offset
FROM domain_events
WHERE aggregate_id = $1 AND sequence > $2
ORDER BY sequence LIMIT $3

-- name: since
-- Partition by partition: a join on ranges becomes a scan of the table as the log grows.
SELECT e.*
FROM unnest($1::integer[], $2::bigint[]) AS passed (partition, "offset")
CROSS JOIN LATERAL (
    SELECT event_id, event_type, event_version, aggregate_type, aggregate_id, sequence, correlation_id, causation_id,
        created_at, payload::text AS payload, metadata::text AS metadata, kafka_partition, kafka_offset
    FROM domain_events d
    WHERE d.kafka_partition = passed.partition AND d.kafka_offset > passed."offset"
    ORDER BY d.kafka_offset LIMIT $3
) AS e

-- name: of_command
-- From the command's first event on, whose id derives from the command's: so no index on causation_id is needed.
SELECT event_id, event_type, event_version, aggregate_type, aggregate_id, sequence, correlation_id, causation_id,
    created_at, payload::text AS payload, metadata::text AS metadata, kafka_partition, kafka_offset
FROM domain_events
WHERE aggregate_id = $1 AND causation_id = $2
    AND sequence >= (SELECT first.sequence FROM domain_events first WHERE first.event_id = $3)
ORDER BY sequence LIMIT $4

-- name: positions
SELECT kafka_partition, next_offset FROM projection_positions
