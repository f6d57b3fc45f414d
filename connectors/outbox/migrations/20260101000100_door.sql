-- The schema `door`: what was accepted, never rebuilt, never emptied but of what the pipe has long passed.

-- migrate:up
CREATE SCHEMA door AUTHORIZATION genesis_owner;
GRANT USAGE ON SCHEMA door
    TO genesis_door, genesis_projector, genesis_sweeper, genesis_generator, genesis_debezium;

CREATE TABLE door.genesis_sessions (
    id            uuid PRIMARY KEY,
    owner         text NOT NULL CHECK (octet_length(owner) BETWEEN 1 AND 255),
    command_count bigint NOT NULL CHECK (command_count >= 1),
    last_at       timestamptz NOT NULL,
    created_at    timestamptz NOT NULL
);
COMMENT ON TABLE door.genesis_sessions IS
    'A row per session: whose it is and the counter of its commands. Its row lock is the order of its commands.';
COMMENT ON COLUMN door.genesis_sessions.command_count IS 'Number of the last accepted command; numbers have no gaps.';
COMMENT ON COLUMN door.genesis_sessions.last_at IS 'Time of the last accepted command; no later one is earlier.';

CREATE TABLE door.command_inbox (
    id               uuid PRIMARY KEY,
    session_id       uuid NOT NULL,
    command_no       bigint NOT NULL CHECK (command_no >= 1),
    command_type     text NOT NULL CHECK (command_type ~ '^[A-Z_]{1,40}$'),
    command_payload  json NOT NULL,
    owner            text NOT NULL,
    idempotency_key  text CHECK (char_length(idempotency_key) BETWEEN 1 AND 200),
    fingerprint      bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    active_key       text NOT NULL CHECK (char_length(active_key) <= 200),
    internal         boolean NOT NULL,
    correlation_id   uuid NOT NULL,
    expected_version bigint,
    traceparent      text,
    status           text NOT NULL DEFAULT 'RECEIVED'
                     CHECK (status IN ('RECEIVED', 'PROCESSING', 'COMPLETED', 'FAILED')),
    reason           text,
    received_at      timestamptz NOT NULL,
    processed_at     timestamptz,
    error_details    jsonb,
    resent_count     integer NOT NULL DEFAULT 0 CHECK (resent_count >= 0),
    next_resend_at   timestamptz NOT NULL,
    given_up_at      timestamptz,
    CONSTRAINT one_number_once UNIQUE (session_id, command_no),
    CONSTRAINT one_key_once UNIQUE (owner, idempotency_key),
    CONSTRAINT clients_commands_have_a_key CHECK (internal = (idempotency_key IS NULL)),
    CONSTRAINT internal_types_are_internal CHECK (
        internal = (command_type IN ('HANDLE_EXPIRED', 'SESSION_EXPIRED', 'GENERATION_FAILED')))
);
COMMENT ON TABLE door.command_inbox IS
    'Every accepted command and its outcome. The payload is kept, so that a lost command can be sent again.';
COMMENT ON COLUMN door.command_inbox.fingerprint IS
    'SHA-256 of the canonical JSON of session, type and payload: the same key with another one is refused.';
COMMENT ON COLUMN door.command_inbox.active_key IS
    'Stage, proposal and "stop": commands of one type whose active_key differs do not exclude each other.';
COMMENT ON COLUMN door.command_inbox.status IS
    'RECEIVED, then PROCESSING (a kept answer), then COMPLETED or FAILED; moved forward by the projector, never back.';
COMMENT ON COLUMN door.command_inbox.next_resend_at IS
    'From when on a command still RECEIVED may be looked at as lost; pushed back with every re-sending.';
COMMENT ON COLUMN door.command_inbox.given_up_at IS 'Re-sent in vain too often: no longer counts as active.';

-- The original design's "duplicate active command". A command that was given up no longer blocks its like.
CREATE UNIQUE INDEX command_inbox_active ON door.command_inbox (session_id, command_type, active_key)
    WHERE status IN ('RECEIVED', 'PROCESSING') AND NOT internal AND given_up_at IS NULL;
