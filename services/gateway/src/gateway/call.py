"""One public call, validated: what everything behind the edge works on."""

from dataclasses import dataclass

from gateway.routing import Route
from holdfast.resilience.deadline import Deadline

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """One validated request.

    `path` is plain ASCII, `query` canonical (`query_parameters.canonical_query`), `headers` what is forwarded but
    for the token, which stands apart. `deadline` is the whole call's. `no_cache`: the caller wants an answer that was
    not kept.
    """

    route: Route
    path: str
    query: str
    headers: tuple[Header, ...]
    deadline: Deadline
    consistency_token: str | None = None
    body: bytes = b""
    no_cache: bool = False

    @property
    def cache_key(self) -> str:
        return cache_key(self.path, self.query)


def cache_key(path: str, query: str) -> str:
    """`query` is canonical: the same for the same parameters."""
    return f"{path}?{query}"
