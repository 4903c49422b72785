"""`holdfast-requeue`: publish events again, the one repair of gaps, parked streams and lost topics (CORRECTNESS 12)."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import asyncpg

from command_service.codec import KIND_OF_NAME
from command_service.relay.settings import StoreSettings
from holdfast.eventstore import Database, StreamUnknown, requeue_kind, requeue_stream
from holdfast.resilience.errors import ResilienceError
from holdfast.service.settings import read

_EPILOG = """examples:
  holdfast-requeue order-0194f1c2-7d1e-7b3a-9d55-1c2e4f6a8b90   one stream, such as a repaired parked one
  holdfast-requeue --kind product                               every stream of a kind, such as after a lost topic

Consumers skip what they already have, so doing it once too often is harmless. PostgreSQL is the one of POSTGRES_DSN.
exit codes: 0 done, 1 no such stream, 2 bad usage or no PostgreSQL (what was queued before stays queued)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; says on stdout what was queued."""
    parser = argparse.ArgumentParser(
        prog="holdfast-requeue",
        description="Put all events of a stream, or of all streams of a kind, back into the outbox.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("stream", nargs="?", metavar="STREAM", help="a stream id, such as order-0194f1c2-…")
    what.add_argument("--kind", choices=sorted(KIND_OF_NAME), help="all streams of this kind")
    options = parser.parse_args(arguments)
    database = Database(read(StoreSettings).postgres_dsn, application="holdfast-requeue")
    try:
        asyncio.run(_requeue_kind(database, options.kind) if options.kind else _requeue(database, options.stream))
    except StreamUnknown as error:
        print(f"holdfast-requeue: {error}", file=sys.stderr)
        return 1
    except (ResilienceError, asyncpg.PostgresError, KeyboardInterrupt) as error:
        print(f"holdfast-requeue: {error or 'interrupted'}", file=sys.stderr)
        return 2
    return 0


async def _requeue(database: Database, stream_id: str) -> None:
    count = await requeue_stream(database, stream_id)
    database.close()
    print(f"{stream_id}: {count} events queued")


async def _requeue_kind(database: Database, kind: str) -> None:
    streams = events = 0
    async for _, count in requeue_kind(database, kind):
        streams, events = streams + 1, events + count
        if streams % 100 == 0 and sys.stderr.isatty():
            print(f"\r{streams} streams, {events} events …", end="", file=sys.stderr, flush=True)
    database.close()
    print(f"{kind}: {streams} streams, {events} events queued")


if __name__ == "__main__":
    sys.exit(main())
