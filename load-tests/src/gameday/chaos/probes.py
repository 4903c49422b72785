"""What an experiment's steady state asks."""

from gameday.chaos import current


def all_served(last_s: float, share: float) -> bool:
    """Whether every journey that was asked for in the last seconds was served so often."""
    served = current.run().served_share(last_s)
    return bool(served) and all(one >= share for one in served.values())
