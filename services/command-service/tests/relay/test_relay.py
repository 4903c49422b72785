"""What is stored is published once, in the order of its stream, and again after a crash (CORRECTNESS 11 to 14)."""

import asyncio
import random

import pytest

from command_service.relay import relay as relay_module
from command_service.relay.outbox import read_batch
from command_service.relay.process import relay
from command_service.relay.publisher import Publisher
from command_service.relay.relay import Progress
from command_service.relay.session import LeadershipLost, open_session
from holdfast.contracts.messages import Message
from holdfast.eventstore import Metadata, requeue_stream
from holdfast.messaging import partition_of
from holdfast.testing.stores import delete_topics

pytestmark = pytest.mark.stores


async def drained(plant, running) -> None:
    async with asyncio.timeout(20):
        while await plant.pending():
            if running.task.done():
                running.task.result()
            await asyncio.sleep(0.02)


async def test_every_event_becomes_a_message_of_its_topic_keyed_by_its_stream(plant):
    await plant.add("cart-1", "order-1", amounts=(1, 2), metadata=Metadata(traceparent="00-aa-bb-01"))
    await plant.add("cart-1", amounts=(3,))
    async with plant.relay() as running:
        await drained(plant, running)
    carts, orders = await plant.read(("carts",)), await plant.read(("orders",))
    assert [Message.from_bytes(each.value).version for each in carts] == [1, 2, 3]
    assert [Message.from_bytes(each.value).data for each in orders] == [{"amount": 1}, {"amount": 2}]
    assert {each.key for each in carts} == {b"cart-1"}
    assert {each.partition for each in carts} == {partition_of("cart-1")}
    assert carts[0].headers == (("type", b"Added"), ("traceparent", b"00-aa-bb-01"))
    assert carts[2].headers == (("type", b"Added"),)


async def test_more_than_a_batch_is_published_whole_and_in_order(plant):
    """Each stream's second event is far behind its first one, in a later batch."""
    for _ in range(2):
        for start in range(0, 500, 50):
            await plant.add(*(f"cart-{number}" for number in range(start, start + 50)))
    async with plant.relay() as running:
        await drained(plant, running)
        assert running.progress.published == 1000
    assert await plant.versions() == {f"cart-{number}": [1, 2] for number in range(500)}


@pytest.mark.timing("published within 0.5 s")
async def test_an_event_is_out_soon_after_its_commit(plant):
    async with plant.relay() as running:
        await running.until(lambda progress: progress.drained_at)
        begun = asyncio.get_running_loop().time()
        await plant.add("cart-1")
        await running.until(lambda progress: progress.published == 1)
        assert asyncio.get_running_loop().time() - begun < 0.5


async def test_a_crash_between_the_acknowledgement_and_the_delete_publishes_the_same_again_in_order(plant, monkeypatch):
    await plant.add("cart-1", "cart-2", amounts=(1, 2, 3))
    publish = Publisher.publish

    async def publish_and_lose_the_session(publisher, messages):
        await publish(publisher, messages)
        await plant.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'relay%'"
        )

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "publish", publish_and_lose_the_session)
        with pytest.raises(LeadershipLost):
            async with plant.relay() as running:
                await running.task
    assert await plant.pending() == 6
    async with plant.relay() as running:
        await drained(plant, running)
    assert await plant.versions() == {name: [1, 2, 3, 1, 2, 3] for name in ("cart-1", "cart-2")}


async def test_of_two_relays_one_publishes_and_the_other_takes_over(plant):
    async with plant.relay() as first, plant.relay() as second:
        await first.until(lambda progress: progress.leads or second.progress.leads)
        leader, standby = (first, second) if first.progress.leads else (second, first)
        for number in range(10):
            await plant.add(f"cart-{number % 3}")
            await asyncio.sleep(0.02)
        await drained(plant, leader)
        await asyncio.sleep(0.6)  # more than one try of the standby
        assert (leader.progress.leads, standby.progress.leads) == (True, False)
        leader.stopping.set()
        await leader.task
        await standby.until(lambda progress: progress.leads, 3)
        await plant.add("cart-1")
        await drained(plant, standby)
        assert (leader.progress.published, standby.progress.published) == (10, 1)
    assert await plant.versions() == {"cart-0": [1, 2, 3, 4], "cart-1": [1, 2, 3, 4], "cart-2": [1, 2, 3]}


