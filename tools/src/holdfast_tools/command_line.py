"""What the command-line tools share: where the shop is, and errors as one line."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

DATA = Path("data/online-retail/2010-12.csv.gz")


class UserError(Exception):
    """Something the user can put right, said in one line."""


def parser(name: str, what: str) -> argparse.ArgumentParser:
    """An argument parser that shows defaults."""
    return argparse.ArgumentParser(prog=name, description=what, formatter_class=argparse.ArgumentDefaultsHelpFormatter)


def add_shop(arguments: argparse.ArgumentParser) -> None:
    """--url, --admin-email and --admin-password, with defaults from GATEWAY_URLS, ADMIN_EMAIL and ADMIN_PASSWORD."""
    arguments.add_argument(
        "--url",
        default=os.environ.get("GATEWAY_URLS", "http://127.0.0.1:8080,http://127.0.0.1:8081"),
        help="the gateways, comma-separated",
    )
    arguments.add_argument("--admin-email", default=os.environ.get("ADMIN_EMAIL", "admin@holdfast.example"))
    arguments.add_argument("--admin-password", default=os.environ.get("ADMIN_PASSWORD", "holdfast-admin"))


def add_data(arguments: argparse.ArgumentParser) -> None:
    """--data, the month's invoice lines."""
    arguments.add_argument("--data", type=Path, default=DATA, help="a month of invoice lines, .csv or .csv.gz")


def urls(text: str) -> Sequence[str]:
    """The comma-separated base URLs. Raises UserError."""
    found = [url.strip().rstrip("/") for url in text.split(",") if url.strip()]
    if not found or not all(url.startswith(("http://", "https://")) for url in found):
        raise UserError(f"--url wants comma-separated http:// addresses, not {text!r}")
    return found


def positive(text: str) -> int:
    """An argparse type: a whole number from 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def run(name: str, main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a tool; a UserError becomes one line on stderr and exit code 2, Ctrl-C 130."""
    try:
        return asyncio.run(main())
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
