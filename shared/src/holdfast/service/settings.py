"""The settings that every process shares, and how a wrong one stops the start."""

import socket
import sys
from typing import Annotated, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from holdfast.resilience.protections import ALL, Protection, parse_protections
from holdfast.service.tokens import DEMO_PRIVATE_KEY, DEMO_PUBLIC_KEY

Mode = Literal["demo", "production"]
S = TypeVar("S", bound="ServiceSettings")


def _protections(text: str) -> str:
    parse_protections(text)
    return text


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


def refuse_start(message: str) -> NoReturn:
    """End the process with one line on stderr and exit code 2."""
    print(f"cannot start: {message}", file=sys.stderr)
    raise SystemExit(2)


def load(settings: type[S]) -> S:
    """Read the settings, or end the process with one line that names the wrong variable."""
    try:
        loaded = settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper() or "settings"
        refuse_start(f"{name}: {first['msg']}")
    if loaded.mode == "production":
        refuse_demo_secrets(loaded)
    return loaded


def refuse_demo_secrets(settings: ServiceSettings) -> None:
    """In production mode end the start when a demo key or the demo password is in use."""
    demo = {
        "TOKEN_PUBLIC_KEY": (getattr(settings, "token_public_key", None), DEMO_PUBLIC_KEY),
        "TOKEN_PRIVATE_KEY": (getattr(settings, "token_private_key", None), DEMO_PRIVATE_KEY),
        "ADMIN_PASSWORD": (getattr(settings, "admin_password", None), "holdfast-admin"),
    }
    for name, (value, demo_value) in demo.items():
        if value is not None and value.strip() == demo_value.strip():
            refuse_start(f"{name}: the demo value is not allowed in production mode, set your own")
