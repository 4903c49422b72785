"""Calls in flight that end at once when what they wait for is known to be lost, not at their own deadline."""

from holdfast.resilience.limit import Limit


class Watches(set[Limit]):
    """The limits of the calls in flight to one replica or store: each is here while its block runs."""

    def lose(self) -> None:
        """End them all. Call it on their event loop."""
        for limit in self:
            limit.lose()
