"""Locust runs the load: one Locust user plays the schedule, and every request is one of Locust's events.

So Locust's statistics, CSV files and CPU warnings work as its users know them.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import gevent
from gevent.event import AsyncResult

from gameday.workload.records import Outcome, Record

if TYPE_CHECKING:
    from locust.event import Events

_NAMED_APART: Final = (Outcome.DEGRADED, Outcome.REFUSED, Outcome.CONTAINED)


def fire(events: "Events", record: Record) -> None:
    """Tell Locust of a request. Only `failed` is a failure; what is neither that nor ok has a name of its own."""
    name = record.call
    if record.outcome in _NAMED_APART:
        name += f" ({record.outcome}{f': {record.code}' if record.code else ''})"
    events.request.fire(  # type: ignore[no-untyped-call]
        request_type=record.journey,
        name=name,
        response_time=1000 * (record.ended - record.intended),
        response_length=0,
        exception=RuntimeError(record.code) if record.outcome is Outcome.FAILED else None,
        context={},
        start_time=record.intended,
    )


def run(work: Callable[[Callable[[Record], None]], None], csv: Path) -> None:
    """Run `work` as Locust's one user; what it hands over as records is in `<csv>_stats.csv` and so on.

    Raises what `work` raises. Locust's monkey patches are left out: what is used here is written for gevent.
    """
    os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
    from locust import User, task
    from locust.env import Environment
    from locust.stats import PERCENTILES_TO_REPORT, StatsCSVFileWriter

    result: AsyncResult[None] = AsyncResult()

    class Conductor(User):
        """Plays the whole schedule once."""

        @task
        def play(self) -> None:
            try:
                work(lambda record: fire(self.environment.events, record))
                result.set(None)
            except BaseException as error:
                result.set_exception(error)
            gevent.sleep(float("inf"))  # a user whose task ends would begin it again

    logging.getLogger("locust").setLevel(logging.WARNING)
    environment = Environment(user_classes=[Conductor])
    runner = environment.create_local_runner()
    writer = StatsCSVFileWriter(environment, PERCENTILES_TO_REPORT, str(csv))
    writing = gevent.spawn(writer)
    try:
        runner.start(1, spawn_rate=1)
        result.get()
        gevent.sleep(1.1)  # the writer writes once a second
    finally:
        runner.quit()
        writing.kill()
        writer.close_files()
