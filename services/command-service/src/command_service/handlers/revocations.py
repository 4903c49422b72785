"""Ending sessions before their time, and what this replica knows of it."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog

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
from holdfast.service.revocations import Revocation, Revocations
from holdfast.service.tokens import Caller

log = structlog.get_logger(__name__)
_READ_S: Final = 1.0
_EVERY_S: Final = 1.0
_FIRST_EVERY_S: Final = 0.2  # as long as nothing is known
_FORGET_EVERY: Final = 600  # looks, some ten minutes


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


async def revocations_since(database: Database, after: int, deadline: Deadline) -> Sequence[Revocation]:
    """At most PAGE of them with a higher number, by number."""
    async with database.transaction(deadline) as tx:
        return await revocations.since(tx, after)


async def follow(database: Database, known: Revocations) -> None:
    """Keep `known` up to date until cancelled. Without PostgreSQL it stays as it is."""
    looks = 0
    while True:
        try:
            found = await revocations_since(database, known.last, Deadline.after(_READ_S))
            known.add(found)
            if len(found) == PAGE:
                continue
            known.known = True
        except Exception as error:  # whatever it is, what is known goes on to count
            log.debug("revocations_unknown", error=f"{type(error).__name__}: {error}")
        looks += 1
        if looks % _FORGET_EVERY == 0:
            known.forget_expired(time.time())
        await asyncio.sleep(_EVERY_S if known.known else _FIRST_EVERY_S)
