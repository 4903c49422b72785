"""`holdfast-parked`: which streams are parked and why, and taking the marks off (CORRECTNESS 17)."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from holdfast.service.settings import load
from projector_service.adapters.search import StoreUnavailable
from projector_service.bootstrap import opened_catalog
from projector_service.settings import ProjectorSettings

_EPILOG = """examples:
  holdfast-parked                                                       list all
  holdfast-parked --release order-0194f1c2-7d1e-7b3a-9d55-1c2e4f6a8b90   take one stream's marks off

To repair a stream: mend what made it unreadable, release it, then holdfast-requeue it.
exit codes: 0 done, 1 no such mark or no Elasticsearch, 2 bad usage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; one line a mark on stdout."""
    parser = argparse.ArgumentParser(
        prog="holdfast-parked",
        description="List parked streams, or take a stream's marks off.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--release", metavar="STREAM", help="a stream id, such as order-0194f1c2-…")
    options = parser.parse_args(arguments)
    settings = load(ProjectorSettings)
    try:
        lines = asyncio.run(_release(settings, options.release) if options.release else _list(settings))
    except (StoreUnavailable, KeyboardInterrupt) as error:
        print(f"holdfast-parked: {error or 'interrupted'}", file=sys.stderr)
        return 1
    if options.release and not lines:
        print(f"holdfast-parked: {options.release} is not parked", file=sys.stderr)
        return 1
    print("\n".join(lines) or "nothing is parked")
    return 0


async def _list(settings: ProjectorSettings) -> list[str]:
    async with opened_catalog(settings) as catalog:
        return [
            f"{mark['stream_id']} in {mark['index']}: version {mark['version']} (up to {mark['latest']} seen) "
            f"since {mark['parked_at']}: {mark['reason']}"
            for mark in await catalog.marks()
        ]


async def _release(settings: ProjectorSettings, stream_id: str) -> list[str]:
    async with opened_catalog(settings) as catalog:
        return [f"{stream_id}: released in {index}" for index in await catalog.release(stream_id)]


if __name__ == "__main__":
    sys.exit(main())
