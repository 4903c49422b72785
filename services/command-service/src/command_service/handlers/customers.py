"""Registration, profile and the first administrator: the customer's stream and its credentials in one transaction."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
import uuid_utils

from command_service.adapters import credentials as store
from command_service.adapters import revocations
from command_service.adapters.credentials import Credentials, EmailTaken
from command_service.adapters.turns import Source
from command_service.codec import CUSTOMER
from command_service.domain import customer
from command_service.domain.client_network import network_mark
from command_service.domain.customer import Register
from command_service.domain.events import Role
from command_service.domain.refusals import AlreadyRegistered
from command_service.domain.values import Address, CustomerId
from command_service.handlers.keys_at_work import RequestInProgress
from command_service.handlers.password_check import PasswordTry, check_password
from command_service.handlers.requests import CommandRequest, Refused, claimed_version, claims_of, utc_now
from command_service.handlers.single_stream import Done, Target, change_stream
from command_service.parts import Parts
from holdfast.contracts.texts import normal_email
from holdfast.eventstore import (
    Append,
    Claim,
    CommandKey,
    KeyReused,
    Metadata,
    Transaction,
    VersionConflict,
    append,
    find_claim,
    lock_streams,
    read_stream,
    try_key_lock,
)
from holdfast.resilience.deadline import Deadline

log = structlog.get_logger(__name__)

# Any fixed namespace: every replica gives the first administrator of one e-mail the same id.
_BOOTSTRAP = Source(None, "bootstrap")  # this process itself: not one of the callers who bear no token
_ADMIN_NAMESPACE = uuid.UUID("6f1ad0b6-6a5c-4e0e-9d4b-6f0e2f3c7a10")


@dataclass(frozen=True, slots=True)
class Registration:
    """Who wants to register. `caller_id` and `caller_role` are the token's, if there was one: a guest becomes this
    customer. `keys` are the client's key, scoped by the e-mail and then by the caller, if there is one, or none
    without a key; their fingerprint leaves the password out (CORRECTNESS 4).
    """

    email: str
    password: str
    name: str
    caller_id: CustomerId | None
    caller_role: str | None
    keys: Sequence[CommandKey]
    metadata: Metadata
    deadline: Deadline
    source: Source
    now: Callable[[], datetime] = field(default=utc_now)


@dataclass(frozen=True, slots=True)
class Registered:
    """`version` is the customer stream's; `replayed` tells a repeat with the same key."""

    customer_id: CustomerId
    role: Role
    version: int
    replayed: bool = False


async def register(parts: Parts, registration: Registration) -> Registered:
    """Register once for a key. Raises EmailTaken, Refused (AlreadyRegistered), KeyReused, RequestInProgress,
    SignInDelayed (a repeat, after wrong passwords), BulkheadFull (too many passwords at once) and the event store's
    errors.
    """
    if not registration.keys:
        return await _register(parts, registration)
    with parts.keys_at_work.hold(registration.keys[0].hash):
        return await _register(parts, registration)


async def _register(parts: Parts, registration: Registration) -> Registered:
    email = normal_email(registration.email)
    async with parts.database.transaction(registration.deadline) as tx:
        known = await _known(tx, registration.keys)
        if known is None:
            # Looked up before the password is hashed: that takes a place in a short queue.
            await _require_free(tx, registration, email)
    if known is not None:
        return await _repeated(parts, registration, known)
    password_hash = await parts.passwords.hash(registration.password, registration.source, registration.deadline)
    customer_id = registration.caller_id or CustomerId(str(uuid_utils.uuid7()))
    network = registration.source.network
    known_networks = () if network is None else (network_mark(customer_id, network),)
    credentials = Credentials(customer_id, email, password_hash, "customer", known_networks)
    try:
        return await _store(parts, registration, credentials)
    except VersionConflict:
        raise Refused(AlreadyRegistered()) from None  # another registration of this guest was first


async def _require_free(tx: Transaction, registration: Registration, email: str) -> None:
    if registration.caller_id is not None:
        stream = await read_stream(tx, (CUSTOMER, registration.caller_id))
        if registration.caller_role != "guest" or stream.exists:
            raise Refused(AlreadyRegistered())
    if await store.find_by_email(tx, email) is not None:
        raise EmailTaken