async def test_appends_racing_requeues_stay_in_order(plant):
    """After each beginning at 1 the versions run on without a hole; 8, 6, 7 would be one."""
    async with plant.relay() as running:

        async def appends(name: str) -> None:
            for _ in range(25):
                await plant.add(name)
                await asyncio.sleep(random.random() / 100)

        async def requeues(name: str) -> None:
            for _ in range(6):
                await asyncio.sleep(random.random() / 20)
                await requeue_stream(plant.database, name)

        names = ("cart-1", "cart-2", "order-1")
        for name in names:
            await plant.add(name)
        await asyncio.gather(*(work(name) for name in names for work in (appends, requeues)))
        await drained(plant, running)
    for versions in (await plant.versions()).values():
        assert versions[-1] == max(versions) == 26
        assert len(versions) > 26
        assert all(version in (before + 1, 1) for before, version in zip([0, *versions], versions, strict=False))


async def test_a_stream_that_cannot_be_published_is_held_back_and_others_go_on(plant):
    await plant.add("cart-bad", amounts=(1, 13))
    await plant.add("cart-good")
    async with plant.relay() as running:
        await running.until(lambda progress: progress.drained_at)
        await plant.add("cart-bad", "cart-good")
        await running.until(lambda progress: progress.published == 3)
        assert running.progress.held_streams == {"cart-bad"}
    assert await plant.versions() == {"cart-bad": [1], "cart-good": [1, 2]}
    assert await plant.pending() == 2


async def test_a_row_without_an_event_is_dropped(plant):
    await plant.query("INSERT INTO outbox (position) VALUES (4711)")
    await plant.add("cart-1")
    async with plant.relay() as running:
        await drained(plant, running)
    assert await plant.versions() == {"cart-1": [1]}


async def test_a_position_queued_twice_is_published_twice(plant):
    await plant.add("cart-1")
    await requeue_stream(plant.database, "cart-1")
    async with plant.relay() as running:
        await drained(plant, running)
    assert await plant.versions() == {"cart-1": [1, 1]}


async def test_a_batch_says_whether_there_was_more(plant):
    await plant.add("cart-1", amounts=(1, 2, 3))
    async with open_session(plant.dsn, "test") as session:
        batches = [await read_batch(session, size=size) for size in (2, 3, 4)]
        first, *_ = [id_ for id_, _ in batches[2].rows]
        held = await read_batch(session, [first], size=4)
    assert [(len(batch.rows), batch.last) for batch in batches] == [(2, False), (3, False), (3, True)]
    assert [event.version for _, event in held.rows if event] == [2, 3]


async def test_heartbeats_never_claim_what_is_not_published(plant):
    committed: list[tuple[str, object]] = []
    async with plant.relay() as running:
        await running.until(lambda progress: progress.drained_at)
        deadline = asyncio.get_running_loop().time() + 1.8
        number = 0
        while asyncio.get_running_loop().time() < deadline:
            await plant.add(f"cart-{number}")
            committed.append((f"cart-{number}", (await plant.query("SELECT clock_timestamp()"))[0][0]))
            number += 1
        await drained(plant, running)
        await asyncio.sleep(0.6)
    places = {each.key.decode(): (each.partition, each.offset) for each in await plant.read(("carts",))}
    heartbeats = await plant.heartbeats()
    assert len(heartbeats) >= 4
    assert heartbeats == sorted(heartbeats, key=lambda each: each.drained_at)
    for heartbeat in heartbeats:
        for stream_id, committed_at in committed:
            partition, offset = places[stream_id]
            assert committed_at >= heartbeat.drained_at or offset <= heartbeat.offsets["carts"][partition]
    assert heartbeats[-1].drained_at > committed[-1][1]


async def test_a_new_leader_knows_the_offsets_of_the_one_before(plant):
    await plant.add("cart-1", "order-1", amounts=(1, 2, 3))
    async with plant.relay() as running:
        await drained(plant, running)
    await plant.query("SELECT 1")
    async with plant.relay() as running:
        await running.until(lambda progress: progress.drained_at)
        await asyncio.sleep(0.6)
    (partition,) = {each.partition for each in await plant.read(("orders",))}
    last = (await plant.heartbeats())[-1]
    assert last.offsets["orders"] == [2 if number == partition else -1 for number in range(6)]
    assert last.offsets["products"] == [-1] * 6


