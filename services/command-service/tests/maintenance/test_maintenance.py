"""What the owner of the tables does, and that everybody else waits for it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest

from command_service.codec import KINDS, PRODUCT
from command_service.domain.events import ProductCreated
from command_service.settings import Settings
from command_service.storage import MIGRATIONS
from command_service.testing.service import NO_PAYMENT, refused, running
from command_service.testing.shop import Shop
from command_service.testing.store import maintenance, make_store, service_dsn
from holdfast.eventstore import EVENT_STORE, Database, MigrationSet, migrate, verify
from holdfast.eventstore.idempotency import SLOT, slot_of
from holdfast.testing.credentials import AsService
from holdfast.testing.processes import ServiceProcess, free_port, refused_start

pytestmark = pytest.mark.stores
MODULE = "command_service.entrypoints.migrations"
OWN_DSNS = {
    "POSTGRES_OWNER_DSN": "postgresql://owner:own@127.0.0.1:1/x",
    "POSTGRES_DSN": "postgresql://service:own@127.0.0.1:1/x",
}


async def test_a_service_starts_without_a_schema_and_serves_once_it_is_made(database: str) -> None:
    settings = Settings(postgres_dsn=service_dsn(database), replica="test", port=8101, payment_urls=NO_PAYMENT)
    async with running(settings, prepared=False) as service:
        assert (await service.client.get("/healthz")).status_code == 200
        assert (await service.client.get("/readyz")).status_code == 503
        guest = service.someone()
        answer = await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 1})
        assert refused(answer, 503, "dependency-unavailable")
        await make_store(database)
        await service.ready()
        await service.product("mug")
        answer = await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 1})
        assert answer.status_code == 200, answer.text


async def test_a_store_from_before_roles_and_hashes_is_adopted(database: str, tmp_path: Path) -> None:
    older = Path(str(EVENT_STORE.directory))
    for name in ("0001_event_store.sql", "0002_snapshots.sql", "0003_one_table_of_keys.sql"):
        (tmp_path / name).write_text((older / name).read_text())
    owner = Database(database)
    await migrate(owner, MigrationSet("eventstore", tmp_path), *MIGRATIONS[1:])
    connection = await owner.connect()
    created = ProductCreated("A mug", "", "Kitchen", 250, "GBP", 5)
    event_type, schema_version, data = PRODUCT.dump_event(created)
    await connection.execute(
        "INSERT INTO events (stream_id, version, type, schema_version, data, metadata, recorded_at)"
        " VALUES ('product-mug', 1, $1, $2, $3, '{}', '2026-01-01Z')", event_type, schema_version, json.dumps(data),
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO streams (stream_id, kind, created_at, version, state)"
        " VALUES ('product-mug', 'product', '2026-01-01Z', 1, $1)",
        json.dumps(PRODUCT.dump_state(PRODUCT.evolve(PRODUCT.initial(), created))),
    )
    await connection.close()
    store = await make_store(database)
    assert [str(each) async for each in verify(owner, KINDS)] == []
    settings = Settings(postgres_dsn=store, replica="test", port=8101, payment_urls=NO_PAYMENT)
    async with running(settings) as service:
        answer = await service.someone().post("/api/cart/items", {"product_id": "mug", "quantity": 5})
        assert answer.status_code == 200, answer.text
        more = await service.admin().post("/api/admin/products/mug/stock", {"delta": 4, "reason": "found"})
        assert more.status_code == 200, more.text
    assert [str(each) async for each in verify(owner, KINDS)] == []
    owner.close()


async def test_no_table_is_without_privileges_that_were_thought_of(store: str, database: str) -> None:
    owner = await asyncpg.connect(database)
    query = """
        SELECT tablename, has_table_privilege('holdfast_service', tablename, 'SELECT') AS reads,
               has_table_privilege('holdfast_service', tablename, 'TRUNCATE, TRIGGER, REFERENCES') AS more
          FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^idempotency_'
    """
    rows = await owner.fetch(query)
    await owner.close()
    assert {row["tablename"] for row in rows if not row["reads"]} == set()
    assert {row["tablename"] for row in rows if row["more"]} == set()


async def test_keys_older_than_24_hours_are_cleared_away_and_younger_ones_kept(shop: Shop, database: str) -> None:
    await shop.service.product("mug")
    guest = shop.service.someone()
    add = {"product_id": "mug", "quantity": 1}
    now, work = datetime.now(UTC), maintenance(database)
    for age_h in (36, 23, 0):
        assert (await guest.post("/api/cart/items", add, key=f"{age_h}h")).status_code == 200
        made = now - timedelta(hours=age_h)
        newest = "created_at = (SELECT max(created_at) FROM idempotency)"
        await shop.rows(
            f"UPDATE idempotency SET slot = $1, created_at = $2 WHERE {newest} RETURNING 1", slot_of(made), made
        )
    middle = datetime.fromtimestamp((now.timestamp() // SLOT.total_seconds() + 0.5) * SLOT.total_seconds(), UTC)
    assert await work.clear_old_keys(middle) == slot_of(now - timedelta(hours=36))
    assert await work.clear_old_keys(middle) is None
    answers = [await guest.post("/api/cart/items", add, key=f"{age_h}h") for age_h in (36, 23, 0)]
    assert ["idempotency-replayed" in answer.headers for answer in answers] == [False, True, True]


async def test_the_owner_signs_what_customers_did(shop: Shop, database: str) -> None:
    await shop.service.product("mug")
    await shop.shopper("mug")
    work = maintenance(database)
    await work.sign_checkpoint()
    assert work.last is not None
    events = len(await shop.rows("SELECT 1 FROM events"))
    assert (work.last.number, work.last.events) == (1, events)
    assert [str(each) async for each in verify(shop.parts.database, KINDS)] == []


async def test_the_process_makes_the_schema_and_signs_by_itself(database: str, tmp_path: Path) -> None:
    environment = {"POSTGRES_OWNER_DSN": database, "POSTGRES_DSN": service_dsn(database), "CHECKPOINT_EVERY_S": "0.2"}
    process = ServiceProcess(MODULE, environment, tmp_path / "log").start()
    settings = Settings(postgres_dsn=service_dsn(database), replica="test", port=8101, payment_urls=NO_PAYMENT)
    try:
        auth = AsService("tools", "migrations")
        async with running(settings) as service, httpx.AsyncClient(base_url=process.url, auth=auth) as client:
            await service.product("mug")
            async with asyncio.timeout(20):
                while (status := (await client.get("/status")).json())["checkpoint"]["number"] is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert status["state"] == "up"
            assert (await client.get("/readyz")).status_code == 200
            assert "migrations_checkpoint_number 1.0" in (await client.get("/metrics")).text
    finally:
        process.kill()


async def test_the_process_stays_up_with_postgresql_away(tmp_path: Path) -> None:
    away = f"127.0.0.1:{free_port()}"
    environment = {
        "POSTGRES_OWNER_DSN": f"postgresql://nobody:x@{away}/none",
        "POSTGRES_DSN": f"postgresql://somebody:x@{away}/none",
    }
    process = ServiceProcess(MODULE, environment, tmp_path / "log").start()
    try:
        async with httpx.AsyncClient(base_url=process.url) as client:
            assert (await client.get("/readyz")).status_code == 503
            status = (await client.get("/status", auth=AsService("tools", "migrations"))).json()
            assert (status["service"], status["state"]) == ("migrations", "degraded")
            assert status["checkpoint"] == {"number": None, "events": None, "signed_at": None}
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"CHECKPOINT_PRIVATE_KEY": "nonsense"}, "CHECKPOINT_PRIVATE_KEY: not a PEM private key"),
        ({"POSTGRES_DSN": "postgresql://127.0.0.1/x"}, "POSTGRES_DSN: the services' DSN names no user with a password"),
        ({"CHECKPOINT_EVERY_S": "0"}, "CHECKPOINT_EVERY_S"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(wrong: dict[str, str], named: str) -> None:
    assert named in refused_start(MODULE, wrong)


def test_production_refuses_the_demo_key_of_checkpoints() -> None:
    key = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
    own = f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----"
    said = refused_start(MODULE, {"MODE": "production", "TOKEN_PUBLIC_KEY": own, **OWN_DSNS})
    assert "CHECKPOINT_PRIVATE_KEY: the demo value is not allowed in production mode" in said