async def _store(parts: Parts, registration: Registration, credentials: Credentials) -> Registered:
    async with parts.database.transaction(registration.deadline) as tx:
        for key in registration.keys:
            if not await try_key_lock(tx, key):
                raise RequestInProgress
        if await _known(tx, registration.keys) is not None:
            raise RequestInProgress  # stored by another replica since: the repeat will find it
        now = registration.now()
        metadata = replace(registration.metadata, actor=credentials.customer_id)
        version = await _append_customer(
            tx, credentials, registration.email, registration.name, metadata, now, registration.keys
        )
        await store.insert(tx, credentials)
        if registration.caller_id is not None:  # the guest's tokens would act as the customer otherwise
            await revocations.end_role(tx, credentials.customer_id, "guest", now)
    return Registered(credentials.customer_id, credentials.role, version)


async def _known(tx: Transaction, keys: Sequence[CommandKey]) -> Claim | None:
    """The claim of an earlier call with this key. Raises KeyReused when that was another command."""
    claims = [await find_claim(tx, key) for key in keys]
    return next((claim for claim in claims if claim is not None), None)


async def _repeated(parts: Parts, registration: Registration, claim: Claim) -> Registered:
    """A repeat must know the password: a token will be made for who repeats."""
    customer_id = CustomerId(claim.resource_id)
    async with parts.database.transaction(registration.deadline) as tx:
        credentials = await store.find_by_customer(tx, customer_id)
    email = normal_email(registration.email)
    attempt = PasswordTry(email, registration.password, credentials, registration.source, registration.deadline)
    if not await check_password(parts, attempt) or credentials is None:
        raise KeyReused("registration")
    return Registered(customer_id, credentials.role, claimed_version(claim), replayed=True)


async def _append_customer(
    tx: Transaction,
    credentials: Credentials,
    email: str,
    name: str,
    metadata: Metadata,
    now: datetime,
    keys: Sequence[CommandKey] = (),
) -> int:
    customer_id = credentials.customer_id
    stream_id = CUSTOMER.stream_id(customer_id)
    stream = (await lock_streams(tx, [(CUSTOMER, customer_id)]))[stream_id]
    decision = customer.decide(Register(email, name, credentials.role), stream.state)
    if not isinstance(decision, tuple):
        raise Refused(decision)
    version = stream.version + len(decision)
    claims = claims_of(keys, customer_id, version, now)
    await append(tx, [Append(stream, decision, owner=customer_id)], metadata, recorded_at=now, claims=claims)
    return version


async def update_profile(parts: Parts, request: CommandRequest, name: str, email: str, address: Address | None) -> Done:
    """Replace the caller's profile; the e-mail they sign in with moves in the same transaction. Raises EmailTaken."""

    async def move_email(tx: Transaction) -> None:
        await store.change_email(tx, CustomerId(request.subject), normal_email(email))

    command = customer.UpdateProfile(name, email, address)
    target = Target(CUSTOMER, request.subject, owner=request.subject)
    return await change_stream(
        parts.database, request, target, lambda state: customer.decide(command, state), precondition=move_email
    )


async def ensure_admin(parts: Parts, email: str, password: str, deadline: Deadline) -> None:
    """Make sure that the first administrator can sign in with this password; harmless from several replicas at once.

    One who is there keeps id, e-mail and profile, and gets the new password if it differs, which ends all sessions.
    Whoever else has the e-mail is left as they are, and no administrator is made: that is logged. Raises what the event
    store raises; to be repeated then.
    """
    async with parts.database.transaction(deadline) as tx:
        admin_id = await store.first_admin(tx)
        known = None if admin_id is None else await store.find_by_customer(tx, admin_id)
        taken = await store.find_by_email(tx, normal_email(email))
    if known is not None:
        await _renew_password(parts, known, password, deadline)
        return
    if taken is not None:
        log.error("no_first_admin", why="ADMIN_EMAIL belongs to a customer", customer_id=taken.customer_id)
        return
    customer_id = CustomerId(str(uuid.uuid5(_ADMIN_NAMESPACE, normal_email(email))))
    password_hash = await parts.passwords.hash(password, _BOOTSTRAP, deadline)
    credentials = Credentials(customer_id, normal_email(email), password_hash, "admin")
    async with parts.database.transaction(deadline) as tx:
        await store.set_first_admin(tx, customer_id)
        await _append_customer(tx, credentials, email, "Administrator", Metadata(actor="bootstrap"), utc_now())
        await store.insert(tx, credentials)
    log.info("first_admin_made", customer_id=customer_id)


async def _renew_password(parts: Parts, admin: Credentials, password: str, deadline: Deadline) -> None:
    if await parts.passwords.verify(admin.password_hash, password, _BOOTSTRAP, deadline):
        return
    password_hash = await parts.passwords.hash(password, _BOOTSTRAP, deadline)
    async with parts.database.transaction(deadline) as tx:
        if await store.replace_password(tx, admin.customer_id, admin.password_hash, password_hash):
            await revocations.end_older(tx, admin.customer_id, utc_now())
