"""`python -m command_service`: serve commands and the write model until SIGTERM."""

import sys

from command_service.bootstrap import SERVICE, build
from command_service.settings import Settings
from holdfast.service.app import run, serve
from holdfast.service.settings import load


async def main(settings: Settings) -> int:
    await serve(build(settings), settings)
    return 0


if __name__ == "__main__":
    settings = load(Settings)
    sys.exit(run(SERVICE, settings, main(settings)))
