"""The one way to try a password: delayed after wrong ones, in turn, and counted (CORRECTNESS 7)."""

from dataclasses import dataclass, replace

from command_service.adapters.credentials import Credentials
from command_service.adapters.turns import Source
from command_service.domain.client_network import network_mark
from command_service.handlers.sign_in_attempts import counter_key
from command_service.parts import Parts
from holdfast.contracts.texts import password_forms
from holdfast.resilience.deadline import Deadline


@dataclass(frozen=True, slots=True)
class PasswordTry:
    """`email` is in normal form, `known` what is stored for it, None when it is not registered."""

    email: str
    password: str
    known: Credentials | None
    source: Source
    deadline: Deadline


async def check_password(parts: Parts, attempt: PasswordTry) -> bool:
    """Whether the password is right; False for an unknown e-mail, in the same time.

    Raises SignInDelayed after wrong passwords, before any hash is computed, and BulkheadFull.
    """
    source = replace(attempt.source, known=_knows_network(attempt.known, attempt.source))
    key = counter_key(attempt.email, source.network if source.known else None)
    parts.attempts.require_no_delay(key)
    async with parts.passwords.turn(source, attempt.deadline) as turn:
        parts.attempts.require_no_delay(key)  # again: other attempts may have failed while this one waited
        stored = None if attempt.known is None else attempt.known.password_hash
        right = False
        for form in password_forms(attempt.password):
            right = right or await turn.verify(stored, form)
        if right:
            parts.attempts.succeeded(key)
        else:
            parts.attempts.failed(key)
    return right


def _knows_network(known: Credentials | None, source: Source) -> bool:
    if known is None or source.network is None:
        return False
    return network_mark(known.customer_id, source.network) in known.known_networks
