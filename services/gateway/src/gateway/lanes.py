"""Places in front of command-service for each kind of call.

command-service has one bulkhead at its client; without lanes, checkouts that wait for a slow card would hold all of it
and carts, which need no card, would fail.
"""

from typing import Final

from gateway.routing import Lane
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.settings import BulkheadSettings

# How many at once: what command-service does well within an attempt timeout (300 ms) when all processes share two cores
# and do some 100 commands a second, from both gateways together. More would not be answered sooner, only later than
# attempts may take, and timeouts open breakers. How many wait: replays come with 50 and more shoppers at once, each
# waiting for its answer, so a burst has to queue for a part of its total instead of failing.
LANES: Final = {
    Lane.COMMANDS: BulkheadSettings(limit=8, queue=64, max_wait_s=0.6),
    # Lasts longest, since a charge takes up to 400 ms: what is left after the wait has to be enough for one.
    Lane.CHECKOUT: BulkheadSettings(limit=6, queue=32, max_wait_s=0.8),
    # argon2 works on one thread with a queue of 4 at each replica (CORRECTNESS 7).
    Lane.SIGN_IN: BulkheadSettings(limit=4, queue=16, max_wait_s=0.7),
    # Reads of the write model: short, and worth less than a command.
    Lane.READS: BulkheadSettings(limit=6, queue=16, max_wait_s=0.1),
}
# One more for what the gateway itself asks each second: which sessions have ended.
CLIENT: Final = BulkheadSettings(limit=sum(lane.limit for lane in LANES.values()) + 1, queue=0)


def make_lanes() -> dict[Lane, Bulkhead]:
    """A bulkhead for each lane. One event loop."""
    return {lane: Bulkhead("command-service", settings) for lane, settings in LANES.items()}
