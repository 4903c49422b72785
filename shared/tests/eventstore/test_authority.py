"""What the services' role may do, and that it can neither change an event nor get the power to."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from holdfast.eventstore import EVENT_STORE_PRIVILEGES, Database, RoleRefused, authorise
from holdfast.eventstore.authority import ServiceRole, scram_verifier

pytestmark = pytest.mark.stores
REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidAuthorizationSpecificationError)


def as_role(dsn: str, name: str, password: str) -> str:
    return urlsplit(dsn)._replace(netloc=f"{name}:{password}@{urlsplit(dsn).netloc.rpartition('@')[2]}").geturl()


@pytest.fixture
async def role(shop) -> AsyncIterator[str]:
    """The DSN of a role of this test's own, whose name needs quotes."""
    name = f"service-{hashlib.sha256(shop.dsn.encode()).hexdigest()[:12]}"
    dsn = as_role(shop.dsn, name, "a secret")
    await authorise(shop.database, dsn, EVENT_STORE_PRIVILEGES)
    yield dsn
    await shop.tamper(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')


@pytest.fixture
async def service(shop, role: str) -> AsyncIterator[asyncpg.Connection]:
    await shop.add("1", amounts=(1, 2))
    connection = await asyncpg.connect(role)
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = '{}'",
        "UPDATE events SET hash = hash WHERE false",
        "DELETE FROM events",
        "TRUNCATE events",
        "TRUNCATE streams CASCADE",
        "DELETE FROM streams",
        "DELETE FROM snapshots",
        "UPDATE snapshots SET state = '{}'",
        "DELETE FROM idempotency",
        "TRUNCATE idempotency_0",
        "DELETE FROM idempotency_0",
        "INSERT INTO checkpoints VALUES (1, 1, 1, decode(repeat('00', 32), 'hex'), now(), '')",
        "UPDATE checkpoints SET events = 0",
        "DELETE FROM checkpoints",
        "INSERT INTO migrations VALUES ('x', 1, 'x', 'x')",
        "DELETE FROM migrations",
        "SET session_replication_role = replica",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "ALTER TABLE events DISABLE TRIGGER USER",
        "DROP TRIGGER events_are_append_only ON events",
        "DROP TABLE events",
        "ALTER TABLE events ALTER COLUMN hash DROP NOT NULL",
        "ALTER TABLE events OWNER TO CURRENT_USER",
        "CREATE RULE quietly AS ON INSERT TO events DO INSTEAD NOTHING",
        "CREATE TRIGGER quietly BEFORE INSERT ON events EXECUTE FUNCTION refuse_change_of_events()",
        "CREATE OR REPLACE FUNCTION refuse_change_of_events() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TABLE public.more (x int)",
        "CREATE FUNCTION public.more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "CREATE ROLE another",
        "SET ROLE holdfast",
        "SET SESSION AUTHORIZATION holdfast",
        "COPY events TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid",
        "ALTER SYSTEM SET log_statement = 'all'",
        "SELECT setval('events_position_seq', 1)",
    ],
)
async def test_it_cannot(shop, service: asyncpg.Connection, statement: str) -> None:
    before = await shop.query("SELECT * FROM events ORDER BY position")
    with pytest.raises(REFUSED):
        await service.execute(statement)
    assert await shop.query("SELECT * FROM events ORDER BY position") == before


async def test_it_cannot_grant_itself_more(service: asyncpg.Connection) -> None:
    await service.execute("GRANT UPDATE, DELETE ON events TO CURRENT_USER")  # PostgreSQL warns, and grants nothing
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute("DELETE FROM events")


async def test_it_can_do_all_that_the_store_does(shop, role: str) -> None:
    shop.database, owner = Database(role), shop.database
    for amounts in ((1,) * 499, (2,), (3,)):  # with a snapshot
        await shop.add("1", "2", amounts=amounts)
    await shop.query("DELETE FROM outbox")
    assert (await shop.query("SELECT state FROM snapshots"))[0]["state"]
    shop.database.close()
    shop.database = owner


async def test_what_it_had_beyond_its_privileges_is_taken_away(shop, role: str) -> None:
    name = ServiceRole.of_dsn(role).name
    await shop.tamper(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{name}"; GRANT DELETE ON events TO PUBLIC')
    await authorise(shop.database, role, EVENT_STORE_PRIVILEGES)
    connection = await asyncpg.connect(role)
    for statement in ("DELETE FROM events", "UPDATE events SET data = '{}'", "TRUNCATE outbox"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_a_new_password_counts_and_the_old_one_does_not(shop, role: str) -> None:
    changed = as_role(role, ServiceRole.of_dsn(role).name, "another")
    await authorise(shop.database, changed, EVENT_STORE_PRIVILEGES)
    await (await asyncpg.connect(changed)).close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(role)


async def test_it_is_not_the_owner_and_has_no_power_of_its_own(shop, role: str) -> None:
    name = ServiceRole.of_dsn(role).name
    with pytest.raises(RoleRefused, match="the owner of the tables"):
        await authorise(shop.database, shop.dsn, EVENT_STORE_PRIVILEGES)
    for power in ("SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"):
        await shop.tamper(f'ALTER ROLE "{name}" {power}')
        with pytest.raises(RoleRefused, match="may do more"):
            await authorise(shop.database, role, EVENT_STORE_PRIVILEGES)
        await shop.tamper(f'ALTER ROLE "{name}" NO{power}')
    await shop.tamper(f'ALTER TABLE outbox OWNER TO "{name}"')
    with pytest.raises(RoleRefused, match="owns the table outbox"):
        await authorise(shop.database, role, EVENT_STORE_PRIVILEGES)
    await shop.tamper("ALTER TABLE outbox OWNER TO CURRENT_USER")


@pytest.mark.parametrize("dsn", ["postgresql://127.0.0.1/x", "postgresql://someone@127.0.0.1/x", "nonsense"])
def test_a_dsn_without_user_and_password_is_refused(dsn: str) -> None:
    with pytest.raises(RoleRefused, match="no user with a password"):
        ServiceRole.of_dsn(dsn)


def test_a_dsn_may_write_its_password_in_percent_signs_and_none_is_shown() -> None:
    role = ServiceRole.of_dsn("postgresql://some%40one:p%2Fw@127.0.0.1/x")
    assert (role.name, role.password) == ("some@one", "p/w")
    assert "p/w" not in repr(role)


def test_the_verifier_proves_a_password_without_holding_it() -> None:
    kind, iterations, rest = scram_verifier("pencil", b"0123456789abcdef").replace(":", "$", 1).split("$", 2)
    salt, keys = rest.split("$")
    stored, server = (base64.b64decode(each) for each in keys.split(":"))
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", base64.b64decode(salt), int(iterations))
    assert kind == "SCRAM-SHA-256"
    assert stored == hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    assert server == hmac.digest(salted, b"Server Key", "sha256")
