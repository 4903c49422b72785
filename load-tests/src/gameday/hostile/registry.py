"""Every attack by its name."""

from collections.abc import Mapping, Sequence
from typing import Final

from gameday.hostile.attack import Attack
from gameday.hostile.attacks import (
    anonymous_flood,
    deep_reads,
    forged_cursors,
    half_headers,
    long_urls,
    password_flood,
    session_flood,
    slow_bodies,
    wide_queries,
)
from gameday.nemesis.fault import Refused

ATTACKS: Final[Sequence[Attack]] = (
    long_urls.ATTACK,
    forged_cursors.ATTACK,
    slow_bodies.ATTACK,
    half_headers.ATTACK,
    password_flood.ATTACK,
    anonymous_flood.ATTACK,
    session_flood.ATTACK,
    deep_reads.ATTACK,
    wide_queries.ATTACK,
    password_flood.SHARED,
)
_BY_NAME: Final[Mapping[str, Attack]] = {attack.name: attack for attack in ATTACKS}
NAMES: Final = tuple(_BY_NAME)


def attack_named(name: str) -> Attack:
    """Raises Refused."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise Refused(f"there is no attack {name!r}; there are {', '.join(NAMES)}") from None
