"""A command-service on a database of its own; a shop of it with one real payment-service for a module's tests."""

from collections.abc import AsyncIterator, Iterator

import pytest

from command_service.settings import Settings
from command_service.testing.service import NO_PAYMENT, Service, running
from command_service.testing.shop import Shop, open_shop, payment_process
from command_service.testing.store import make_store
from holdfast.testing.processes import ServiceProcess


@pytest.fixture
async def store(database: str) -> str:
    """The DSN that services have of a database with a schema and without a row."""
    return await make_store(database)


@pytest.fixture
async def service(store: str) -> AsyncIterator[Service]:
    async with running(Settings(postgres_dsn=store, replica="test", port=8101, payment_urls=NO_PAYMENT)) as started:
        yield started


@pytest.fixture(scope="module")
def payment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with payment_process(tmp_path_factory.mktemp("payment")) as process:
        yield process


@pytest.fixture
async def shop(store: str, payment: ServiceProcess) -> AsyncIterator[Shop]:
    async with open_shop(store, payment) as opened:
        yield opened


@pytest.fixture
async def shop_of_two(store: str, payment: ServiceProcess) -> AsyncIterator[Shop]:
    async with open_shop(store, payment, replicas=2) as opened:
        yield opened
