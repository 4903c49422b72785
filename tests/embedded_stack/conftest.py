"""The whole shop as local processes, once for all tests here, with the real catalogue loaded.

While writing tests, TEST_SHOP_STATE may name the state directory of such a shop that runs already.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from httpx_aiohttp import AiohttpTransport

from contract import Client
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
    stack = Stack(state, env={"FAULTS_ENABLED": "true", "CHECKPOINT_EVERY_S": "2"}, tied_to=os.getpid())
    try:
        with stack:
            running = EmbeddedShop(stack, state / "acks.jsonl")
            loaded = tool(running, "holdfast-catalogue")
            assert loaded.returncode == 0, loaded.stderr
            yield running
    finally:
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
async def somebody(shop: EmbeddedShop) -> AsyncIterator[Client]:
    """A client of the public API without a token."""
    async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=5, trust_env=False) as http:
        yield Client(http, list(shop.urls))
