"""What the handlers work with, built once by `bootstrap` and kept as `app.state.parts`."""

from dataclasses import dataclass

from holdfast.eventstore import Database

CHECKOUT_POOL_NAME = "checkout"


@dataclass(frozen=True, slots=True)
class Parts:
    """The service's adapters. `database` has the pools `default` and CHECKOUT_POOL_NAME, behind one breaker."""

    database: Database
