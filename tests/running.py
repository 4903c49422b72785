"""A running shop under test, whichever way it runs: where it is, its tools, and faults on its parts."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from embedded.stack import Stack

ROOT = Path(__file__).parents[1]


class Running(Protocol):
    """`urls` are the gateways; `names` every process that may be killed."""

    urls: Sequence[str]

    @property
    def names(self) -> Sequence[str]: ...

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs one of the named tools inside."""
        ...

    def environment(self) -> Mapping[str, str]: ...

    def kill(self, name: str) -> None: ...

    def start(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class EmbeddedShop:
    """Local processes; `acks` is where replays write."""

    stack: Stack
    acks: Path

    @property
    def urls(self) -> Sequence[str]:
        return self.stack.gateway_urls

    @property
    def names(self) -> Sequence[str]:
        return [row["name"] for row in self.stack.status()]

    def command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).parent / arguments[0]), *arguments[1:]]

    def environment(self) -> Mapping[str, str]:
        return {**os.environ, **self.stack.settings, "ACKS_PATH": str(self.acks)}

    def kill(self, name: str) -> None:
        self.stack.kill(name)

    def start(self, name: str) -> None:
        self.stack.start_process(name)


@dataclass(frozen=True, slots=True)
class ComposeShop:
    """Containers of the compose project that COMPOSE_PROJECT_NAME names, at SHOP_URLS or the usual ports."""

    urls: Sequence[str] = tuple(os.environ.get("SHOP_URLS", "http://127.0.0.1:8080,http://127.0.0.1:8081").split(","))

    @property
    def names(self) -> Sequence[str]:
        wanted = ("docker", "compose", "ps", "--format", "{{.Service}} {{.Name}}")
        rows = (line.split() for line in output(wanted).splitlines())
        return sorted(name for service, name in rows if service not in ("catalogue", "tools"))

    def command(self, *arguments: str) -> list[str]:
        return ["docker", "compose", "run", "--rm", "-T", "tools", *arguments]

    def environment(self) -> Mapping[str, str]:
        return os.environ

    def kill(self, name: str) -> None:
        output(("docker", "kill", name))

    def start(self, name: str) -> None:
        output(("docker", "start", name))


def output(command: Sequence[str]) -> str:
    """A command's stdout; its stderr is in the error when it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


def tool(shop: Running, *arguments: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a named tool to its end."""
    return subprocess.run(
        shop.command(*arguments),
        cwd=ROOT,
        env=dict(shop.environment()),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


def assert_audit_is_clean(shop: Running, acks: Path | None = None) -> None:
    """Zero differences; otherwise the audit's own words. `acks`: other acknowledgements than the shop's file."""
    done = tool(shop, "holdfast-audit", *(() if acks is None else ("--acks", str(acks))))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "audit: 0 differences" in done.stdout
