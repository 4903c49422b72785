"""What the handlers work with, built once by `bootstrap` and kept as `app.state.parts`."""

from dataclasses import dataclass

from command_service.adapters.passwords import Passwords
from command_service.adapters.payments import Payments
from command_service.handlers.keys_at_work import KeysAtWork
from command_service.handlers.sign_in_attempts import SignInAttempts
from holdfast.eventstore import Database

CHECKOUT_POOL_NAME = "checkout"


@dataclass(frozen=True, slots=True)
class Parts:
    """The service's adapters. `database` has the pools `default` and CHECKOUT_POOL_NAME, each behind its breaker."""

    database: Database
    payments: Payments
    passwords: Passwords
    keys_at_work: KeysAtWork
    attempts: SignInAttempts
