"""`python -m command_service.entrypoints.relay`: publish the outbox until SIGTERM.

Exit codes: 0 after SIGTERM; 1 when its session or its producer is lost, so that a supervisor starts it again; 2 for a
wrong setting.
"""

import asyncio
import os
import sys

import structlog

from command_service.publish import publish
from command_service.relay.process import relay
from command_service.relay.publisher import PublishingFailed
from command_service.relay.relay import Progress
from command_service.relay.reporting import health_of, registry_of
from command_service.relay.session import LeadershipLost
from command_service.relay.settings import RelaySettings
from holdfast.messaging import TopicMismatch
from holdfast.service.app import create_app, run, serve
from holdfast.service.settings import load

SERVICE = "outbox-relay"
_LAST_BATCH_S = 2.0  # how long SIGTERM leaves the batch in flight; what is left of it is published again later

log = structlog.get_logger(__name__)


async def main(settings: RelaySettings) -> int:
    """The exit code, once the relay or the server has ended."""
    progress, stopping = Progress(), asyncio.Event()
    app = create_app(SERVICE, settings, health=health_of(progress), registry=registry_of(progress))
    relaying = asyncio.create_task(relay(settings, publish, progress, stopping))
    serving = asyncio.create_task(serve(app, settings))
    await asyncio.wait({relaying, serving}, return_when=asyncio.FIRST_COMPLETED)
    stopping.set()
    await asyncio.wait({relaying}, timeout=_LAST_BATCH_S)
    return _exit_code(relaying)


def _exit_code(relaying: asyncio.Task[None]) -> int:
    if not relaying.done():
        return 0
    try:
        relaying.result()
    except (LeadershipLost, PublishingFailed, TopicMismatch) as error:
        log.error("relay_ends", error=str(error))
        return 1
    return 0


def end(code: int) -> None:
    """End at once: the producer would go on sending a batch that a new leader sends too (CORRECTNESS 14)."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def _main_then_end(settings: RelaySettings) -> int:
    code = 1
    try:
        code = await main(settings)
    except Exception:
        log.exception("relay_fails")
    end(code)
    return code


if __name__ == "__main__":
    settings = load(RelaySettings)
    sys.exit(run(SERVICE, settings, _main_then_end(settings)))
