"""payment-service as a real process, with its files in a folder of the tests' own."""

from collections.abc import Generator, Iterator

import httpx
import pytest

from holdfast.testing.credentials import AsService
from holdfast.testing.processes import ServiceProcess


class Caller(httpx.Auth):
    """Charges and voids as command-service, all else as the tools."""

    def __init__(self) -> None:
        self._charging = AsService("command-service", "payment-service")
        self._tools = AsService("tools", "payment-service")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        charging = request.url.path.startswith(("/charges/", "/voids/"))
        return (self._charging if charging else self._tools).auth_flow(request)


@pytest.fixture(scope="module")
def payment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A running payment-service with fault knobs; its slow card takes 1 s."""
    folder = tmp_path_factory.mktemp("payment")
    env = {"LEDGER_PATH": str(folder / "ledger.sqlite3"), "FAULTS_ENABLED": "true", "SLOW_CARD_S": "1"}
    process = ServiceProcess("payment_service", env, folder / "payment.log").start()
    yield process
    process.kill()


@pytest.fixture
def caller() -> httpx.Auth:
    """For clients of a test's own."""
    return Caller()


@pytest.fixture
def client(payment: ServiceProcess) -> Iterator[httpx.Client]:
    """A client of the running payment-service, whose faults are lifted when the test ends."""
    with httpx.Client(base_url=payment.url, timeout=5, auth=Caller()) as client:
        yield client
        client.delete("/faults")
