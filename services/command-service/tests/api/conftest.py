"""These tests share one database, emptied before each: making and dropping one for each took most of their time."""

import asyncio
import secrets
from collections.abc import Iterator

import asyncpg
import pytest

from command_service.testing.store import make_store, service_dsn
from holdfast.testing import stores

_EMPTY = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations' LOOP
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', name);
        EXECUTE format('TRUNCATE %I', name);
        EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', name);
    END LOOP;
END $$
"""


@pytest.fixture(scope="session")
def shared_database(postgres_dsn: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    dsn = stores.create_database(postgres_dsn, name)
    asyncio.run(make_store(dsn))
    yield dsn
    stores.drop_database(postgres_dsn, name)


@pytest.fixture
async def store(shared_database: str) -> str:
    connection = await asyncpg.connect(shared_database)
    await connection.execute(_EMPTY)
    await connection.close()
    return service_dsn(shared_database)
