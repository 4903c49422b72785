"""The fixtures that give each test a corner of its own on the shared servers."""

import asyncpg
import httpx
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from holdfast.testing import stores


async def test_each_test_gets_an_empty_database_of_its_own(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("CREATE TABLE mark (n int)")
        assert await connection.fetchval("SELECT current_database()") == database.rsplit("/", 1)[1]
    finally:
        await connection.close()


async def test_dropping_a_database_ends_the_sessions_that_use_it(postgres_dsn: str) -> None:
    dsn = stores.create_database(postgres_dsn, "test_dropped_in_use")
    connection = await asyncpg.connect(dsn)
    stores.drop_database(postgres_dsn, "test_dropped_in_use")
    server = await asyncpg.connect(postgres_dsn)
    try:
        assert not await server.fetchval("SELECT count(*) FROM pg_database WHERE datname = 'test_dropped_in_use'")
    finally:
        await server.close()
        connection.terminate()


async def test_topics_and_indices_of_a_namespace_are_deleted_and_no_others(
    namespace: str, kafka_bootstrap: str, elasticsearch_url: str
) -> None:
    gone, kept = f"{namespace}gone-orders", f"{namespace}kept-orders"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    async with httpx.AsyncClient(base_url=elasticsearch_url, timeout=20) as search:
        try:
            await admin.create_topics([NewTopic(gone, 1, 1), NewTopic(kept, 1, 1)])
            for index in (gone, kept):
                (await search.put(f"/{index}")).raise_for_status()
            stores.delete_topics(kafka_bootstrap, f"{namespace}gone-")
            stores.delete_indices(elasticsearch_url, f"{namespace}gone-")
            topics = await admin.list_topics()
            indices = (await search.get("/_cat/indices", params={"format": "json"})).json()
        finally:
            await admin.close()
    own = [topic for topic in topics if topic.startswith(namespace)]
    assert own == [kept]
    assert [row["index"] for row in indices if row["index"].startswith(namespace)] == [kept]
