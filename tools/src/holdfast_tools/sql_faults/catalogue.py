"""The planted faults, each with the test that has to fail under it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_STORE: Final = "shared/tests/eventstore"
_COMMAND: Final = "services/command-service/tests"


@dataclass(frozen=True, slots=True)
class SqlFault:
    """In every statement that `pattern` (a regular expression) matches, what matches becomes `replacement`.

    `test` is a pytest node id below the project's root. It passes without the fault and fails with it.
    """

    name: str
    pattern: str
    replacement: str
    test: str


def _store(name: str, pattern: str, replacement: str, test: str) -> SqlFault:
    return SqlFault(name, pattern, replacement, f"{_STORE}/{test}")


def _command(name: str, pattern: str, replacement: str, test: str) -> SqlFault:
    return SqlFault(name, pattern, replacement, f"{_COMMAND}/{test}")


_LOCK: Final = r"ORDER BY stream_id FOR UPDATE"
_UNDER_THE_LOCK: Final = "test_concurrency.py::test_20_appends_under_the_lock_all_succeed_one_after_the_other"
_CHANGED: Final = "test_store.py::test_a_stream_that_changed_since_it_was_read_is_a_conflict"
_QUEUED: Final = "test_outbox.py::test_each_appended_event_is_queued_in_the_order_of_its_versions"
_TAKEN_OVER: Final = "test_idempotency.py::test_a_claim_is_taken_over_once_its_lease_ran_out_and_only_without_an_answer"
_HISTORY: Final = "test_store.py::test_history_gives_a_range_of_versions"
_NEWEST: Final = "test_store.py::test_the_newest_events_are_as_many_as_asked_for_or_as_are_small_enough"
_READ_BACK: Final = "test_store.py::test_what_was_appended_is_read_back_folded"

FAULTS: Final[Sequence[SqlFault]] = (
    # Locks
    _store("lock-without-for-update", _LOCK, "ORDER BY stream_id", _UNDER_THE_LOCK),
    _store("lock-for-share", _LOCK, "ORDER BY stream_id FOR SHARE", _UNDER_THE_LOCK),
    _store("lock-skips-locked", _LOCK, "ORDER BY stream_id FOR UPDATE SKIP LOCKED", _UNDER_THE_LOCK),
    _store(
        "lock-in-reverse-order",
        _LOCK,
        "ORDER BY stream_id DESC FOR UPDATE",
        "test_store.py::test_streams_are_locked_in_the_order_of_their_bytes",
    ),
    _store(
        "key-without-lock",
        r"; SELECT pg_advisory_xact_lock\(-?\d+\)",
        "",
        "test_idempotency.py::test_a_transaction_with_a_key_waits_for_it_and_then_sees_the_claim_of_who_held_it",
    ),
    _store(
        "key-lock-always-granted",
        r"pg_try_advisory_xact_lock\(\$1\)",
        "$1::bigint IS NOT NULL",
        "test_idempotency.py::test_a_key_is_held_by_one_transaction_and_the_other_is_told_at_once",
    ),
    _store(
        "no-transaction-timeout",
        r"SET LOCAL transaction_timeout = \d+",
        "SET LOCAL transaction_timeout = 0",
        "test_deadlines.py::test_a_client_that_stops_holds_its_locks_only_to_its_deadline",
    ),
    # Streams
    _store("stream-version-unchecked", r"WHERE stored\.version = .*?::bigint", "", _CHANGED),
    _store("stream-version-at-least", r"WHERE stored\.version = ", "WHERE stored.version >= ", _CHANGED),
    _store("stream-state-kept", r"state = excluded\.state, ", "", _READ_BACK),
    _store("stream-version-kept", r"SET version = excluded\.version, ", "SET ", _READ_BACK),
    _store(
        "stream-hash-kept",
        r", hash = excluded\.hash",
        "",
        "test_chain.py::test_each_append_goes_on_with_the_hash_of_the_last_event",
    ),
    # Events and outbox
    _store("events-in-reverse-order", r"ORDER BY u\.place", "ORDER BY u.place DESC", _QUEUED),
    _store(
        "outbox-in-reverse-order", r"FROM written ORDER BY position", "FROM written ORDER BY position DESC", _QUEUED
    ),
    _store(
        "outbox-forgotten",
        r"INSERT INTO outbox \(position\) SELECT position FROM written",
        "SELECT position FROM written",
        _QUEUED,
    ),
    _store(
        "requeue-without-lock",
        r"WHERE stream_id = \$1 FOR UPDATE",
        "WHERE stream_id = $1",
        "test_outbox.py::test_requeueing_waits_for_who_is_appending",
    ),
    _store(
        "requeue-in-reverse-order",
        r"WHERE stream_id = \$1 ORDER BY version$",
        "WHERE stream_id = $1 ORDER BY version DESC",
        "test_outbox.py::test_a_stream_is_queued_again_whole_and_in_order",
    ),
    _store("history-without-its-first", r"version >= \$2 AND", "version > $2 AND", _HISTORY),
    _store("history-in-reverse-order", r"ORDER BY version LIMIT", "ORDER BY version DESC LIMIT", _HISTORY),
    _store(
        "newest-one-too-many",
        r"version > \$2 AND version <= \$3\) AS page",
        "version >= $2 AND version <= $3) AS page",
        _NEWEST,
    ),
    _store("newest-of-any-size", r"WHERE newer < \$4", "WHERE $4::bigint IS NOT NULL", _NEWEST),
    # Idempotency keys
    _store(
        "claim-forgotten",
        r"(AS u\(slot, key_hash.*?\))",
        r"\1 WHERE false",
        "test_idempotency.py::test_a_claim_is_found_as_it_was_written_with_its_command",
    ),
    _store(
        "key-kept-for-good",
        r"created_at > now\(\) - interval '24 hours'",
        "true",
        "test_idempotency.py::test_a_key_is_free_again_after_24_hours",
    ),
    _store(
        "answer-overwritten",
        r"lease_until IS NOT NULL AND answer IS NULL",
        "lease_until IS NOT NULL",
        "test_idempotency.py::test_an_answer_is_stored_once",
    ),
    _store("lease-ignored", r"AND lease_until < \$2", "AND $2::timestamptz IS NOT NULL", _TAKEN_OVER),
    _store("answered-claim-taken-over", r"AND answer IS NULL AND lease_until <", "AND lease_until <", _TAKEN_OVER),
    # Snapshots, checkpoints, verification
    _store(
        "snapshot-of-another-version",
        r"FROM snapshots WHERE stream_id = \$1 AND version = \$2",
        "FROM snapshots WHERE stream_id = $1 AND version <= $2 ORDER BY version LIMIT 1",
        "test_snapshots.py::test_a_state_is_the_fold_of_all_events_and_reads_fewer_than_one_snapshots_worth",
    ),
    _store(
        "checkpoint-without-its-last",
        r"position <= \$2 ORDER BY position",
        "position < $2 ORDER BY position",
        "test_checkpoints.py::test_each_checkpoint_follows_the_one_before",
    ),
    _store(
        "checkpoint-waits-for-nobody",
        r"SELECT pg_snapshot_xmin\(pg_current_snapshot\(\)\) > \$1::text::xid8",
        "SELECT $1::text IS NOT NULL",
        "test_checkpoints.py::test_an_event_that_is_committed_after_newer_ones_is_waited_for",
    ),
    _store(
        "verification-read-committed",
        r"ISOLATION LEVEL REPEATABLE READ",
        "ISOLATION LEVEL READ COMMITTED",
        "test_verification.py::test_verifying_while_others_append_sees_one_moment",
    ),
    # The relay and settlement
    _command(
        "relay-newest-first",
        r"id <> ALL\(\$1\) ORDER BY id LIMIT",
        "id <> ALL($1) ORDER BY id DESC LIMIT",
        "relay/test_relay.py::test_more_than_a_batch_is_published_whole_and_in_order",
    ),
    _command(
        "relay-deletes-all-older",
        r"DELETE FROM outbox WHERE id = ANY\(\$1\)",
        "DELETE FROM outbox WHERE id <= (SELECT max(id) FROM unnest($1::bigint[]) AS of(id))",
        "relay/test_relay.py::test_a_stream_that_cannot_be_published_is_held_back_and_others_go_on",
    ),
    _command(
        "relay-without-leadership",
        r"pg_try_advisory_lock\(\$1, \$2\)",
        "($1::int + $2::int) IS NOT NULL",
        "relay/test_relay.py::test_of_two_relays_one_publishes_and_the_other_takes_over",
    ),
    _command(
        "work-claimed-for-no-time",
        r"clock_timestamp\(\) \+ make_interval\(secs =>.*?10\)\)\)\)",
        "clock_timestamp()",
        "settlement/test_settlement.py::test_a_claimed_row_is_left_alone_until_its_next_attempt_and_then_comes_again",
    ),
    _command(
        "void-forgotten-with-the-charge",
        r"WHERE order_id = \$1 AND kind = \$2",
        "WHERE order_id = $1 AND $2::text IS NOT NULL",
        "settlement/test_settlement.py::test_a_void_is_struck_off_by_a_void_only",
    ),
)
