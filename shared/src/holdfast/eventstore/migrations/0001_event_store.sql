-- The truth: events, and each stream's folded state beside them, written in the same transaction.
-- Stream ids compare byte by byte (COLLATE "C"), so that every transaction locks in the one order
-- cart < customer < order < product, whatever the database's own collation (CORRECTNESS 5).
CREATE TABLE streams (
    stream_id   text COLLATE "C" PRIMARY KEY,
    kind        text NOT NULL,
    owner       text,
    created_at  timestamptz NOT NULL,
    version     bigint NOT NULL CHECK (version > 0),
    state       jsonb NOT NULL,
    recent_keys jsonb NOT NULL DEFAULT '[]'
) WITH (fillfactor = 80);

CREATE INDEX streams_by_owner ON streams (owner, kind, created_at DESC, stream_id DESC);

CREATE TABLE events (
    position       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream_id      text COLLATE "C" NOT NULL,
    version        bigint NOT NULL CHECK (version > 0),
    type           text NOT NULL,
    schema_version integer NOT NULL,
    data           jsonb NOT NULL,
    metadata       jsonb NOT NULL,
    recorded_at    timestamptz NOT NULL,
    UNIQUE (stream_id, version)
);

CREATE FUNCTION refuse_change_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER events_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_events();

-- A row for each event not yet acknowledged by Kafka; the relay deletes it then (CORRECTNESS 11).
CREATE TABLE outbox (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE idempotency (
    key_hash    text COLLATE "C" PRIMARY KEY,
    fingerprint text NOT NULL,
    resource_id text NOT NULL,
    answer      jsonb,
    lease_until timestamptz NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE INDEX idempotency_by_resource ON idempotency (resource_id);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
