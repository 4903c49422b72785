"""`python -m projector_service`: projects until SIGTERM or SIGINT."""

import asyncio
import sys

import structlog

from holdfast.service.app import run, serve
from holdfast.service.settings import load
from projector_service.bootstrap import SERVICE, opened
from projector_service.settings import ProjectorSettings

log = structlog.get_logger(__name__)


async def _main(settings: ProjectorSettings) -> int:
    async with opened(settings) as (app, projection):
        serving = asyncio.create_task(serve(app, settings))
        await asyncio.wait([serving, projection], return_when=asyncio.FIRST_COMPLETED)
        if projection.done():  # it never should: the process ends, and whoever supervises it starts it again
            log.error("projection_ended", error=repr(projection.exception()))
            return 1
        serving.result()
    return 0


def main() -> int:
    """The process's exit code."""
    settings = load(ProjectorSettings)
    return run(SERVICE, settings, _main(settings))


if __name__ == "__main__":
    sys.exit(main())
