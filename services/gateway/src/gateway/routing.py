"""The public API as data: one `Route` for each call of API.md, whoever answers it.

Validation, forwarding, fallbacks and OpenAPI all read this table; nothing else knows a path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from pydantic import BaseModel

from holdfast.contracts import fields
from holdfast.contracts.query_parameters import NoParameters, Parameters
from holdfast.resilience import settings as start
from holdfast.resilience.admission import Priority
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.settings import CacheSettings
from holdfast.service.tokens import Role

Target = Literal["query-service", "command-service", "gateway"]
KeyRule = Literal["required", "taken", "ignored"]
Group = Literal[
    "search",
    "browse",
    "recommendations",
    "cart-view",
    "cart",
    "checkout",
    "orders",
    "order-history",
    "cancellation",
    "profile-view",
    "profile",
    "sign-in",
    "registration",
    "sign-out",
    "password",
    "admin-lists",
    "admin-products",
    "shipping",
    "streams",
    "operation",
]
"""Routes that fail together: one breaker for each group and service (ADR 19). Reads stand apart from commands, and what
one caller can make expensive from what all need. `operation` is answered by the gateway itself."""
ANYONE: Final[frozenset[Role] | None] = None  # no token needed
CALLERS: Final[frozenset[Role] | None] = frozenset({"guest", "customer", "admin"})
REGISTERED: Final[frozenset[Role] | None] = frozenset({"customer", "admin"})
ADMINS: Final[frozenset[Role] | None] = frozenset({"admin"})


class Lane(Enum):
    """Which calls share a place in front of command-service, so that one kind cannot take all of them."""

    COMMANDS = "commands"
    CHECKOUT = "checkout"
    SIGN_IN = "sign-in"
    READS = "reads"


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a call may take in all, in seconds, and how its attempts are treated."""

    total_s: float
    policy: CallPolicy
    with_token: CallPolicy | None = None
    """The policy of a read that carries a Consistency-Token, when waiting for it takes longer."""


READ: Final = Budget(start.READ_TOTAL_S, start.READ, start.READ_WITH_TOKEN)
CART: Final = Budget(start.CART_TOTAL_S, start.CART)
CHECKOUT: Final = Budget(start.CHECKOUT_TOTAL_S, start.CHECKOUT)
SIGN_IN: Final = Budget(start.SIGN_IN_TOTAL_S, start.SIGN_IN)


@dataclass(frozen=True, slots=True)
class Fallback:
    """What answers a read when query-service cannot (the matrix of ARCHITECTURE.md).

    write_model: command-service answers the same request. Routes with a cache have its last good answer besides.
    """

    write_model: bool = False


NO_FALLBACK: Final = Fallback()
WRITE_MODEL: Final = Fallback(write_model=True)


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the public API.

    path: FastAPI's form, `{product_id}` for a part. codes: the problems that this call has beside the common ones,
    by status. also: other good statuses and their answers' models. conditional: If-Match is taken. any_part: a part
    that cannot name anything is passed on, since this call has an answer to it. cache: how long answers are kept, only
    for calls whose answer is the same for everybody. priority: who is served first when not
    all can be; None: served whatever else there is to do. group: the routes whose failures close this one's way.
    admits_ended: also for a token whose session has ended, since the answer says why.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    target: Target
    callers: frozenset[Role] | None
    answer: type[BaseModel]
    budget: Budget = CART
    status: int = 200
    also: Mapping[int, type[BaseModel]] = field(default_factory=dict)
    fallback: Fallback = NO_FALLBACK
    cache: CacheSettings | None = None
    query: type[Parameters] = NoParameters
    body: type[BaseModel] | None = None
    key: KeyRule = "taken"
    conditional: bool = False
    any_part: bool = False
    waits_for_tokens: bool = False
    lane: Lane = Lane.COMMANDS
    priority: Priority | None = Priority.CART
    group: Group = "operation"
    admits_ended: bool = False
    codes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def reads(self) -> bool:
        return self.method == "GET"

    @property
    def part(self) -> str | None:
        """The name of the path's variable part."""
        _, brace, rest = self.path.partition("{")
        return rest.partition("}")[0] if brace else None


@dataclass(frozen=True, slots=True)
class PathPart:
    """What a path's variable part looks like, and the problem's code when it cannot name anything."""

    pattern: str
    unknown: str
    description: str

    def matches(self, value: str) -> bool:
        return re.fullmatch(self.pattern, value) is not None


_ANY_CASE_UUID: Final = fields.UUID_PATTERN.replace("a-f", "a-fA-F")
_PRODUCT_STREAM: Final = r"product-[A-Za-z0-9._-]{1,40}"
PARTS: Final[Mapping[str, PathPart]] = {
    "product_id": PathPart(fields.PRODUCT_ID_PATTERN, "product-unknown", "compared exactly as written"),
    "order_id": PathPart(_ANY_CASE_UUID, "order-unknown", "a UUID"),
    "stream_id": PathPart(
        f"^((cart|order|customer)-{fields.UUID_PATTERN.strip('^$')}|{_PRODUCT_STREAM})$",
        "stream-unknown",
        "kind and id of an aggregate: `cart-…`, `order-…`, `product-…` or `customer-…`",
    ),
}
