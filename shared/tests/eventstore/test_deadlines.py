"""A transaction is over at its deadline, whatever PostgreSQL does (CORRECTNESS 5 and 25)."""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from secrets import token_hex

import asyncpg
import pytest

from holdfast.eventstore import (
    Append,
    Database,
    DatabaseTimeout,
    DatabaseUnavailable,
    Deadlock,
    LockTimeout,
    Metadata,
    PoolExhausted,
    PoolSettings,
    StatementCancelled,
    ValueRefused,
    VersionConflict,
    append,
    lock_streams,
    outcome_of,
    read_stream,
)
from holdfast.eventstore.errors import TransactionAborted
from holdfast.eventstore.translation import translated
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded, DependencyUnavailable
from holdfast.resilience.guard import Guard
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.settings import BulkheadSettings, GuardSettings

pytestmark = pytest.mark.stores

TOO_LONG = token_hex(20_000)  # for an index's entry


@pytest.fixture
async def linked(link):
    """A database behind the link."""
    database = Database(link.url)
    yield database
    database.close()


async def ping(database, deadline):
    async with database.transaction(deadline) as tx:
        assert await tx.fetchval("SELECT 1") == 1


def handed_out(database, pool="default"):
    """How many of a pool's connections transactions have."""
    return len(database._pools[pool]._in_use)


@asynccontextmanager
async def raises_within(error, seconds):
    """`error` is raised between half of `seconds` and 0.3 s after it; other limits would end it later."""
    begun = time.monotonic()
    with pytest.raises(error) as caught:
        yield caught
    took = time.monotonic() - begun
    assert seconds / 2 < took < seconds + 0.3


@pytest.mark.parametrize("moment", ["connecting", "beginning", "in a statement", "rolling back"])
async def test_a_paused_postgres_is_left_at_the_deadline(shop, linked, link, moment):
    if moment != "connecting":
        await ping(linked, Deadline.after(1))
    if moment in ("connecting", "beginning"):
        link.pause()
    expected = ZeroDivisionError if moment == "rolling back" else DatabaseTimeout
    async with raises_within(expected, 0.3), linked.transaction(Deadline.after(0.3)) as tx:
        link.pause()
        if moment == "rolling back":
            raise ZeroDivisionError
        await tx.fetchval("SELECT 1")
    assert handed_out(linked) == 0


async def test_a_deadline_during_commit_leaves_the_outcome_unknown_and_here_it_had_happened(shop, linked, link, added):
    async with raises_within(DatabaseTimeout, 0.3) as caught, linked.transaction(Deadline.after(0.3)) as tx:
        streams = await lock_streams(tx, [(shop.cart, "1")])
        await append(tx, [Append(streams["cart-1"], [added(1)])], Metadata())
        link.hold_answers()
    assert caught.value.committed_unknown
    assert len(await shop.query("SELECT * FROM events")) == 1


async def test_a_connection_that_breaks_during_commit_leaves_the_outcome_unknown(shop, linked, link, raising):
    async with raising(DatabaseUnavailable) as caught, linked.transaction(Deadline.after(5)) as tx:
        await tx.execute("SELECT 1")
        link.hold_answers()
        asyncio.get_running_loop().call_later(0.05, link.cut)
    assert caught.value.committed_unknown


async def test_a_deadline_before_commit_is_known_not_to_have_happened(shop, linked, link, raising):
    async with raising(DatabaseTimeout) as caught, linked.transaction(Deadline.after(0.2)) as tx:
        link.pause()
        await tx.execute("SELECT 1")
    assert not caught.value.committed_unknown


async def test_the_pool_recovers_by_itself_after_a_pause_a_cut_and_a_stop(shop, linked, link, raising):
    for trouble in (link.pause, link.cut):
        await ping(linked, Deadline.after(1))
        trouble()
        async with raising((DatabaseTimeout, DatabaseUnavailable)), linked.transaction(Deadline.after(0.1)) as tx:
            link.cut()
            await tx.execute("SELECT 1")
        link.resume()
        await ping(linked, Deadline.after(1))


