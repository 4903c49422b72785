"""payment-service as a real process, with its files in a folder of the tests' own."""

from collections.abc import Iterator

import httpx
import pytest

from holdfast.testing.processes import ServiceProcess


@pytest.fixture(scope="module")
def payment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A running payment-service with fault knobs; its slow card takes 1 s."""
    folder = tmp_path_factory.mktemp("payment")
    env = {"LEDGER_PATH": str(folder / "ledger.sqlite3"), "FAULTS_ENABLED": "true", "SLOW_CARD_S": "1"}
    process = ServiceProcess("payment_service", env, folder / "payment.log").start()
    yield process
    process.kill()


@pytest.fixture
def client(payment: ServiceProcess) -> Iterator[httpx.Client]:
    """A client of the running payment-service, whose faults are lifted when the test ends."""
    with httpx.Client(base_url=payment.url, timeout=5) as client:
        yield client
        client.delete("/faults")
