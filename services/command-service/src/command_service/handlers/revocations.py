"""Ending sessions before their time, and what this replica knows of it."""

from collections.abc import Sequence
from typing import Final

from command_service.adapters import credentials as store
from command_service.adapters import revocations
from command_service.adapters.revocations import PAGE
from command_service.adapters.turns import Source
from command_service.domain.refusals import CustomerUnknown
from command_service.domain.values import CustomerId
from command_service.handlers.password_check import PasswordTry, check_password
from command_service.handlers.requests import Refused, utc_now
from command_service.handlers.sessions import InvalidCredentials
from command_service.parts import Parts
from holdfast.eventstore import Database
from holdfast.resilience.deadline import Deadline
from holdfast.service.revocation_feed import follow
from holdfast.service.revocations import Revocation, Revocations
from holdfast.service.tokens import Caller

_READ_S: Final = 1.0


async def sign_out(parts: Parts, caller: Caller, deadline: Deadline) -> None:
    """End the caller's session. Doing it twice does no more."""
    async with parts.database.transaction(deadline) as tx:
        await revocations.end_session(tx, caller)


async def change_password(
    parts: Parts, caller: Caller, present: str, new: str, source: Source, deadline: Deadline
) -> None:
    """Set a new password and end all other sessions of the caller.

    Raises InvalidCredentials for a wrong present password, Refused (CustomerUnknown), SignInDelayed, BulkheadFull and
    the event store's errors.
    """
    customer_id = CustomerId(caller.subject)
    async with parts.database.transaction(deadline) as tx:
        known = await store.find_by_customer(tx, customer_id)
    if known is None:
        raise Refused(CustomerUnknown())
    if not await check_password(parts, PasswordTry(known.email, present, known, source, deadline)):
        raise InvalidCredentials
    password_hash = await parts.passwords.hash(new, source, deadline)
    async with parts.database.transaction(deadline) as tx:
        # One of two changes at the same time finds its present password gone.
        if not await store.replace_password(tx, customer_id, known.password_hash, password_hash):
            raise InvalidCredentials
        await revocations.end_older(tx, caller.subject, utc_now(), spared=caller.token_id)


async def revocations_since(database: Database, after: int, deadline: Deadline) -> tuple[Sequence[Revocation], bool]:
    """Those with a higher number, by number, one page at most, and whether there are more."""
    async with database.transaction(deadline) as tx:
        found = await revocations.since(tx, after)
    return found, len(found) == PAGE


async def follow_store(database: Database, ended: Revocations) -> None:
    """Keep `ended` up to date from PostgreSQL until cancelled."""
    await follow(ended, lambda after: revocations_since(database, after, Deadline.after(_READ_S)))
