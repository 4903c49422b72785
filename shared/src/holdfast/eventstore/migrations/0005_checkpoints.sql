-- Signed checkpoints over all events in the order of their positions (CORRECTNESS 35); checkpoints.py says over what.
CREATE TABLE checkpoints (
    number    bigint PRIMARY KEY CHECK (number > 0),
    position  bigint NOT NULL,
    events    bigint NOT NULL,
    root      bytea NOT NULL CHECK (length(root) = 32),
    signed_at timestamptz NOT NULL,
    signature bytea NOT NULL
);
