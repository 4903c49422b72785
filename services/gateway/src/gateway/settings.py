"""What can be set of the gateway, each with unit and reason. Shared settings: `holdfast.service.settings`."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from holdfast.resilience import settings as start
from holdfast.resilience.addresses import parse_urls
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.settings import CallerSettings, listed

_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,255}")


def parse_status_urls(text: str) -> list[tuple[str, str]]:
    """(name, url) of each entry of STATUS_URLS. Raises ValueError with the entry that is no `name=url`."""
    pairs = []
    for entry in filter(None, map(str.strip, text.split(","))):
        name, equals, url = entry.partition("=")
        if not (name and equals):
            raise ValueError(f"{entry!r} must be name=url")
        parse_urls(url)
        pairs.append((name.strip(), url.strip()))
    return pairs


def _urls(text: str) -> str:
    parse_urls(text)
    return text


def _status_urls(text: str) -> str:
    parse_status_urls(text)
    return text


def _origins(text: str) -> str:
    for origin in listed(text):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} must be an origin such as https://shop.example, or *")
    return text


class GatewaySettings(CallerSettings):
    """The edge's own settings."""

    port: int = Field(8080, ge=1, le=65535, description="where to listen")
    command_urls: Annotated[str, AfterValidator(_urls)] = Field(
        "http://127.0.0.1:8101", description="command-service: base URLs, comma-separated"
    )
    query_urls: Annotated[str, AfterValidator(_urls)] = Field(
        "http://127.0.0.1:8111", description="query-service: base URLs, comma-separated"
    )
    status_urls: Annotated[str, AfterValidator(_status_urls)] = Field(
        "", description="name=url of each process whose /status is shown, comma-separated"
    )
    token_private_key: str = Field(DEMO_PRIVATE_KEY, repr=False, description="Ed25519, PEM: signs the callers' tokens")

    rate_per_s: float = Field(start.TOKEN_RATE.per_s, gt=0, description="requests a second and token in the long run")
    rate_burst: int = Field(start.TOKEN_RATE.burst, ge=1, description="requests of one token at once")
    address_rate_per_s: float = Field(
        start.ADDRESS_RATE.per_s, gt=0, description="requests without a token, a second and address"
    )
    address_rate_burst: int = Field(
        start.ADDRESS_RATE.burst, ge=1, description="requests without a token of one address at once"
    )
    anonymous_rate_per_s: float = Field(
        start.ANONYMOUS_RATE.per_s, gt=0,
        description="of these, a second and address, those that a service answers: an answer that is kept costs little",
    )  # fmt: skip
    anonymous_rate_burst: int = Field(start.ANONYMOUS_RATE.burst, ge=1, description="of these at once")
    session_rate_per_s: float = Field(
        start.SESSION_RATE.per_s, gt=0, description="new sessions a second and address: many shoppers share one"
    )
    session_rate_burst: int = Field(start.SESSION_RATE.burst, ge=1, description="new sessions of one address at once")
    password_rate_per_s: float = Field(
        start.PASSWORD_RATE.per_s, gt=0,
        description="sign-ins and registrations a second and address, apart for callers with a token and without one",
    )  # fmt: skip
    password_rate_burst: int = Field(start.PASSWORD_RATE.burst, ge=1, description="of these at once")
    guests_at_once: int = Field(
        4,
        ge=1,
        description="calls of one address's guests with the services at once, for each lane; more wait for a moment",
    )
    anonymous_share: float = Field(
        0.15, gt=0,
        description="seconds of the services' time a second for all calls without a token: a call takes 3 to 10 ms of "
        "a quiet shop and longer of a busy one, so this pays for 15 to 50 calls a second",
    )  # fmt: skip
    newcomers_share: float = Field(
        0.8, gt=0,
        description="as much for all guests in the first 10 s of their session, who add and check out too; an eighth "
        "of it for those at addresses that make more than two calls a second",
    )  # fmt: skip
    caller_share: float = Field(
        0.1, gt=0, description="as much for each caller with a token: 10 to 30 calls a second in the long run"
    )  # fmt: skip
    body_timeout_s: float = Field(5.0, gt=0, le=60, description="how long a request's body may take to arrive")
    bodies_bytes: int = Field(
        16 * 1024 * 1024, ge=64 * 1024, description="bytes of all bodies that are arriving: 256 of the largest"
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        "", description="origins whose pages may call the API (CORS), comma-separated, `*` for any; empty: none"
    )

    max_connections_per_address: int = Field(
        1000, ge=0, description="open connections of one address, 0 for no bound. A company or a load test behind one "
        "address stays under it: 100 calls are answered at once, idle connections give way. In containers all callers "
        "of a published port can be one address, which then has half of the process's connections",
    )  # fmt: skip
    calls_at_once: int = Field(
        start.ADMISSION.first, ge=start.ADMISSION.smallest, le=start.ADMISSION.largest,
        description="calls taken on at once at the start; then it follows how many are answered late",
    )  # fmt: skip
    cache_bytes: int = Field(
        32 * 1024 * 1024, ge=0, description="memory for the catalogue's kept answers: 5,000 pages of 4 KiB"
    )
    warm_cache: bool = Field(
        True, description="read the first products after the start, one at a time: an empty cache outlives no failure"
    )
    status_interval_s: float = Field(1.0, gt=0, description="how often each /status is asked, in the background")

    @property
    def allowed_origins(self) -> list[str]:
        """The origins of `cors_origins`."""
        return listed(self.cors_origins)
