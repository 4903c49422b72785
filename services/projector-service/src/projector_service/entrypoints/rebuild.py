"""`holdfast-rebuild TOPIC`: build a topic's documents anew from all its events, while the old ones serve."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from holdfast.contracts.messages import TOPICS, Topic
from holdfast.service.settings import load
from projector_service import rebuild
from projector_service.adapters.search import StoreUnavailable
from projector_service.bootstrap import opened_catalog
from projector_service.settings import ProjectorSettings

_EPILOG = """examples:
  holdfast-rebuild orders
  holdfast-rebuild products --timeout 60

A running projector fills the new index, puts the alias on it when it has caught up, and drops the old one later.
exit codes: 0 the new index serves, 1 it does not (one line says why), 2 bad usage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; shows progress on stderr and the new index on stdout."""
    parser = argparse.ArgumentParser(
        prog="holdfast-rebuild",
        description="Rebuild one topic's documents from its events, without a query failing meanwhile.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topic", choices=TOPICS, metavar="TOPIC", help=" | ".join(TOPICS))
    parser.add_argument("--timeout", type=float, default=600.0, metavar="S", help="seconds to wait (default 600)")
    options = parser.parse_args(arguments)
    settings = load(ProjectorSettings)
    try:
        asyncio.run(_rebuild(settings, options.topic, options.timeout))
    except (rebuild.RebuildFailed, StoreUnavailable, KafkaError, KeyboardInterrupt) as error:
        _show("\n" if sys.stderr.isatty() else "")
        print(f"holdfast-rebuild: {error or 'interrupted'}", file=sys.stderr)
        return 1
    return 0


async def _rebuild(settings: ProjectorSettings, topic: Topic, timeout_s: float) -> None:
    async with opened_catalog(settings) as catalog:
        index = await rebuild.start(catalog, settings.namespace, topic)
        last = None
        async for progress in rebuild.watch(catalog, settings, index, timeout_s=timeout_s):
            line = f"{progress.index}: {progress.written} of {progress.total} events"
            if sys.stderr.isatty():
                _show(f"\r{line}")
            elif line != last:
                _show(f"{line}\n")
            last = line
    _show("\n" if sys.stderr.isatty() else "")
    print(f"{index.name} serves")


def _show(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
