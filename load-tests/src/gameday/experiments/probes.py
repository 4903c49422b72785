"""What an experiment's steady state asks."""

import time

from gameday.experiments import active_run, steady_state


def all_served(last_s: float, share: float) -> bool:
    """Whether so large a share of the last seconds' answers was served: of all, and of each frequent journey."""
    return steady_state.served(active_run.run().answered_since(time.time() - last_s), share)
