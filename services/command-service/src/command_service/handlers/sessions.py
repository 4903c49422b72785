"""Signing in, and the guest's cart that comes along (CORRECTNESS 4 and 6)."""

from dataclasses import dataclass, replace
from typing import Final

import structlog

from command_service.adapters import credentials as store
from command_service.adapters.credentials import KNOWN_NETWORKS, Credentials
from command_service.adapters.turns import Source
from command_service.codec import CART, CUSTOMER
from command_service.domain.client_network import network_mark
from command_service.domain.events import Role
from command_service.domain.merging import merge_carts
from command_service.domain.values import CustomerId
from command_service.handlers.password_check import PasswordTry, check_password
from command_service.parts import Parts
from holdfast.contracts.texts import normal_email
from holdfast.eventstore import Append, Database, Metadata, VersionConflict, append, lock_streams
from holdfast.resilience.deadline import Deadline

log = structlog.get_logger(__name__)

_SEND_SHARE_MS: Final = 50  # of the deadline, kept to answer even when the work after the password runs out of time


class InvalidCredentials(Exception):
    """No such e-mail, or not its password; which of the two is nobody's business."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """`guest_id` is the subject of a guest's token on the call, `source` where the call comes from."""

    email: str
    password: str
    guest_id: CustomerId | None
    metadata: Metadata
    deadline: Deadline
    source: Source


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`cart_version` is the customer's cart's when the guest's was added to it, else None."""

    customer_id: CustomerId
    role: Role
    cart_version: int | None


async def sign_in(parts: Parts, request: SignIn) -> SignedIn:
    """Who this is. An unknown e-mail takes as long as a wrong password.

    Raises InvalidCredentials, SignInDelayed (after wrong passwords), BulkheadFull (too many passwords at once) and the
    event store's errors. The merge of the carts and what is remembered of the network never fail it.
    """
    email = normal_email(request.email)
    async with parts.database.transaction(request.deadline) as tx:
        known = await store.find_by_email(tx, email)
    attempt = PasswordTry(email, request.password, known, request.source, request.deadline)
    if not await check_password(parts, attempt) or known is None:
        raise InvalidCredentials
    await _remember_network(parts.database, request, known)
    cart_version = None
    if request.guest_id is not None and request.guest_id != known.customer_id:
        cart_version = await _merged(parts.database, request, request.guest_id, known.customer_id)
    return SignedIn(known.customer_id, known.role, cart_version)


async def _remember_network(database: Database, request: SignIn, known: Credentials) -> None:
    """From now on the account knows this network. One that is in use stays among the newer half: few sign-ins write."""
    if request.source.network is None:
        return
    mark = network_mark(known.customer_id, request.source.network)
    if mark in known.known_networks[: KNOWN_NETWORKS // 2]:
        return
    try:
        async with database.transaction(request.deadline.shortened_by(_SEND_SHARE_MS)) as tx:
            await store.remember_network(tx, known.customer_id, mark)
    except Exception as error:
        log.warning("network_not_remembered", customer_id=known.customer_id, error=type(error).__name__)


async def _merged(database: Database, request: SignIn, guest_id: CustomerId, customer_id: CustomerId) -> int | None:
    deadline = request.deadline.shortened_by(_SEND_SHARE_MS)
    try:
        try:
            return await _merge(database, guest_id, customer_id, request.metadata, deadline)
        except VersionConflict:  # the customer's first cart was created meanwhile: now it can be locked
            return await _merge(database, guest_id, customer_id, request.metadata, deadline)
    except Exception as error:
        log.warning("carts_not_merged", guest_id=guest_id, error=f"{type(error).__name__}: {error}")
        return None


async def _merge(
    database: Database, guest_id: CustomerId, customer_id: CustomerId, metadata: Metadata, deadline: Deadline
) -> int | None:
    async with database.transaction(deadline) as tx:
        locked = await lock_streams(tx, [(CART, guest_id), (CART, customer_id), (CUSTOMER, guest_id)])
        if locked[CUSTOMER.stream_id(guest_id)].exists:
            return None  # the guest has registered since: this stale token would empty a customer's cart
        guests, customers = locked[CART.stream_id(guest_id)], locked[CART.stream_id(customer_id)]
        merged = merge_carts(guests.state, customers.state)
        if not merged.guest:
            return None
        appends = [Append(guests, merged.guest), Append(customers, merged.customer, owner=customer_id)]
        changed = await append(tx, appends, replace(metadata, actor=customer_id))
    return changed.get(customers.stream_id, customers).version
