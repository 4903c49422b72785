"""On the whole shop: an event changed by the owner of the tables is found, and no service could have changed it."""

import asyncio
import re

import asyncpg
import pytest

from running import EmbeddedShop, tool

pytestmark = pytest.mark.e2e


def verified(shop: EmbeddedShop) -> tuple[int, str, str]:
    done = tool(shop, "holdfast-verify", "--quiet")
    return done.returncode, done.stdout, done.stderr


async def signed_up_to(owner: asyncpg.Connection, position: int, within_s: float = 30) -> None:
    """Returns when a checkpoint covers that position."""
    async with asyncio.timeout(within_s):
        while (await owner.fetchval("SELECT max(position) FROM checkpoints") or 0) < position:  # noqa: ASYNC110
            await asyncio.sleep(0.5)


async def test_verify_finds_one_flipped_byte_and_one_removed_event_and_says_where(shop: EmbeddedShop) -> None:
    owner = await asyncpg.connect(shop.stack.postgres_owner_dsn)
    event = await owner.fetchrow("SELECT * FROM events WHERE stream_id = 'product-71053' AND version = 1")
    assert event is not None
    await signed_up_to(owner, event["position"])
    assert verified(shop)[:2] == (0, "")
    await owner.execute("SET session_replication_role = replica")
    try:
        await owner.execute(
            "UPDATE events SET data = jsonb_set(data, '{name}', '\"Xhite metal lantern\"') WHERE position = $1",
            event["position"],
        )
        code, found, _ = verified(shop)
        assert code == 1
        assert "product-71053: hash stored as 'version 1: " in found
        await owner.execute("DELETE FROM events WHERE position = $1", event["position"])
        code, found, _ = verified(shop)
        assert code == 1
        assert "product-71053" in found
        assert re.search(r"checkpoint-\d+: checkpoint stored as", found)
    finally:
        await owner.execute("DELETE FROM events WHERE position = $1", event["position"])
        columns = ", ".join(event.keys())
        places = ", ".join(f"${number}" for number in range(1, len(event) + 1))
        await owner.execute(
            f"INSERT INTO events ({columns}) OVERRIDING SYSTEM VALUE VALUES ({places})", *event.values()
        )
        await owner.close()
    assert verified(shop)[:2] == (0, "")


async def test_the_services_role_cannot_change_an_event_of_the_shop(shop: EmbeddedShop) -> None:
    service = await asyncpg.connect(shop.stack.settings["POSTGRES_DSN"])
    for statement in ("UPDATE events SET data = '{}'", "DELETE FROM events", "TRUNCATE events", "DROP TABLE events",
                      "SET session_replication_role = replica", "DELETE FROM checkpoints"):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(statement)
    await service.close()
