"""`holdfast-verify`: refold every stream from its events and report what differs."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import asyncpg

from command_service.codec import KIND_OF_NAME
from command_service.relay.settings import StoreSettings
from holdfast.eventstore import Database, DatabaseUnavailable, Verification, verify

_EPILOG = """exit codes: 0 no differences, 1 differences, 2 bad usage or no PostgreSQL.
PostgreSQL is the one of POSTGRES_DSN. Everything is read in one snapshot, beside running services."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code. Differences go to stdout, a line each; progress and the summary to stderr."""
    parser = argparse.ArgumentParser(
        prog="holdfast-verify",
        description="Recompute the state, version, owner, keys and snapshots of every stream from its events.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only differences and the summary")
    options = parser.parse_args(arguments)
    try:
        counts = asyncio.run(_verify(StoreSettings().postgres_dsn, show=not options.quiet and sys.stderr.isatty()))
    except (DatabaseUnavailable, asyncpg.PostgresError) as error:
        print(f"holdfast-verify: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("holdfast-verify: interrupted", file=sys.stderr)
        return 2
    said = "no differences" if counts.differences == 0 else f"{counts.differences} differences"
    print(f"{counts.streams} streams, {counts.events} events: {said}", file=sys.stderr)
    return 1 if counts.differences else 0


async def _verify(dsn: str, *, show: bool) -> Verification:
    counts = Verification()
    showing = asyncio.create_task(_show(counts)) if show else None
    try:
        async for difference in verify(
            Database(dsn, application="holdfast-verify"), list(KIND_OF_NAME.values()), counts
        ):
            print(difference, flush=True)
    finally:
        if showing:
            showing.cancel()
            print("\r\033[K", end="", file=sys.stderr)
    return counts


async def _show(counts: Verification) -> None:
    while True:
        print(f"\r{counts.streams} streams, {counts.events} events …", end="", file=sys.stderr, flush=True)
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