async def test_a_process_starts_and_stays_up_without_postgres(unused_tcp_port):
    database = Database(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/nothing")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable) as caught:
            await ping(database, Deadline.after(1))
    assert caught.value.reason == "connect"
    assert not caught.value.committed_unknown
    database.close()


async def test_no_time_left_is_said_without_asking(shop):
    with pytest.raises((DatabaseTimeout, PoolExhausted)):
        await ping(shop.database, Deadline.after(0))


async def test_waiting_for_a_lock_ends_before_the_deadline_and_keeps_the_connection(shop):
    await shop.add("1")
    async with shop.database.transaction(Deadline.after(5)) as holder:
        await lock_streams(holder, [(shop.cart, "1")])
        async with (
            raises_within((LockTimeout, StatementCancelled), 0.3),
            shop.database.transaction(Deadline.after(0.3)) as tx,
        ):
            await lock_streams(tx, [(shop.cart, "1")])
    assert not [each for pool in shop.database._pools.values() for each in pool._idle if each.is_closed()]


async def test_each_statement_gets_only_what_is_left(shop):
    async with shop.database.transaction(Deadline.after(0.5)) as tx:
        first = await tx.fetchval("SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'")
        await asyncio.sleep(0.2)
        second = await tx.fetchval("SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'")
        statement = await tx.fetchval("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
    assert 420 < first <= 480
    assert second <= first - 200
    assert second <= statement <= second + 10


async def test_two_waits_for_rows_together_end_by_the_deadline(shop):
    """lock_timeout alone is per row: 300 ms allowed 504 ms over two rows."""
    await shop.add("1", "2")
    async with shop.database.transaction(Deadline.after(5)) as second:
        await lock_streams(second, [(shop.cart, "2")])

        async def hold_the_first_row() -> None:
            async with shop.database.transaction(Deadline.after(5)) as first:
                await lock_streams(first, [(shop.cart, "1")])
                held.set()
                await asyncio.sleep(0.2)

        held = asyncio.Event()
        holding = asyncio.create_task(hold_the_first_row())
        await held.wait()
        async with (
            raises_within((LockTimeout, StatementCancelled), 0.3),
            shop.database.transaction(Deadline.after(0.3)) as tx,
        ):
            await lock_streams(tx, [(shop.cart, "1"), (shop.cart, "2")])
        await holding


async def test_a_deadlock_is_told_as_one(shop):
    await shop.add("1", "2")

    async def lock(first: str, second: str, met: asyncio.Barrier) -> None:
        async with shop.database.transaction(Deadline.after(4)) as tx:
            await lock_streams(tx, [(shop.cart, first)])
            await met.wait()
            await lock_streams(tx, [(shop.cart, second)])

    met = asyncio.Barrier(2)
    outcomes = await asyncio.gather(lock("1", "2", met), lock("2", "1", met), return_exceptions=True)
    assert sorted(type(each) for each in outcomes if each is not None) == [Deadlock]


async def test_a_full_pool_says_so_after_its_own_wait_and_serves_first_come_first(shop):
    database = Database(shop.dsn, pools={"checkout": PoolSettings(size=1, acquire_timeout_s=0.2)})
    async with database.transaction(Deadline.after(5), pool="checkout"):
        assert handed_out(database, "checkout") == 1
        async with (
            raises_within(PoolExhausted, 0.2) as caught,
            database.transaction(Deadline.after(5), pool="checkout"),
        ):
            pass
        assert caught.value.pool == "checkout"
        await ping(database, Deadline.after(1))  # the default pool is another
    order: list[int] = []

    async def queue_up(number: int) -> None:
        async with database.transaction(Deadline.after(5), pool="checkout"):
            order.append(number)

    await asyncio.gather(*(queue_up(number) for number in range(6)))
    assert order == [0, 1, 2, 3, 4, 5]
    database.close()


async def test_without_bulkheads_a_full_pool_is_waited_for_as_long_as_there_is_time(shop, switch_off):
    database = Database(shop.dsn, pools={"checkout": PoolSettings(size=1, acquire_timeout_s=0.05)})

    async def hold() -> None:
        async with database.transaction(Deadline.after(5), pool="checkout"):
            await asyncio.sleep(0.3)

    async def wait() -> None:
        async with database.transaction(Deadline.after(5), pool="checkout"):
            pass

    first = asyncio.create_task(hold())
    await asyncio.sleep(0.1)
    with pytest.raises(PoolExhausted):
        await wait()
    switch_off("bulkhead")
    await wait()
    await first
    database.close()


async def test_a_cancelled_transaction_frees_its_locks_and_its_connection(shop):
    await shop.add("1")
    locked = asyncio.Event()

    async def hold() -> None:
        async with shop.database.transaction(Deadline.after(30)) as tx:
            await lock_streams(tx, [(shop.cart, "1")])
            locked.set()
            await asyncio.sleep(30)

    holding = asyncio.create_task(hold())
    await locked.wait()
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert handed_out(shop.database) == 0
    await shop.add("1")


@pytest.mark.timing("two timeouts of PostgreSQL that are 0.2 s apart")
async def test_a_client_that_stops_holds_its_locks_only_to_its_deadline(shop):
    """A frozen process cannot break its connection off: the server does, shortly after the deadline."""
    await shop.add("1")
    frozen = Database(shop.dsn)
    context = frozen.transaction(Deadline.after(0.3))
    tx = await context.__aenter__()
    await lock_streams(tx, [(shop.cart, "1")])
    for handle in asyncio.get_running_loop()._scheduled:  # type: ignore[attr-defined]
        if getattr(handle._callback, "__self__", None) is tx:
            handle.cancel()  # the frozen process's timer does not run either
    begun = time.monotonic()
    await shop.add("1")  # waits for the lock
    assert time.monotonic() - begun < 1.8  # idle_in_transaction_session_timeout alone would take 2 s
    with pytest.raises(DatabaseUnavailable):
        await context.__aexit__(None, None, None)
    frozen.close()


async def test_a_swallowed_error_does_not_pass_for_a_commit(shop, raising):
    async with raising(TransactionAborted), shop.database.transaction(Deadline.after(5)) as tx:
        with pytest.raises(asyncpg.UndefinedTableError):
            await tx.execute("SELECT * FROM nowhere")


async def test_wrong_sql_is_neither_busy_nor_unavailable(shop, raising):
    async with raising(asyncpg.PostgresSyntaxError), shop.database.transaction(Deadline.after(5)) as tx:
        await tx.execute("SELEC")
    await ping(shop.database, Deadline.after(1))


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("SELECT $1::text", "a\0b"),
        ("SELECT $1::text", "\ud800"),
        ("SELECT $1::text[]", ["a\0b"]),
        ("SELECT $1::text::jsonb", '"\\u0000"'),
        ("SELECT $1::text::jsonb", "{"),
        ("SELECT $1::bigint", 2**63),
        ("SELECT $1::bigint", "1"),
        ("SELECT $1::bigint + 1", 2**63 - 1),
        ("SELECT $1::integer", 10**400),
        ("SELECT $1::timestamptz", "soon"),
        ("SELECT $1::timestamptz + interval '300000 years'", datetime(2026, 1, 1, tzinfo=UTC)),
        ("SELECT $1::text::uuid", "x"),
        ("INSERT INTO streams VALUES ($1, '', NULL, now(), 1, '1', decode(repeat('00', 32), 'hex'))", TOO_LONG),
    ],
)
async def test_a_value_that_cannot_be_held_is_its_callers_and_leaves_the_connection(shop, raising, query, value):
    guard = Guard("pg", GuardSettings(BulkheadSettings(limit=4, queue=2)), classify=outcome_of)
    database = Database(shop.dsn, guards={"default": guard})
    untouched = guard.breaker.snapshot()
    for _ in range(20):  # more than open a breaker
        async with raising(ValueRefused), database.transaction(Deadline.after(5)) as tx:
            await tx.fetchval(query, value)
    assert guard.breaker.snapshot() == untouched
    async with database.transaction(Deadline.after(5)) as tx:
        assert await tx.fetchval("SELECT 1") == 1
    database.close()


