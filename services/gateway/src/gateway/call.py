"""One public call, validated: what everything behind the edge works on."""

from dataclasses import dataclass

from gateway.routing import Route
from holdfast.resilience.deadline import Deadline
from holdfast.service.tokens import Caller

Header = tuple[str, str]


@dataclass(slots=True)
class Call:
    """One validated request.

    path, query: canonical, plain ASCII and percent-encoded: what was validated, and what is sent on.
    headers: those that are forwarded, without the Consistency-Token, which stands apart.
    body, deadline: set by the edge, once the body has arrived and once the call asks for a place.
    address: where the call counts (`rate_limits.address_of`). role: its caller's; None without a token.
    newcomer: a guest whose session is seconds old.
    no_cache: the caller wants an answer that was not kept.
    accept_encoding, if_none_match: the headers as they came, read for catalogue reads alone.
    """

    route: Route
    path: str
    query: str
    headers: tuple[Header, ...]
    deadline: Deadline
    consistency_token: str | None = None
    body: bytes = b""
    no_cache: bool = False
    address: str = ""
    caller: Caller | None = None
    newcomer: bool = False
    accept_encoding: str | None = None
    if_none_match: str | None = None

    @property
    def cache_key(self) -> str:
        return f"{self.path}?{self.query}"
