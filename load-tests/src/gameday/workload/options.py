"""What the commands share: numbers within bounds, and errors as one line."""

import argparse
import sys
from collections.abc import Callable, Sequence

from gameday.addresses import SHOPPERS
from holdfast_tools.command_line import UserError


def number(name: str, text: str, low: float, high: float) -> float:
    """A number from `low` to `high`. Raises UserError."""
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{name} wants a number, not {text!r}") from None
    if not low <= value <= high:
        raise UserError(f"{name} must be from {low:g} to {high:g}, not {text}")
    return value


def whole(name: str, text: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`. Raises UserError."""
    value = number(name, text, low, high)
    if value != int(value):
        raise UserError(f"{name} wants a whole number, not {text}")
    return int(value)


def add_sources(arguments: argparse.ArgumentParser) -> None:
    """--sources, read by `sources`."""
    arguments.add_argument(
        "--sources",
        default=str(len(SHOPPERS)),
        metavar="N",
        help="from how many loopback addresses shoppers come; 0: from the one that the system chooses",
    )


def sources(options: argparse.Namespace) -> Sequence[str]:
    """The addresses that shoppers come from. Raises UserError."""
    return SHOPPERS[: whole("--sources", options.sources, 0, len(SHOPPERS))]


def refusing(name: str, work: Callable[[], int]) -> int:
    """Run a command; a UserError becomes one line on stderr and exit code 2."""
    try:
        return work()
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
