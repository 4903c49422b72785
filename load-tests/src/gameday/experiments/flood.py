"""One client that calls far too often: `python -m gameday.experiments.flood URLS RATE`, until it is told to end."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx
from httpx_aiohttp import AiohttpTransport

_LONGEST_S: Final = 600.0
"""It ends by itself then, whatever became of the experiment."""
_MOST_AT_ONCE: Final = 500
_TIMEOUT_S: Final = 2.0


class Flood:
    """The client as a process of its own."""

    def __init__(self, urls: Sequence[str], rate: float, log: Path) -> None:
        tied = [sys.executable, "-m", "gameday.experiments.parent_death", sys.executable]
        command = [*tied, "-m", "gameday.experiments.flood", ",".join(urls), str(rate)]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        self._process.wait()


async def flood(urls: Sequence[str], rate: float) -> Counter[int]:
    """Calls `rate` times a second with one token; what was answered, by status (0: nothing)."""
    answers: Counter[int] = Counter()
    under_way: set[asyncio.Task[None]] = set()
    limits = httpx.Limits(max_connections=_MOST_AT_ONCE)
    ends = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ends.set)
    async with httpx.AsyncClient(
        transport=AiohttpTransport(limits=limits), timeout=_TIMEOUT_S, trust_env=False
    ) as http:
        token = (await http.post(f"{urls[0]}/api/sessions", json={})).json()["token"]

        async def call(url: str) -> None:
            try:
                answer = await http.get(f"{url}/api/products", headers={"Authorization": f"Bearer {token}"})
                answers[answer.status_code] += 1
            except httpx.HTTPError:
                answers[0] += 1

        began, number = time.monotonic(), 0
        while not ends.is_set() and time.monotonic() - began < _LONGEST_S:
            number += 1
            await asyncio.sleep(began + number / rate - time.monotonic())
            if len(under_way) < _MOST_AT_ONCE:
                task = asyncio.create_task(call(urls[number % len(urls)]))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
    return answers


def main() -> None:
    urls, rate = sys.argv[1].split(","), float(sys.argv[2])
    for status, count in sorted(asyncio.run(flood(urls, rate)).items()):
        print(f"{status}: {count}")


if __name__ == "__main__":
    main()
