"""A cart is linearizable: its versions are one order of its commands that agrees with time, and each unmarked read
shows the lines that this order gives.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, permutations
from typing import Final

from gameday.checker.check import Result
from gameday.checker.history import History, Operation

_MOST_UNKNOWN: Final = 4
"""Commands without a known outcome that are tried in every order: 24 orders for each read."""

Lines = dict[str, int]
_CALLS: Final = frozenset({"add", "change", "remove", "checkout"})


def linearizable(history: History) -> Result:
    """Carts of callers whose card was declined are left out: when the lines come back is not theirs to know."""
    result = Result("a cart is linearizable")
    for process, operations in history.by_process().items():
        commands = [each for each in operations if each.changes and each.call in _CALLS]
        if commands and not any(each.sent.get("payment_token", "").startswith("tok_declined") for each in commands):
            _check_cart(result, f"cart-{process}", commands, [each for each in operations if _shows_the_cart(each)])
    return result


def _shows_the_cart(operation: Operation) -> bool:
    shown = isinstance(operation.said, dict) and "lines" in operation.said
    return operation.type == "ok" and operation.call == "view" and not operation.marked and shown


def _check_cart(result: Result, cart: str, commands: Sequence[Operation], reads: Sequence[Operation]) -> None:
    order: dict[int, Operation] = {}
    for command in _done_once(commands):
        version = command.versions.get(cart)
        if version is not None:
            other = order.setdefault(version, command)
            result.expect(other is command, f"{other.text} and {command.text} both made {cart} version {version}")
    _check_time(result, cart, order)
    answered = {command.intent for command in commands if command.type in ("ok", "fail")}
    unknown = list({each.intent: each for each in commands if each.intent not in answered}.values())
    for read in reads:
        open_ones = [each for each in unknown if each.invoked < read.completed]
        missing = [version for version in range(1, read.seen_version + 1) if version not in order]
        if len(open_ones) > _MOST_UNKNOWN:
            result.undecided += 1
            continue
        seen = {line["product_id"]: line["quantity"] for line in read.said["lines"]}
        possible = list(_possible(order, missing, open_ones, read.seen_version))
        text = f"{read.text} saw {cart} at version {read.seen_version} with {seen}, which can only be {possible[:2]}"
        result.expect(seen in possible, text)


def _done_once(commands: Sequence[Operation]) -> Iterator[Operation]:
    """The first answer to each intent."""
    answered: set[str] = set()
    for command in commands:
        if command.type == "ok" and command.intent not in answered:
            answered.add(command.intent)
            yield command


def _check_time(result: Result, cart: str, order: Mapping[int, Operation]) -> None:
    """Whoever was answered before another was first sent has the lower version."""
    ordered = [order[version] for version in sorted(order)]
    for earlier, later in pairwise(ordered):
        text = f"{later.text} was over before {earlier.text} began, and made the later version of {cart}"
        result.expect(later.completed > earlier.invoked, text)


def _possible(
    order: Mapping[int, Operation], missing: Sequence[int], unknown: Sequence[Operation], version: int
) -> Iterator[Lines]:
    """What the cart can hold at that version: each missing one was made by a command whose outcome nobody knows."""
    if len(missing) > len(unknown):
        return
    for filled in permutations(unknown, len(missing)):
        commands = {**order, **dict(zip(missing, filled, strict=True))}
        yield _folded([commands[number] for number in range(1, version + 1)])


def _folded(commands: Sequence[Operation]) -> Lines:
    lines: Lines = {}
    for command in commands:
        product = command.sent.get("product_id") or command.path.rpartition("/")[2]
        match command.call:
            case "add":
                lines[product] = lines.get(product, 0) + command.sent["quantity"]
            case "change":
                lines[product] = command.sent["quantity"]
            case "remove":
                lines.pop(product, None)
            case "checkout":
                lines = {}
    return lines
