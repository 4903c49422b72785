-- Every idempotency key is a row here, written in the transaction of its command (CORRECTNESS 1). A key is unique within
-- 24 h because its command holds a lock on it; no index says so, since none spans partitions. The four partitions are a
-- ring: a row of the n-th half day since 1970 stands in partition n modulo 4, and one partition is always older than
-- 24 h and can be truncated (ADR 22).
DROP INDEX idempotency_by_resource, idempotency_by_age;
ALTER TABLE idempotency RENAME TO idempotency_before;

CREATE TABLE idempotency (
    slot        smallint NOT NULL,
    key_hash    uuid NOT NULL,
    fingerprint uuid NOT NULL,
    resource_id text COLLATE "C" NOT NULL,
    answer      jsonb,
    lease_until timestamptz,
    created_at  timestamptz NOT NULL
) PARTITION BY LIST (slot);
CREATE TABLE idempotency_0 PARTITION OF idempotency FOR VALUES IN (0);
CREATE TABLE idempotency_1 PARTITION OF idempotency FOR VALUES IN (1);
CREATE TABLE idempotency_2 PARTITION OF idempotency FOR VALUES IN (2);
CREATE TABLE idempotency_3 PARTITION OF idempotency FOR VALUES IN (3);
CREATE INDEX idempotency_by_key ON idempotency (key_hash);
CREATE INDEX idempotency_by_resource ON idempotency (resource_id) WHERE lease_until IS NOT NULL;

-- What is bound stays bound: the keys of checkouts and registrations, then those that streams remembered.
INSERT INTO idempotency
SELECT (floor(extract(epoch FROM created_at) / 43200)::bigint % 4)::smallint,
       key_hash::uuid, fingerprint::uuid, resource_id, answer, lease_until, created_at
  FROM idempotency_before WHERE created_at > now() - interval '24 hours';
INSERT INTO idempotency
SELECT (floor(extract(epoch FROM (key ->> 3)::timestamptz) / 43200)::bigint % 4)::smallint,
       (key ->> 0)::uuid, (key ->> 1)::uuid, stream_id, jsonb_build_object('version', (key ->> 2)::bigint), NULL,
       (key ->> 3)::timestamptz
  FROM streams, jsonb_array_elements(recent_keys) AS key
 WHERE (key ->> 3)::timestamptz > now() - interval '24 hours';

DROP TABLE idempotency_before;
ALTER TABLE streams DROP COLUMN recent_keys;
