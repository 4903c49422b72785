"""The pytest fixtures that give a test real servers and a corner of its own on them.

An address comes from TEST_POSTGRES_DSN, TEST_KAFKA_BOOTSTRAP or TEST_ELASTICSEARCH_URL; a server whose
variable is unset is started by `start_server`, which the project's root conftest.py overrides (this package
knows no server programs).
"""

import os
import secrets
from collections.abc import Callable, Iterator

import pytest

from holdfast.resilience.protections import PROTECTIONS, Protection
from holdfast.testing import stores

StartServer = Callable[[str], str]
"""Takes `postgres`, `kafka` or `elasticsearch`; returns its DSN, its host:port or its base URL."""


@pytest.fixture(scope="session")
def start_server() -> StartServer:
    def refuse(name: str) -> str:
        pytest.fail(f"no {name} for tests: set its TEST_ variable or override the fixture start_server")

    return refuse


@pytest.fixture(scope="session")
def postgres_dsn(start_server: StartServer) -> str:
    """DSN of a PostgreSQL whose user may create databases."""
    return os.environ.get("TEST_POSTGRES_DSN") or start_server("postgres")


@pytest.fixture(scope="session")
def kafka_bootstrap(start_server: StartServer) -> str:
    """host:port of a Kafka that does not create topics by itself."""
    return os.environ.get("TEST_KAFKA_BOOTSTRAP") or start_server("kafka")


@pytest.fixture(scope="session")
def elasticsearch_url(start_server: StartServer) -> str:
    """Base URL, without a slash at its end, of an Elasticsearch that does not create indices by itself."""
    return os.environ.get("TEST_ELASTICSEARCH_URL") or start_server("elasticsearch")


SwitchOff = Callable[..., None]
"""`switch_off("breaker", "cache")`: exactly these protections are off from now on, in this process."""


@pytest.fixture
def switch_off() -> SwitchOff:
    def switch(*names: Protection) -> None:
        PROTECTIONS.switch_off(names)

    return switch


@pytest.fixture(autouse=True)
def _all_protections_afterwards() -> Iterator[None]:
    """They are the process's, so one test's switches must not reach the next."""
    yield
    PROTECTIONS.switch_off(())


@pytest.fixture
def database(postgres_dsn: str) -> Iterator[str]:
    """DSN of an empty database, dropped after the test."""
    name = f"test_{secrets.token_hex(6)}"
    yield stores.create_database(postgres_dsn, name)
    stores.drop_database(postgres_dsn, name)


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A prefix for topics, indices and groups, such as `t0a1b2c3d4e5f-`, that no other test has.

    What the test made under it is deleted on the servers that the test asked for.
    """
    prefix = f"t{secrets.token_hex(6)}-"
    used = {name: request.getfixturevalue(name) for name in _SHARED & set(request.fixturenames)}
    yield prefix
    if "kafka_bootstrap" in used:
        stores.delete_topics(used["kafka_bootstrap"], prefix)
    if "elasticsearch_url" in used:
        stores.delete_indices(used["elasticsearch_url"], prefix)


_SHARED = {"kafka_bootstrap", "elasticsearch_url"}
