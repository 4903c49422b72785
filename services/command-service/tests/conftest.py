"""A command-service on a database of its own; a shop of it with one real payment-service for a module's tests."""

from collections.abc import AsyncIterator, Iterator

import pytest

from command_service.settings import Settings
from command_service.testing.service import NO_PAYMENT, Service, running
from command_service.testing.shop import Shop, open_shop, payment_process
from holdfast.testing.processes import ServiceProcess


@pytest.fixture
async def service(database: str) -> AsyncIterator[Service]:
    async with running(Settings(postgres_dsn=database, replica="test", port=8101, payment_urls=NO_PAYMENT)) as started:
        yield started


@pytest.fixture(scope="module")
def payment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with payment_process(tmp_path_factory.mktemp("payment")) as process:
        yield process


@pytest.fixture
async def shop(database: str, payment: ServiceProcess) -> AsyncIterator[Shop]:
    async with open_shop(database, payment) as opened:
        yield opened


@pytest.fixture
async def shop_of_two(database: str, payment: ServiceProcess) -> AsyncIterator[Shop]:
    async with open_shop(database, payment, replicas=2) as opened:
        yield opened