async def test_with_kafka_hanging_the_leader_keeps_its_session_and_tells_the_backlog(plant, unused_tcp_port):
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    await plant.add("cart-1", amounts=(1, 2))
    server = await asyncio.start_server(say_nothing, "127.0.0.1", unused_tcp_port)
    async with plant.relay(kafka_bootstrap=f"127.0.0.1:{unused_tcp_port}") as running:
        await running.until(lambda progress: progress.leads)
        await asyncio.sleep(4.5)  # a silent session is ended after 3 s
        assert not running.task.done()
        assert running.progress.backlog.pending == 2
        assert running.progress.backlog.oldest_s > 4
        assert running.progress.kafka == "connecting"
        running.task.cancel()
    server.close()
    assert await plant.pending() == 2


async def test_without_kafka_it_says_so_and_loses_nothing(plant, unused_tcp_port):
    await plant.add("cart-1")
    async with plant.relay(kafka_bootstrap=f"127.0.0.1:{unused_tcp_port}") as running:
        await running.until(lambda progress: progress.kafka not in ("up", "connecting"))
        assert running.progress.leads
    assert await plant.pending() == 1
    async with plant.relay() as running:
        await drained(plant, running)


async def test_without_postgres_it_waits_and_begins_when_it_is_there(plant, unused_tcp_port):
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(*address)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while chunk := await source.read(65536):
                sink.write(chunk)
                await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)

    host, port = plant.dsn.rpartition("@")[2].partition("/")[0].split(":")
    address = (host, int(port))
    dsn = plant.dsn.replace(f"{host}:{port}", f"127.0.0.1:{unused_tcp_port}")
    await plant.add("cart-1")
    async with plant.relay(postgres_dsn=dsn) as running:
        await running.until(lambda progress: "not available" in progress.postgres)
        server = await asyncio.start_server(forward, "127.0.0.1", unused_tcp_port)
        await running.until(lambda progress: progress.published == 1)
        server.close()


async def test_a_topic_that_was_deleted_is_made_again_by_the_next_start(plant):
    await asyncio.to_thread(delete_topics, plant.bootstrap, plant.namespace)
    await plant.add("cart-1")
    async with plant.relay() as running:
        await drained(plant, running)
    assert await plant.versions() == {"cart-1": [1]}


async def test_stopping_before_it_leads_returns(plant):
    stopping = asyncio.Event()
    stopping.set()
    progress = Progress()
    await relay(plant.settings(), lambda event: None, progress, stopping)  # type: ignore[arg-type, return-value]
    assert not progress.leads


async def test_a_topic_deleted_under_a_waiting_batch_is_made_again_and_its_offsets_begin_again(plant, monkeypatch):
    monkeypatch.setattr(relay_module, "ALARM_AFTER_S", 1.0)
    async with plant.relay() as running:
        await running.until(lambda progress: progress.drained_at)
        await plant.add("order-1", "cart-2", amounts=(1, 2))
        await drained(plant, running)
        await asyncio.to_thread(delete_topics, plant.bootstrap, plant.namespace + "carts")
        await plant.add("cart-1")
        await drained(plant, running)
        await asyncio.sleep(0.7)
    assert (await plant.versions())["cart-1"] == [1]
    last = (await plant.heartbeats())[-1]
    assert sorted(last.offsets["carts"]) == [-1, -1, -1, -1, -1, 0]
    assert sorted(last.offsets["orders"]) == [-1, -1, -1, -1, -1, 1]


async def test_heartbeats_come_again_after_their_topic_was_deleted(plant, monkeypatch):
    monkeypatch.setattr(relay_module, "ALARM_AFTER_S", 1.0)
    async with plant.relay() as running:
        await running.until(lambda progress: progress.drained_at)
        await asyncio.sleep(0.7)
        await asyncio.to_thread(delete_topics, plant.bootstrap, plant.namespace + "heartbeats")
        await asyncio.sleep(4)
        assert not running.task.done()
        assert await plant.heartbeats()
