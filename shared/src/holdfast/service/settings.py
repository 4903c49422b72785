"""The settings that every process shares, and how a wrong one stops the start."""

import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Final, Literal, NoReturn, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from holdfast.resilience.protections import ALL, Protection, parse_protections
from holdfast.resilience.settings import REFUSAL_RATE
from holdfast.service.credentials import DEMO_SERVICE_PUBLIC_KEYS, service_keys_bytes
from holdfast.service.keys import DEMO_CHECKPOINT_PRIVATE_KEY, DEMO_PRIVATE_KEY, DEMO_PUBLIC_KEY, key_bytes

Mode = Literal["demo", "production"]
B = TypeVar("B", bound=BaseSettings)
S = TypeVar("S", bound="ServiceSettings")


def _protections(text: str) -> str:
    parse_protections(text)
    return text


def _networks(text: str) -> str:
    for entry in listed(text):
        ipaddress.ip_network(entry)
    return text


def listed(text: str) -> list[str]:
    """The entries of a comma-separated setting."""
    return list(filter(None, map(str.strip, text.split(","))))


class ServiceSettings(BaseSettings):
    """Read once, from environment variables of the same names in capitals. Each service adds its own fields."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    mode: Mode = Field("demo", description="production refuses demo keys and passwords")
    replica: str = Field(default_factory=socket.gethostname, description="this process's name among its replicas")
    host: str = Field("127.0.0.1", description="where to listen")
    port: int = Field(ge=1, le=65535, description="where to listen")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    namespace: str = Field(
        "", pattern="^[a-z0-9.-]{0,40}$", description="prefix of every topic, index and consumer group"
    )
    token_public_key: str = Field(DEMO_PUBLIC_KEY, description="Ed25519, PEM: verifies the callers' tokens")
    service_public_keys: str = Field(
        DEMO_SERVICE_PUBLIC_KEYS, description="name=key of each service that may call, Ed25519, base64, comma-separated"
    )
    head_timeout_s: float = Field(
        10.0,
        gt=0,
        description="seconds from a connection's start or a request's first byte to the end of its headers",
    )
    write_timeout_s: float = Field(
        10.0,
        gt=0,
        description="seconds in which a caller reads 10 KiB of its answer, else the connection is aborted",
    )
    max_connections: int = Field(
        2000, ge=1, description="open connections of this process: 12 MB when idle, 95 MB with a full head each; "
        "when full, one that waits for its caller's next request gives way, and a new one gets 503 if none does",
    )  # fmt: skip
    max_connections_per_address: int = Field(
        0, ge=0, description="open connections of one address, 0 for no bound: inside, a few processes are all callers"
    )
    refusal_rate_per_s: float = Field(
        REFUSAL_RATE.per_s, gt=0, description="heads of requests of one address that are refused at once, a second; an "
        "answer beyond it is held back for 5 s",
    )  # fmt: skip
    refusal_rate_burst: int = Field(REFUSAL_RATE.burst, ge=1, description="of these at once")
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        "", description="addresses or networks, comma-separated, whose X-Forwarded-For and -Proto are believed"
    )
    containment: Literal["on", "off"] = Field(
        "on", description="off: no protection at all, as the control group of experiments"
    )
    protections_off: Annotated[str, AfterValidator(_protections)] = Field(
        "", description="protections to do without, comma-separated, to see what each is worth"
    )

    @property
    def switched_off(self) -> frozenset[Protection]:
        """The protections that are off at the start."""
        return frozenset(ALL) if self.containment == "off" else parse_protections(self.protections_off)


class CallerSettings(ServiceSettings):
    """What a service that calls others needs beside."""

    service_private_key: str = Field(
        "", repr=False, description="Ed25519, base64: signs the calls to other services; none means the demo key"
    )


def refuse_start(message: str) -> NoReturn:
    """End the process with one line on stderr and exit code 2."""
    print(f"cannot start: {message}", file=sys.stderr)
    raise SystemExit(2)


def load(settings: type[S]) -> S:
    """Read the settings, or end the process with one line that names the wrong variable."""
    loaded = read(settings)
    if loaded.mode == "production":
        refuse_demo_secrets(loaded)
    return loaded


def read(settings: type[B]) -> B:
    """Settings from environment variables, else from files of their names in the directory SECRETS_DIR.

    Ends the process with one line that names what is wrong.
    """
    directory = os.environ.get("SECRETS_DIR")
    if directory and not os.path.isdir(directory):
        refuse_start(f"SECRETS_DIR: {directory} is not a directory")
    try:
        return settings(_secrets_dir=directory or None)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper() or "settings"
        refuse_start(f"{name}: {first['msg']}")
    except OSError as error:
        refuse_start(f"SECRETS_DIR: {error.filename} cannot be read: {error.strerror}")


def refuse_demo_secrets(settings: ServiceSettings) -> None:
    """In production mode end the start when a demo key, password or DSN is in use."""
    for name, secret in _SECRETS.items():
        value = getattr(settings, name, None)
        if value is not None and not _DEMO_SECRETS.isdisjoint(secret(value)):
            refuse_start(f"{name.upper()}: the demo value is not allowed in production mode, set your own")


def _dsn_password(dsn: str) -> list[str]:
    parts = urlsplit(dsn)
    return [unquote(parts.password or "") or parse_qs(parts.query).get("password", [""])[-1]]


_NONE_IS_DEMO: Final = "the demo key"
_SECRETS: Final[Mapping[str, Callable[[str], Iterable[str]]]] = {
    "token_public_key": lambda key: [key_bytes(key)],
    "token_private_key": lambda key: [key_bytes(key)],
    "checkpoint_private_key": lambda key: [key_bytes(key)],
    "service_private_key": lambda key: service_keys_bytes(key) if key.strip() else [_NONE_IS_DEMO],
    "service_public_keys": service_keys_bytes,
    "admin_password": lambda password: [password.strip()],
    "postgres_dsn": _dsn_password,
    "postgres_owner_dsn": _dsn_password,
}
"""What is secret in a setting, however it is written: one demo key among others is one."""

_DEMO_SECRETS: Final = {
    *(key_bytes(key) for key in (DEMO_PUBLIC_KEY, DEMO_PRIVATE_KEY, DEMO_CHECKPOINT_PRIVATE_KEY)),
    *("holdfast-admin", "holdfast", "holdfast-service"),
    *(_NONE_IS_DEMO, *service_keys_bytes(DEMO_SERVICE_PUBLIC_KEYS)),
}