async def test_a_session_ended_by_an_administrator_is_unavailability(shop, raising):
    async with raising(DatabaseUnavailable), shop.database.transaction(Deadline.after(5)) as tx:
        await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DatabaseUnavailable("gone"), Outcome.FAILURE),
        (DatabaseTimeout(waited_s=0.5), Outcome.FAILURE),
        (DatabaseTimeout(waited_s=0.01), Outcome.NEUTRAL),
        (DeadlineExceeded("payment-service"), Outcome.NEUTRAL),
        (DependencyUnavailable("postgresql", reason="breaker-open"), Outcome.NEUTRAL),
        (PoolExhausted("default", 0.1), Outcome.NEUTRAL),
        (LockTimeout(), Outcome.NEUTRAL),
        (Deadlock(), Outcome.NEUTRAL),
        (StatementCancelled(), Outcome.NEUTRAL),
        (ValueRefused("a NUL"), Outcome.NEUTRAL),
        (asyncio.CancelledError(), Outcome.NEUTRAL),
        (VersionConflict("cart-1", 1, 2), Outcome.SUCCESS),
        (ValueError("refused by the domain"), Outcome.SUCCESS),
    ],
)
def test_what_an_error_says_about_postgres(error, outcome):
    assert outcome_of(error) is outcome


