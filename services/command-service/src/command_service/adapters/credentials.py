"""The table `credentials`: unique e-mails, password hashes and roles (CORRECTNESS 7). E-mails are in normal form."""

from dataclasses import dataclass

import asyncpg

from command_service.domain.events import Role
from command_service.domain.values import CustomerId
from holdfast.eventstore import Transaction

_COLUMNS = "customer_id, email, password_hash, role"


class EmailTaken(Exception):
    """Somebody else signs in with this e-mail."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """How one customer or administrator signs in."""

    customer_id: CustomerId
    email: str
    password_hash: str
    role: Role


async def find_by_email(tx: Transaction, email: str) -> Credentials | None:
    """Who signs in with this e-mail."""
    return _loaded(await tx.fetchrow(f"SELECT {_COLUMNS} FROM credentials WHERE email = $1", email))


async def find_by_customer(tx: Transaction, customer_id: CustomerId) -> Credentials | None:
    """How this customer signs in."""
    return _loaded(await tx.fetchrow(f"SELECT {_COLUMNS} FROM credentials WHERE customer_id = $1", customer_id))


async def insert(tx: Transaction, credentials: Credentials) -> None:
    """Write a new customer's credentials. Raises EmailTaken, also for one that is being taken at the same time."""
    try:
        await tx.execute(
            f"INSERT INTO credentials ({_COLUMNS}) VALUES ($1, $2, $3, $4)",
            credentials.customer_id,
            credentials.email,
            credentials.password_hash,
            credentials.role,
        )
    except asyncpg.UniqueViolationError as error:
        raise EmailTaken from error


async def change_email(tx: Transaction, customer_id: CustomerId, email: str) -> None:
    """Move a customer to another e-mail. Raises EmailTaken."""
    try:
        await tx.execute("UPDATE credentials SET email = $2 WHERE customer_id = $1", customer_id, email)
    except asyncpg.UniqueViolationError as error:
        raise EmailTaken from error


async def make_admin(tx: Transaction, customer_id: CustomerId, password_hash: str) -> None:
    """Give the administrator's role and a new password to who is there already."""
    await tx.execute(
        "UPDATE credentials SET role = 'admin', password_hash = $2 WHERE customer_id = $1", customer_id, password_hash
    )


def _loaded(row: asyncpg.Record | None) -> Credentials | None:
    if row is None:
        return None
    return Credentials(CustomerId(row["customer_id"]), row["email"], row["password_hash"], row["role"])
