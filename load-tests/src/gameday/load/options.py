"""What the commands share: numbers within bounds, and errors as one line."""

import sys
from collections.abc import Callable

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


def refusing(name: str, work: Callable[[], int]) -> int:
    """Run a command; a UserError becomes one line on stderr and exit code 2."""
    try:
        return work()
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