@pytest.mark.timing("a refusal within 50 ms")
async def test_an_open_breaker_answers_at_once_and_closes_by_itself(shop, linked, link):
    guard = Guard("pg", GuardSettings(BulkheadSettings(limit=4, queue=2)), classify=outcome_of)
    database = Database(link.url, guards={"default": guard})
    await ping(database, Deadline.after(1))
    link.pause()
    for _ in range(7):
        with pytest.raises(DatabaseTimeout) as late:
            await ping(database, Deadline.after(0.11))
    assert late.value.dependency == "pg"
    begun = time.monotonic()
    with pytest.raises(DependencyUnavailable) as refused:
        await ping(database, Deadline.after(1))
    assert refused.value.reason == "breaker-open"
    assert time.monotonic() - begun < 0.05
    link.resume()
    async with asyncio.timeout(5):
        while guard.breaker.state != "closed":
            try:
                await ping(database, Deadline.after(1))
            except DependencyUnavailable:
                await asyncio.sleep(0.1)
    database.close()


async def test_lock_contention_does_not_open_the_breaker(shop, raising):
    await shop.add("1")
    guard = Guard("pg", GuardSettings(BulkheadSettings(limit=4, queue=2)), classify=outcome_of)
    database = Database(shop.dsn, guards={"default": guard})
    async with shop.database.transaction(Deadline.after(10)) as holder:
        await lock_streams(holder, [(shop.cart, "1")])
        for _ in range(8):
            async with raising((LockTimeout, StatementCancelled)), database.transaction(Deadline.after(0.12)) as tx:
                await lock_streams(tx, [(shop.cart, "1")])
    assert guard.breaker.state == "closed"
    database.close()


async def test_a_read_without_a_lock_does_not_wait_for_a_writer(shop):
    await shop.add("1")
    async with shop.database.transaction(Deadline.after(5)) as holder:
        await lock_streams(holder, [(shop.cart, "1")])
        async with shop.database.transaction(Deadline.after(0.5)) as tx:
            assert (await read_stream(tx, (shop.cart, "1"))).version == 1


async def test_sessions_ended_while_idle_are_replaced_unnoticed_once_the_client_has_heard(shop):
    await ping(shop.database, Deadline.after(1))
    await shop.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await asyncio.sleep(0.05)
    await ping(shop.database, Deadline.after(1))


@pytest.mark.parametrize("error", [asyncpg.InternalClientError("odd state"), ConnectionResetError(), EOFError()])
def test_a_broken_connection_is_unavailability(error):
    ours = translated(error, closed=False, committing=True, dependency="pg")
    assert isinstance(ours, DatabaseUnavailable)
    assert (ours.committed_unknown, ours.dependency) == (True, "pg")
