"""Numbered SQL files are applied once, whoever starts first."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from holdfast.eventstore import EVENT_STORE, Database, DatabaseUnavailable, MigrationRefused, MigrationSet, migrate

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
    assert await migrate(empty, EVENT_STORE) == ["eventstore/0001_event_store.sql", "eventstore/0002_snapshots.sql"]
    assert await migrate(empty, EVENT_STORE) == []
    assert await tables(empty) == {"migrations", "streams", "events", "outbox", "idempotency", "snapshots"}


async def test_several_starters_at_once_apply_each_file_once(empty, tmp_path):
    slow = files(tmp_path, "CREATE TABLE one (x int); SELECT pg_sleep(0.1)", "CREATE TABLE two (x int)")
    results = await asyncio.gather(*(migrate(empty, EVENT_STORE, slow) for _ in range(4)))
    assert sorted(len(result) for result in results) == [0, 0, 0, 4]
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
