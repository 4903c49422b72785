"""Everybody who is in the shop, and who of them can do what comes next."""

import random
from collections.abc import Iterator
from typing import Final

from gameday.workload.calls import can
from gameday.workload.shopper import Shopper

_LOOKS: Final = 24  # somebody able is mostly met at once; only then is everybody asked


class ShopperPool:
    """Shoppers in no order; joining, leaving and picking one at random take no time that grows with their number.

    Above `most` those who came for nothing more go home.
    """

    def __init__(self, most: int) -> None:
        self._everybody: list[Shopper] = []
        self.most = most

    def __len__(self) -> int:
        return len(self._everybody)

    def __iter__(self) -> Iterator[Shopper]:
        return iter(self._everybody)

    def join(self, shopper: Shopper) -> None:
        shopper.place = len(self._everybody)
        self._everybody.append(shopper)

    def anybody(self, dice: random.Random) -> Shopper | None:
        """Somebody, busy or not, who looks around meanwhile; None when nobody is there."""
        everybody = self._everybody
        return everybody[int(dice.random() * len(everybody))] if everybody else None

    def take(self, call: str, dice: random.Random) -> Shopper | None:
        """Somebody who can make the call, busy until given back; None when nobody can."""
        everybody = self._everybody
        if not everybody:
            return None
        for _ in range(_LOOKS):
            shopper = everybody[int(dice.random() * len(everybody))]
            if can(shopper, call):
                break
        else:
            able = [shopper for shopper in everybody if can(shopper, call)]
            if not able:
                return None
            shopper = dice.choice(able)
        shopper.busy = True
        return shopper

    def give_back(self, shopper: Shopper) -> None:
        """Free again, or gone."""
        shopper.busy = False
        wanted = shopper.open_orders or shopper.email  # somebody to cancel, or to sign in
        if shopper.left or (shopper.finished and not (wanted and len(self._everybody) <= self.most)):
            self._leave(shopper)

    def _leave(self, shopper: Shopper) -> None:
        last = self._everybody.pop()
        if last is not shopper:
            self._everybody[shopper.place] = last
            last.place = shopper.place
