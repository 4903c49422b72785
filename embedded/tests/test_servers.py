"""The real PostgreSQL, Kafka and Elasticsearch as parts of a stack."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from embedded import trees
from embedded.services import SERVERS
from embedded.stack import Stack
from embedded.versions import POSTGRES_MAX_CONNECTIONS

pytestmark = pytest.mark.stores


@contextmanager
def running(*names: str) -> Iterator[Stack]:
    # Not below pytest's directory, which the servers of a run by root could not enter.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="holdfast-servers-") as directory:
        Path(directory).chmod(0o755)
        with Stack(Path(directory), processes=names, tied_to=os.getpid()) as stack:
            yield stack


async def write(stack: Stack) -> None:
    settings = stack.settings
    connection = await asyncpg.connect(stack.postgres_owner_dsn)
    await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('word')")
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=settings["KAFKA_BOOTSTRAP"])
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=settings["KAFKA_BOOTSTRAP"], acks="all")
    await producer.start()
    await producer.send_and_wait("kept", b"word")
    await producer.stop()
    async with httpx.AsyncClient(base_url=settings["ELASTICSEARCH_URL"], timeout=20) as search:
        (await search.put("/kept", json={"settings": {"number_of_replicas": 0}})).raise_for_status()
        (await search.put("/kept/_doc/1", json={"word": "word"})).raise_for_status()


async def read(stack: Stack) -> tuple[str, bytes | None, str]:
    settings = stack.settings
    connection = await asyncpg.connect(stack.postgres_owner_dsn)
    row = await connection.fetchval("SELECT word FROM kept")
    await connection.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=settings["KAFKA_BOOTSTRAP"], auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("kept", 0)])
    message = await consumer.getone()
    await consumer.stop()
    async with httpx.AsyncClient(base_url=settings["ELASTICSEARCH_URL"], timeout=20) as search:
        document = (await search.get("/kept/_doc/1")).raise_for_status().json()
    return row, message.value, document["_source"]["word"]


async def test_data_survive_the_kill_of_every_server_and_a_restart_of_all() -> None:
    with running(*SERVERS) as stack:
        await write(stack)
        for name in SERVERS:
            root = next(row["pid"] for row in stack.status() if row["name"] == name)
            tree = trees.tree(psutil.Process(root))
            stack.kill(name)
            assert not [process for process in tree if trees.alive(process)]
        stack.stop()
        assert trees.marked(str(stack.state.path), stack.state.servers) == []
        stack.start()
        assert await read(stack) == ("word", b"word", "word")
        stack.stop()
        stack.reset()
        assert not stack.state.servers.exists()


async def test_a_paused_postgres_answers_nobody_not_even_old_sessions() -> None:
    with running("postgres") as stack:
        old = await asyncpg.connect(stack.postgres_owner_dsn)
        stack.pause("postgres")
        with pytest.raises(TimeoutError):
            await old.fetchval("SELECT 1", timeout=0.5)
        old.terminate()
        stack.resume("postgres")
        stack.wait_ready(30)
        fresh = await asyncpg.connect(stack.postgres_owner_dsn)
        assert await fresh.fetchval("SHOW max_connections") == str(POSTGRES_MAX_CONNECTIONS)
        await fresh.close()


async def test_postgres_whose_first_process_alone_is_killed_comes_back_with_no_old_session() -> None:
    """A backend left alive would keep the new server from starting (CORRECTNESS 29)."""
    with running("postgres") as stack:
        connection = await asyncpg.connect(stack.postgres_owner_dsn)
        backend = psutil.Process(connection.get_server_pid())
        backend.suspend()
        first = next(row["pid"] for row in stack.status())
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(0.5)
        stack.wait_ready(30)
        assert stack.status()[0]["pid"] != first
        assert not trees.alive(backend)
        connection.terminate()


def test_elasticsearch_makes_no_index_by_itself(elasticsearch_url: str) -> None:
    answer = httpx.put(f"{elasticsearch_url}/never-made/_doc/1", json={"word": "word"}, timeout=20)
    assert answer.status_code == httpx.codes.NOT_FOUND
