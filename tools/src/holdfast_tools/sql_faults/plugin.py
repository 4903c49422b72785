"""A pytest plugin: `--sql-fault NAME` plants one fault of the catalogue into all statements of the run.

Without a statement that it changed the run ends with exit code NOT_REACHED.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import pytest
from asyncpg.connection import Connection

from holdfast_tools.sql_faults.catalogue import FAULTS, SqlFault

NOT_REACHED: Final = 40
_METHODS: Final = ("execute", "fetch", "fetchrow", "fetchval", "cursor")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sql-fault", choices=[fault.name for fault in FAULTS], help="plant this fault")


class Planted:
    """The fault of this run. `reached` counts the statements that it changed."""

    def __init__(self, fault: SqlFault) -> None:
        self.reached = 0
        self._pattern = re.compile(fault.pattern, re.DOTALL)
        self._replacement = fault.replacement

    def changed(self, statement: str) -> str:
        text, count = self._pattern.subn(self._replacement, statement)
        self.reached += count > 0
        return text

    def wrap(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def with_fault(connection: Connection, query: str, *args: Any, **options: Any) -> Any:
            return method(connection, self.changed(query), *args, **options)

        return with_fault


_PLANTED: Final = pytest.StashKey[Planted]()


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("sql_fault")
    for fault in FAULTS:
        if fault.name == name:
            planted = config.stash[_PLANTED] = Planted(fault)
            for method in _METHODS:
                setattr(Connection, method, planted.wrap(getattr(Connection, method)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    planted = session.config.stash.get(_PLANTED, None)
    if planted is not None and not planted.reached:
        session.exitstatus = NOT_REACHED
