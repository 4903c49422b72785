"""Each event's hash depends on all that it says and on every event before it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from holdfast.eventstore import EVENT_STORE, Database, MigrationSet, migrate, verify
from holdfast.eventstore.chain import event_hash, row_hash
from holdfast.eventstore.kinds import START_HASH
from holdfast.eventstore.rows import EVENT_COLUMNS


def first_files(directory: Path, count: int) -> MigrationSet:
    """The event store's first migrations, as an older version of it had them."""
    for file in sorted(EVENT_STORE.directory.iterdir(), key=lambda entry: entry.name)[:count]:
        (directory / file.name).write_text(file.read_text())
    return MigrationSet("eventstore", directory)


NOON = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "before": START_HASH,
    "stream_id": "cart-1",
    "version": 1,
    "event_type": "Added",
    "schema_version": 2,
    "data": {"amount": 1, "a": ["é", None]},
    "metadata": {"actor": "ann"},
    "recorded_at": NOON,
}


def test_the_form_that_is_hashed_never_changes() -> None:
    assert event_hash(**EVENT).hex() == "051aea112498932cae14696ac6949b5fa62d35dd0132e7d08d51c1151773d800"


@pytest.mark.parametrize(
    "change",
    [
        {"before": bytes(31) + b"\1"},
        {"stream_id": "cart-2"},
        {"version": 2},
        {"event_type": "Adde"},
        {"schema_version": 1},
        {"data": {"amount": 2, "a": ["é", None]}},
        {"data": {"amount": 1, "a": ["é", None], "b": None}},
        {"metadata": {}},
        {"recorded_at": NOON + timedelta(microseconds=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_changed_changes_the_hash(change: dict[str, Any]) -> None:
    assert event_hash(**{**EVENT, **change}) != event_hash(**EVENT)


def test_neither_the_order_of_keys_nor_the_time_zone_counts() -> None:
    same = {"data": {"a": ["é", None], "amount": 1}, "recorded_at": NOON.astimezone(timezone(timedelta(hours=5)))}
    assert event_hash(**{**EVENT, **same}) == event_hash(**EVENT)


@pytest.mark.stores
@pytest.mark.parametrize(
    "value",
    [
        "",
        "é\u0301\U0001f600",
        "\\u0000 \"'\n",
        2**63 - 1,
        -(2**63),
        0.1,
        1e-9,
        True,
        None,
        [],
        {},
        {"b": {"a": 1}, "": 2},
    ],
)
async def test_what_postgresql_gives_back_has_the_hash_of_what_was_sent(shop, value: Any) -> None:
    data = {"amount": 1, "value": value, "zz": 1, "b": 2}
    wanted = event_hash(START_HASH, "cart-1", 1, "Added", 2, data, {"actor": "ann"}, NOON)
    await shop.query(
        "INSERT INTO events (stream_id, version, type, schema_version, data, metadata, recorded_at, hash)"
        " VALUES ('cart-1', 1, 'Added', 2, $1, $2, $3, $4)", json.dumps(data), '{"actor": "ann"}', NOON, wanted,
    )  # fmt: skip
    (row,) = await shop.query(f"SELECT {EVENT_COLUMNS} FROM events")
    assert row_hash(START_HASH, row) == wanted


@pytest.mark.stores
async def test_each_append_goes_on_with_the_hash_of_the_last_event(shop) -> None:
    first = (await shop.add("1", amounts=(1, 2)))["cart-1"]
    second = (await shop.add("1", amounts=(3,)))["cart-1"]
    rows = await shop.query(f"SELECT {EVENT_COLUMNS}, hash FROM events ORDER BY version")
    before = START_HASH
    for row in rows:
        assert row["hash"] == row_hash(before, row)
        before = row["hash"]
    assert (first.hash, second.hash) == (rows[1]["hash"], rows[2]["hash"])
    assert (await shop.query("SELECT hash FROM streams"))[0]["hash"] == second.hash


@pytest.mark.stores
async def test_events_from_before_get_their_hashes_when_the_store_is_migrated(
    database: str, tmp_path: Path, cart
) -> None:
    older = first_files(tmp_path, 3)
    store = Database(database)
    await migrate(store, older)
    connection = await store.connect()
    # More than one page of them, and a stream whose events are gone.
    await connection.execute(
        "INSERT INTO events (stream_id, version, type, schema_version, data, metadata, recorded_at)"
        " SELECT 'cart-' || n % 3, n / 3 + 1, 'Added', 2, '{\"amount\": 1}', '{}', '2026-01-01Z'"
        "   FROM generate_series(0, 2399) AS n;"
        "INSERT INTO streams (stream_id, kind, created_at, version, state)"
        " SELECT 'cart-' || n, 'cart', '2026-01-01Z', 800, '{\"total\": 800}' FROM generate_series(0, 2) AS n;"
        "INSERT INTO streams (stream_id, kind, created_at, version, state) VALUES ('cart-9', 'cart', now(), 1, '{}')"
    )
    await migrate(store, EVENT_STORE)
    found = [f"{each.stream_id} {each.what}" async for each in verify(store, [cart])]
    assert found == ["cart-9 stream"]
    with pytest.raises(Exception, match="append-only"):
        await connection.execute("UPDATE events SET hash = hash")
    with pytest.raises(Exception, match="null value"):
        await connection.execute(
            "INSERT INTO events (stream_id, version, type, schema_version, data, metadata, recorded_at)"
            " VALUES ('cart-7', 1, 'Added', 2, '{}', '{}', now())"
        )
    await connection.close()
    store.close()
