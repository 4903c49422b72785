"""Places in front of command-service for each kind of call.

command-service has one bulkhead at its client; without lanes, checkouts that wait for a slow card would hold all of it
and carts, which need no card, would fail.
"""

from typing import Final

from gateway.routing import Lane
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.settings import BulkheadSettings

# Replays come with 50 and more shoppers at once, and each waits for its answer: a burst has to queue shortly instead of
# failing. Together the lanes let 48 calls through, so that what waits does so here, by kind, and not at the client.
LANES: Final = {
    Lane.COMMANDS: BulkheadSettings(limit=16, queue=64, max_wait_s=0.3),
    # checkouts last longest (a charge takes up to 400 ms); two replicas work on 8 each (CORRECTNESS 5)
    Lane.CHECKOUT: BulkheadSettings(limit=16, queue=64, max_wait_s=0.6),
    # argon2 works on one thread with a queue of 4 at each replica (CORRECTNESS 7)
    Lane.SIGN_IN: BulkheadSettings(limit=8, queue=32, max_wait_s=0.5),
    # reads of the write model: short, and worth less than a command
    Lane.READS: BulkheadSettings(limit=8, queue=16, max_wait_s=0.1),
}
CLIENT: Final = BulkheadSettings(limit=sum(lane.limit for lane in LANES.values()), queue=0)


def make_lanes() -> dict[Lane, Bulkhead]:
    """A bulkhead for each lane. One event loop."""
    return {lane: Bulkhead("command-service", settings) for lane, settings in LANES.items()}
