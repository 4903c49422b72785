"""The table `credentials`: unique e-mails, password hashes and roles (CORRECTNESS 7). E-mails are in normal form."""

from dataclasses import dataclass
from typing import Final

import asyncpg

from command_service.domain.events import Role
from command_service.domain.values import CustomerId
from holdfast.contracts.texts import normal_email
from holdfast.eventstore import Transaction
from holdfast.eventstore.connections import Connection

_COLUMNS = "customer_id, email, password_hash, role, known_networks"
KNOWN_NETWORKS: Final = 8  # home, work, a phone's; an older one is forgotten


class EmailTaken(Exception):
    """Somebody else signs in with this e-mail."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """How one customer or administrator signs in. `known_networks` are marks (domain.client_network), newest first."""

    customer_id: CustomerId
    email: str
    password_hash: str
    role: Role
    known_networks: tuple[int, ...] = ()


async def find_by_email(tx: Transaction, email: str) -> Credentials | None:
    """Who signs in with this e-mail."""
    return _loaded(await tx.fetchrow(f"SELECT {_COLUMNS} FROM credentials WHERE email = $1", email))


async def find_by_customer(tx: Transaction, customer_id: CustomerId) -> Credentials | None:
    """How this customer signs in."""
    return _loaded(await tx.fetchrow(f"SELECT {_COLUMNS} FROM credentials WHERE customer_id = $1", customer_id))


async def insert(tx: Transaction, credentials: Credentials) -> None:
    """Write a new customer's credentials. Raises EmailTaken, also for one that is being taken at the same time."""
    await _hold(tx, credentials.email)
    tag = await tx.execute(
        f"INSERT INTO credentials ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        credentials.customer_id,
        credentials.email,
        credentials.password_hash,
        credentials.role,
        list(credentials.known_networks),
    )
    if tag != "INSERT 0 1":
        raise EmailTaken


async def change_email(tx: Transaction, customer_id: CustomerId, email: str) -> None:
    """Move a customer to another e-mail. Raises EmailTaken."""
    await _hold(tx, email)
    if await tx.fetchval("SELECT true FROM credentials WHERE email = $2 AND customer_id <> $1", customer_id, email):
        raise EmailTaken
    await tx.execute("UPDATE credentials SET email = $2 WHERE customer_id = $1", customer_id, email)


async def _hold(tx: Transaction, email: str) -> None:
    """Wait until no other transaction takes this e-mail. A violated constraint would put the e-mail into a log."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"email {email}")


async def replace_password(tx: Transaction, customer_id: CustomerId, present_hash: str, new_hash: str) -> bool:
    """Whether the stored hash was still the present one, and is the new one now."""
    tag = await tx.execute(
        "UPDATE credentials SET password_hash = $3 WHERE customer_id = $1 AND password_hash = $2",
        customer_id,
        present_hash,
        new_hash,
    )
    return tag == "UPDATE 1"


async def first_admin(tx: Transaction) -> CustomerId | None:
    """The id of the first administrator, None before there is one."""
    customer_id = await tx.fetchval("SELECT customer_id FROM first_admin")
    return None if customer_id is None else CustomerId(customer_id)


async def set_first_admin(tx: Transaction, customer_id: CustomerId) -> None:
    """Say who is the first administrator. Raises EmailTaken if somebody was made it at the same time."""
    try:
        await tx.execute("INSERT INTO first_admin (customer_id) VALUES ($1)", customer_id)
    except asyncpg.UniqueViolationError as error:
        raise EmailTaken from error


async def remember_network(tx: Transaction, customer_id: CustomerId, mark: int) -> None:
    """Put a network's mark first; at most KNOWN_NETWORKS are kept."""
    await tx.execute(
        "UPDATE credentials SET known_networks = "
        "(array_prepend($2::integer, array_remove(known_networks, $2::integer)))[1:$3::integer] WHERE customer_id = $1",
        customer_id,
        mark,
        KNOWN_NETWORKS,
    )


async def normalise_emails(connection: Connection) -> None:
    """Bring the e-mails from before into the normal form of what their customers wrote; part of the transaction of
    migration 0004. Where two are the same then, the older account has it, and the other one keeps what it had.
    """
    rows = await connection.fetch(
        "SELECT c.customer_id, c.email, s.state ->> 'email' AS written FROM credentials c"
        " JOIN streams s ON s.stream_id = 'customer-' || c.customer_id ORDER BY c.created_at"
    )
    for row in rows:
        email = normal_email(row["written"] or row["email"])
        if email != row["email"] and not await connection.fetchval(
            "SELECT true FROM credentials WHERE email = $1", email
        ):
            await connection.execute(
                "UPDATE credentials SET email = $2 WHERE customer_id = $1", row["customer_id"], email
            )


def _loaded(row: asyncpg.Record | None) -> Credentials | None:
    if row is None:
        return None
    known_networks = tuple(row["known_networks"])
    return Credentials(CustomerId(row["customer_id"]), row["email"], row["password_hash"], row["role"], known_networks)
