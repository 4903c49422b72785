-- A stream's state at every 500th version, written by the append that reaches it: the state at any version is then a
-- fold of at most 499 events (CORRECTNESS 32). Streams from before get theirs from `fill_snapshots`.
CREATE TABLE snapshots (
    stream_id text COLLATE "C" NOT NULL,
    version   bigint NOT NULL CHECK (version > 0),
    state     jsonb NOT NULL,
    PRIMARY KEY (stream_id, version)
);
