"""`holdfast-verify`: refold every stream, recompute every hash, check every checkpoint, and report what differs."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from functools import partial

import asyncpg

from command_service.codec import KIND_OF_NAME
from command_service.relay.settings import StoreSettings
from holdfast.eventstore import Database, DatabaseUnavailable, Verification, verify
from holdfast.service.keys import KeyInvalid, is_signed, public_key
from holdfast.service.settings import read

_EPILOG = """exit codes: 0 no differences, 1 differences, 2 bad usage, an invalid key or no PostgreSQL.
PostgreSQL is the one of POSTGRES_DSN, the key that of CHECKPOINT_PUBLIC_KEY. Everything is read in one snapshot, beside
running services."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code. Differences go to stdout, a line each; progress and the summary to stderr."""
    parser = argparse.ArgumentParser(
        prog="holdfast-verify",
        description="Recompute the state, version, owner, hashes and snapshots of every stream from its events, and "
        "compare all events with the signed checkpoints.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only differences and the summary")
    options = parser.parse_args(arguments)
    try:
        counts = asyncio.run(_verify(read(StoreSettings), show=not options.quiet and sys.stderr.isatty()))
    except (DatabaseUnavailable, KeyInvalid, asyncpg.PostgresError) as error:
        print(f"holdfast-verify: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("holdfast-verify: interrupted", file=sys.stderr)
        return 2
    said = "no differences" if counts.differences == 0 else f"{counts.differences} differences"
    newer = f", {counts.unsigned} events newer than the last" if counts.unsigned else ""
    print(
        f"{counts.streams} streams, {counts.events} events, {counts.checkpoints} checkpoints{newer}: {said}",
        file=sys.stderr,
    )
    return 1 if counts.differences else 0


async def _verify(settings: StoreSettings, *, show: bool) -> Verification:
    counts, key = Verification(), public_key(settings.checkpoint_public_key)
    database = Database(settings.postgres_dsn, application="holdfast-verify")
    showing = asyncio.create_task(_show(counts)) if show else None
    try:
        kinds = list(KIND_OF_NAME.values())
        async for difference in verify(database, kinds, counts, signed=partial(is_signed, key)):
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
