"""Numbered SQL files are applied once, whoever starts first."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from holdfast.eventstore import (
    EVENT_STORE,
    CommandKey,
    Database,
    DatabaseUnavailable,
    MigrationRefused,
    MigrationSet,
    SchemaIncomplete,
    find_claim,
    fingerprint,
    migrate,
    require_schema,
    scoped_key,
)
from holdfast.eventstore.idempotency import slot_of
from holdfast.resilience.deadline import Deadline

pytestmark = pytest.mark.stores


@pytest.fixture
async def empty(database):
    database = Database(database)
    yield database
    database.close()


def files(path: Path, *statements: str) -> MigrationSet:
    path.mkdir(exist_ok=True)
    for number, statement in enumerate(statements, 1):
        (path / f"{number:04}_step.sql").write_text(statement)
    return MigrationSet("test", path)


async def tables(database: Database) -> set[str]:
    connection = await database.connect()
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def test_the_store_migrates_an_empty_database_once(empty):
    names = sorted(file.name for file in EVENT_STORE.directory.iterdir())
    assert await migrate(empty, EVENT_STORE) == [f"eventstore/{name}" for name in names]
    assert await migrate(empty, EVENT_STORE) == []
    of_keys = {"idempotency", *(f"idempotency_{slot}" for slot in range(4))}
    assert await tables(empty) == {"migrations", "streams", "events", "outbox", "snapshots", "checkpoints"} | of_keys


async def test_keys_of_before_stay_bound_when_they_move_into_one_table(empty, tmp_path):
    directory = Path(str(EVENT_STORE.directory))
    for name in ("0001_event_store.sql", "0002_snapshots.sql"):
        (tmp_path / name).write_text((directory / name).read_text())
    await migrate(empty, MigrationSet("eventstore", tmp_path))
    remembered, claimed, old = (
        CommandKey(scoped_key("ann", "", name), fingerprint(name)) for name in ("cart", "checkout", "old")
    )
    now = datetime.now(UTC)
    connection = await empty.connect()
    keys = [
        [old.hash, old.fingerprint, 3, (now - timedelta(hours=25)).isoformat()],
        [remembered.hash, remembered.fingerprint, 7, (now - timedelta(hours=23)).isoformat()],
    ]
    await connection.execute(
        "INSERT INTO streams (stream_id, kind, created_at, version, state, recent_keys)"
        " VALUES ('cart-1', 'cart', now(), 7, '{}', $1), ('cart-2', 'cart', now(), 1, '{}', '[]')",
        json.dumps(keys),
    )
    await connection.execute(
        "INSERT INTO idempotency (key_hash, fingerprint, resource_id, answer, lease_until, created_at)"
        " VALUES ($1, $2, 'order', NULL, $3, $3)", claimed.hash, claimed.fingerprint, now,
    )  # fmt: skip
    await connection.close()
    await migrate(empty, EVENT_STORE)
    async with empty.transaction(Deadline.after(5)) as tx:
        cart, checkout = await find_claim(tx, remembered), await find_claim(tx, claimed)
        assert await find_claim(tx, old) is None
        assert cart is not None
        assert checkout is not None
        assert (cart.resource_id, cart.answer, cart.lease_until) == ("cart-1", {"version": 7}, None)
        assert (checkout.resource_id, checkout.answer, checkout.lease_until) == ("order", None, now)
        assert [slot_of(each.created_at) for each in (cart, checkout)] == [
            await tx.fetchval("SELECT slot FROM idempotency WHERE resource_id = $1", each)
            for each in ("cart-1", "order")
        ]


async def test_several_starters_at_once_apply_each_file_once(empty, tmp_path):
    slow = files(tmp_path, "CREATE TABLE one (x int); SELECT pg_sleep(0.1)", "CREATE TABLE two (x int)")
    results = await asyncio.gather(*(migrate(empty, EVENT_STORE, slow) for _ in range(4)))
    assert sorted(len(result) for result in results) == [0, 0, 0, len(list(EVENT_STORE.directory.iterdir())) + 2]
    assert {"one", "two"} <= await tables(empty)


async def test_later_files_are_applied_to_a_database_that_has_the_earlier(empty, tmp_path):
    await migrate(empty, files(tmp_path, "CREATE TABLE one (x int)"))
    assert await migrate(empty, files(tmp_path, "CREATE TABLE one (x int)", "CREATE TABLE two (x int)")) == [
        "test/0002_step.sql"
    ]


async def test_a_file_that_fails_leaves_nothing_of_itself_and_is_tried_again(empty, tmp_path):
    broken = files(tmp_path, "CREATE TABLE one (x int)", "CREATE TABLE two (x int); SELECT 1 / 0")
    for _ in range(2):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await migrate(empty, broken)
    assert await tables(empty) == {"migrations", "one"}


async def test_a_file_changed_after_it_was_applied_is_refused(empty, tmp_path):
    await migrate(empty, files(tmp_path, "CREATE TABLE one (x int)"))
    with pytest.raises(MigrationRefused, match=r"test/0001_step\.sql was changed"):
        await migrate(empty, files(tmp_path, "CREATE TABLE one (x bigint)"))


@pytest.mark.parametrize("name", ["0002_first.sql", "one.sql", "0001-first.sql"])
async def test_a_file_out_of_order_or_misnamed_is_refused(empty, tmp_path, name):
    (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationRefused, match=r"should be 0001_<name>\.sql"):
        await migrate(empty, MigrationSet("test", tmp_path))


async def test_an_empty_directory_is_refused(empty, tmp_path):
    with pytest.raises(MigrationRefused, match="no SQL files"):
        await migrate(empty, MigrationSet("test", tmp_path))


async def test_a_process_that_needs_the_schema_is_told_what_is_missing(empty, tmp_path):
    one = files(tmp_path / "one", "CREATE TABLE one (x int)")
    two = files(tmp_path / "two", "CREATE TABLE one (x int)", "CREATE TABLE two (x int)")
    with pytest.raises(SchemaIncomplete, match="eventstore/0001_event_store"):
        await require_schema(empty, EVENT_STORE, two)
    await migrate(empty, EVENT_STORE, one)
    with pytest.raises(SchemaIncomplete, match="test/0002_step"):
        await require_schema(empty, EVENT_STORE, two)
    await require_schema(empty, EVENT_STORE, one)
    await migrate(empty, EVENT_STORE, two)
    await require_schema(empty, EVENT_STORE, one)  # an older process goes on beside a newer one
    with pytest.raises(MigrationRefused, match="was changed"):
        await require_schema(empty, files(tmp_path / "three", "CREATE TABLE one (x bigint)"))


async def test_no_postgres_is_said(unused_tcp_port):
    with pytest.raises(DatabaseUnavailable):
        await migrate(Database(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/x"), EVENT_STORE)


async def test_a_starter_that_dies_while_migrating_lets_the_next_one_in(empty, tmp_path):
    slow = files(tmp_path, "CREATE TABLE one (x int); SELECT pg_sleep(20)")
    dying = asyncio.create_task(migrate(empty, slow))
    await asyncio.sleep(0.2)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    connection = await empty.connect()  # its backend sleeps on: end it as the death of a process' socket would
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()"
    )
    await connection.close()
    (tmp_path / "0001_step.sql").write_text("CREATE TABLE one (x int)")
    assert await migrate(empty, slow) == ["test/0001_step.sql"]
