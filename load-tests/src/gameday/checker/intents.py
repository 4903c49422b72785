"""One intent has one effect, however often it was sent, and one effect has one intent."""

from collections.abc import Mapping
from typing import Any

from gameday.checker.check import Result
from gameday.checker.history import History, Operation


def one_effect(history: History) -> Result:
    """All answers to one intent give the same effect: the same order, the same version of the cart or product."""
    result = Result("one intent has one effect, however often it is sent")
    effects: dict[str, tuple[Any, Operation]] = {}
    for operation in _answered(history):
        effect = _effect(operation)
        before = effects.setdefault(operation.intent, (effect, operation))
        result.expect(before[0] == effect, f"{before[1].text} had the effect {before[0]}, {operation.text} {effect}")
    return result


def one_intent(history: History) -> Result:
    """No two intents are answered with the same effect."""
    result = Result("two intents have two effects")
    intents: dict[Any, Operation] = {}
    for operation in _answered(history):
        if operation.call in ("checkout", "add", "restock"):
            first = intents.setdefault((operation.call, operation.process, _effect(operation)), operation)
            same = first.intent == operation.intent
            result.expect(
                same, f"{first.text} and {operation.text} are two intents with one effect, {_effect(operation)}"
            )
    return result


def one_key(history: History) -> Result:
    """A client keeps an intent's key, or its own repeats could not be known: this checks the client."""
    result = Result("the client repeats an intent with its key")
    keys: dict[str, Operation] = {}
    for operation in history.operations:
        if operation.changes and operation.intent:
            first = keys.setdefault(operation.intent, operation)
            result.expect(first.key == operation.key, f"{first.text} and {operation.text} have one intent and two keys")
    return result


def _answered(history: History) -> list[Operation]:
    return [each for each in history.operations if each.changes and each.intent and each.type == "ok"]


def _effect(operation: Operation) -> Any:
    said: Mapping[str, Any] = operation.said or {}
    if "order_id" in said:
        return said["order_id"]
    return said.get("cart_id") or said.get("product_id") or said.get("customer_id"), said.get("version")
