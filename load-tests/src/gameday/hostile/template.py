"""The experiment of each attack: shoppers at 30 % of the capacity, and nobody but the attacker may notice it."""

from typing import Any, Final

from gameday.experiments.template import action, experiment
from gameday.hostile.registry import NAMES, attack_named
from gameday.nemesis.fault import Refused
from gameday.verdict.expect import Expect

ROW: Final = "a hostile caller"
_WITHOUT_TOKEN: Final = ("account/session", "account/sign-in")
"""What shoppers call without a token: from an address that an attacker shares it may be refused."""


def made(name: str) -> dict[str, Any] | None:
    """The experiment in Chaos Toolkit's format; None when there is no attack of this name."""
    try:
        attack = attack_named(name)
    except Refused:
        return None
    expect = dict.fromkeys(_WITHOUT_TOKEN, Expect.BEST_EFFORT.value) if attack.shared else {}
    return experiment(
        title=attack.title,
        description=f"Sent: {attack.sends}. Shoppers do not notice, no breaker opens, memory stays within limits.",
        settings={"name": "holdfast", "row": ROW, "judged_by": "first", "expect": expect},
        inject=action("attack", "attack", {"name": name}),
        lift=action("end the attack", "ease", {}),
        tags=["hostile"],
    )


def names() -> tuple[str, ...]:
    """Every experiment that can be made."""
    return NAMES