CREATE INDEX command_inbox_without_outcome ON door.command_inbox (next_resend_at)
    WHERE status = 'RECEIVED' AND given_up_at IS NULL;

CREATE TABLE door.event_outbox (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    position      bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    topic         text NOT NULL CHECK (topic ~ '^[a-zA-Z0-9._-]{1,249}$'),
    partition_key text NOT NULL CHECK (octet_length(partition_key) BETWEEN 1 AND 255),
    payload       text NOT NULL CHECK (octet_length(payload) < 900000),
    traceparent   text CHECK (char_length(traceparent) <= 255),
    created_at    timestamptz NOT NULL,
    command_id    uuid NOT NULL,
    command_no    bigint NOT NULL CHECK (command_no >= 0),
    command_type  text NOT NULL
);
COMMENT ON TABLE door.event_outbox IS
    'What Debezium carries to Kafka, in WAL order. Insert only; rows older than 8 days are deleted in small batches.';
COMMENT ON COLUMN door.event_outbox.position IS
    'Filled after the session''s row lock: within a session it grows with command_no. For ordered snapshots.';
COMMENT ON COLUMN door.event_outbox.payload IS
    'The message byte for byte. Text, since jsonb re-orders keys. Below Kafka''s limit: one poison row stops the pipe.';
CREATE INDEX event_outbox_age ON door.event_outbox (created_at);

CREATE TABLE door.generation_claims (
    task_id        uuid PRIMARY KEY,
    session_id     uuid NOT NULL,
    attempt        integer NOT NULL CHECK (attempt >= 1),
    instance       text NOT NULL,
    process        text NOT NULL,
    state          text NOT NULL CHECK (state IN ('RUNNING', 'DONE')),
    lease_until    timestamptz NOT NULL,
    result         text,
    cost           numeric,
    discarded_cost numeric NOT NULL DEFAULT 0 CHECK (discarded_cost >= 0),
    claimed_at     timestamptz NOT NULL,
    done_at        timestamptz,
    CONSTRAINT done_has_a_result CHECK ((state = 'DONE') = (result IS NOT NULL AND done_at IS NOT NULL))
);
COMMENT ON TABLE door.generation_claims IS
    'Which generator process works on a task, and the result once it is there, so that no task is paid for twice.';
COMMENT ON COLUMN door.generation_claims.process IS 'instance plus what that process drew at its start: the owner.';
COMMENT ON COLUMN door.generation_claims.cost IS 'Of the stored result; null where the price is unknown.';
COMMENT ON COLUMN door.generation_claims.discarded_cost IS 'Of attempts that were taken over: paid, result not used.';
CREATE INDEX generation_claims_age ON door.generation_claims (claimed_at);

CREATE TABLE door.installation (
    key   text PRIMARY KEY,
    value text NOT NULL
);
COMMENT ON TABLE door.installation IS
    'Facts fixed at the first start: number of partitions, id of the Kafka cluster.';

ALTER TABLE door.genesis_sessions OWNER TO genesis_owner;
ALTER TABLE door.command_inbox OWNER TO genesis_owner;
ALTER TABLE door.event_outbox OWNER TO genesis_owner;
ALTER TABLE door.generation_claims OWNER TO genesis_owner;
ALTER TABLE door.installation OWNER TO genesis_owner;

GRANT SELECT ON door.genesis_sessions, door.command_inbox TO genesis_door;
GRANT SELECT ON door.command_inbox TO genesis_sweeper;
GRANT SELECT ON door.generation_claims TO genesis_generator;
GRANT SELECT ON door.event_outbox TO genesis_debezium;

-- Named here because autocreation in the connector would need a superuser and would publish every table.
CREATE PUBLICATION genesis_outbox_pub FOR TABLE door.event_outbox WITH (publish = 'insert');

-- migrate:down
DROP PUBLICATION genesis_outbox_pub;
DROP SCHEMA door CASCADE;
