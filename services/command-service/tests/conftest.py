"""A command-service on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from command_service.settings import Settings
from command_service.testing.service import Service, running


@pytest.fixture
async def service(database: str) -> AsyncIterator[Service]:
    async with running(Settings(postgres_dsn=database, replica="test", port=8101)) as started:
        yield started
