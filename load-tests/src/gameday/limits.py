"""The memory that a part of the shop may use: its service's `mem_limit` in docker-compose.yml, on both ways to run."""

from collections.abc import Mapping
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from gameday.nemesis.engine import service_of
from gameday.target import ROOT

_UNITS: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def memory_limits() -> Mapping[str, int]:
    """Bytes by the name of the compose service."""
    services: Mapping[str, Mapping[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return {name: _bytes(str(service["mem_limit"])) for name, service in services.items()}


def limit_of(part: str, limits: Mapping[str, int]) -> int:
    """The bytes that the part `command-1`, `postgres` may hold."""
    return limits[service_of(part)]


def _bytes(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1].lower()]
