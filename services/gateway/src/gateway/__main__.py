"""`python -m gateway`: serves until SIGTERM or SIGINT."""

import sys

from gateway.bootstrap import build
from gateway.ops import SERVICE
from gateway.settings import GatewaySettings
from holdfast.service.app import run, serve
from holdfast.service.settings import load

# Callers unknown to us keep idle connections for long (httpx 5 s, browsers minutes): they should be the ones to close.
KEEP_ALIVE_S = 75


async def _main(settings: GatewaySettings) -> int:
    await serve(build(settings), settings, keep_alive_s=KEEP_ALIVE_S)
    return 0


def main() -> int:
    """The process's exit code."""
    settings = load(GatewaySettings)
    return run(SERVICE, settings, _main(settings))


if __name__ == "__main__":
    sys.exit(main())
