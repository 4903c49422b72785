"""Making and dropping what one test owns on a shared server: a database, every topic and index of a prefix.

All functions are synchronous and may be called while an event loop runs: each works on a thread of its own.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from aiokafka.admin import AIOKafkaAdminClient

_TIMEOUT_S = 20.0


def create_database(server_dsn: str, name: str) -> str:
    """Creates the empty database `name` and returns its DSN."""
    _on_own_thread(lambda: _execute(server_dsn, f'CREATE DATABASE "{name}"'))
    return urlunsplit(urlsplit(server_dsn)._replace(path=f"/{name}"))


def drop_database(server_dsn: str, name: str) -> None:
    """Drops the database and ends the sessions that still use it."""
    _on_own_thread(lambda: _execute(server_dsn, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def delete_topics(bootstrap: str, prefix: str) -> None:
    """Deletes every Kafka topic whose name begins with `prefix`."""
    _on_own_thread(lambda: _delete_topics(bootstrap, prefix))


def delete_indices(url: str, prefix: str) -> None:
    """Deletes every Elasticsearch index whose name begins with `prefix`; aliases go with them."""
    with httpx.Client(base_url=url, timeout=_TIMEOUT_S) as client:
        answer = client.get(f"/{prefix}*/_settings", params={"filter_path": "*.settings.index.uuid"})
        answer.raise_for_status()
        for index in answer.json():
            client.delete(f"/{index}").raise_for_status()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=_TIMEOUT_S)
    try:
        await connection.execute(statement, timeout=_TIMEOUT_S)
    finally:
        await connection.close(timeout=_TIMEOUT_S)


async def _delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = [topic for topic in await admin.list_topics() if topic.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


def _on_own_thread(make: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(make())).result()
