"""`python -m query_service`: serves until SIGTERM or SIGINT."""

import sys

from holdfast.service.app import run, serve
from holdfast.service.settings import load
from query_service.bootstrap import SERVICE, opened
from query_service.settings import QuerySettings


async def _main(settings: QuerySettings) -> int:
    async with opened(settings) as app:
        await serve(app, settings)
    return 0


def main() -> int:
    """The process's exit code."""
    settings = load(QuerySettings)
    return run(SERVICE, settings, _main(settings))


if __name__ == "__main__":
    sys.exit(main())
