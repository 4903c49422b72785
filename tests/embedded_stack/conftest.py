"""The whole shop as local processes, once for all tests here, with the real catalogue loaded.

While writing tests, TEST_SHOP_STATE may name the state directory of such a shop that runs already.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.stack import Stack
from running import EmbeddedShop, tool


@pytest.fixture(scope="session")
def shop() -> Iterator[EmbeddedShop]:
    running_already = os.environ.get("TEST_SHOP_STATE")
    if running_already:
        stack = Stack(Path(running_already))
        yield EmbeddedShop(stack, stack.state.path / "acks.jsonl")
        return
    # Not below pytest's own directory: servers that root starts run as somebody who could not enter that.
    state = Path(tempfile.mkdtemp(prefix="holdfast-e2e-", dir="/var/tmp"))
    state.chmod(0o755)
    stack = Stack(state, env={"FAULTS_ENABLED": "true"}, tied_to=os.getpid())
    try:
        with stack:
            running = EmbeddedShop(stack, state / "acks.jsonl")
            loaded = tool(running, "holdfast-catalogue")
            assert loaded.returncode == 0, loaded.stderr
            yield running
    finally:
        shutil.rmtree(state, ignore_errors=True)
