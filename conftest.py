"""Every test of the workspace: real servers by fixture, started here when no TEST_ variable names one.

All workers of a run share one set of servers, which the run's first process ends; a run that is killed ends them too.
"""

import fcntl
import gc
import io
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import coverage
import pytest

from embedded.stack import Stack

pytest_plugins = ["holdfast.testing.plugin", "holdfast.testing.timing"]

_DIRECTORY, _OWNER = "HOLDFAST_TEST_SERVERS", "HOLDFAST_TEST_OWNER"
_SETTINGS = {"kafka": "KAFKA_BOOTSTRAP", "elasticsearch": "ELASTICSEARCH_URL"}
_SERVERS = ("postgres", *_SETTINGS)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        # Not below pytest's own directory: the servers of a run by root could not enter that.
        directory = f"/var/tmp/holdfast-tests-{secrets.token_hex(6)}"
        os.environ |= {_DIRECTORY: directory, _OWNER: str(os.getpid())}


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # what has been imported stays: to look through it takes 100 ms, which no test of time expects


def pytest_unconfigure(config: pytest.Config) -> None:
    directory = os.environ.get(_DIRECTORY)
    if not hasattr(config, "workerinput") and directory is not None:
        for name in _SERVERS:
            if (Path(directory) / name).exists():
                _server(name).stop()
        shutil.rmtree(directory, ignore_errors=True)


def _server(name: str) -> Stack:
    return Stack(Path(os.environ[_DIRECTORY]) / name, processes=[name], tied_to=int(os.environ[_OWNER]))


@pytest.fixture(scope="session")
def start_server() -> Callable[[str], str]:
    def start(name: str) -> str:
        directory = Path(os.environ[_DIRECTORY])
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)
        with (directory / f"{name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = _server(name)
            if not server.state.is_held():
                server.start()
            return server.postgres_owner_dsn if name == "postgres" else server.settings[_SETTINGS[name]]

    return start


_COVERAGE = pytest.StashKey[str]()
_STORES = {"postgres_dsn", "kafka_bootstrap", "elasticsearch_url"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _STORES & set(getattr(item, "fixturenames", ())):
            item.add_marker("stores")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under `coverage run`, fails the run when the pure code is not covered; its report precedes the closing line."""
    measured = coverage.Coverage.current()
    if measured is None or session.exitstatus != pytest.ExitCode.OK:
        return
    measured.stop()
    report = io.StringIO()
    total = measured.report(file=report, show_missing=True, skip_covered=True)
    wanted = float(str(measured.get_option("report:fail_under")))
    if total < wanted:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        report.write(f"FAILED: {total:.2f} % is covered, {wanted:g} % must be\n")
    session.config.stash[_COVERAGE] = report.getvalue()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _COVERAGE in config.stash:
        terminalreporter.section("coverage of the pure code")
        terminalreporter.write(config.stash[_COVERAGE])
