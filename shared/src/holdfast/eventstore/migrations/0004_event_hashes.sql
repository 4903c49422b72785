-- Each event carries a hash chained over its stream, and each stream the hash of its last event (CORRECTNESS 35). The
-- events from before get theirs in this transaction, from hash_stored_events in chain.py, which then requires a hash of
-- every row: a process that writes none is refused.
ALTER TABLE events ADD COLUMN hash bytea;
ALTER TABLE streams ADD COLUMN hash bytea;
