"""One attacker: `python -m gameday.hostile.attacker NAME URLS SUMMARY` prepares, writes SUMMARY, and attacks from the
line `begin` on its input until SIGTERM, the end of its input before that, or its bounds.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from gameday.addresses import can_bind
from gameday.hostile.attack import Attack, Call, Client
from gameday.hostile.connection import Endpoint, Unanswered
from gameday.hostile.honest import Honest
from gameday.hostile.pace import PhaseLengths
from gameday.hostile.registry import attack_named
from gameday.hostile.summary import WINDOW_S, Summary

_LONGEST_S: Final = 600.0
_MOST_CALLS: Final = 1_000_000
"""It ends by itself then, whatever became of the experiment."""
_LOOK_S: Final = 0.25
_HAND_OUT_S: Final = 0.02


class Attacker:
    """The clients of one attack, and who of them calls when."""

    def __init__(self, attack: Attack, gateways: Sequence[Endpoint]) -> None:
        self.ends = asyncio.Event()
        self._attack = attack
        self._gateways = gateways
        self._binds = all(can_bind(gateway.host) for gateway in gateways)
        self._due = asyncio.Semaphore(0)
        self._pace = PhaseLengths(attack.least)
        self._answers: Counter[str] = Counter()
        self._sent = self._busy = 0
        self._windows: list[int] = []
        self._busy_looks: list[float] = []

    async def prepare(self) -> Call:
        """Raises Unanswered."""
        honest = Honest(self._gateways, self._binds)
        try:
            return await self._attack.prepare(honest)
        finally:
            honest.close()

    async def attack(self, call: Call) -> Summary:
        """Until `ends` is set, or the bounds are reached."""
        sources = self._attack.sources if self._binds else ()
        clients = [Client(number, self._gateways, sources) for number in range(self._attack.clients)]
        began, cpu_s = time.time(), time.process_time()
        tasks = [asyncio.create_task(self._client(client, call)) for client in clients]
        tasks.append(asyncio.create_task(self._count()))
        try:
            await self._hand_out()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for client in clients:
                client.close()
        ended = time.time()
        return Summary(
            attack=self._attack.name,
            least=self._attack.least,
            began=began,
            ended=ended,
            sent=self._sent,
            answers=dict(self._answers.most_common()),
            windows=self._windows,
            cpu_share=(time.process_time() - cpu_s) / max(ended - began, 1e-3),
            busy_share=sum(self._busy_looks) / max(1, len(self._busy_looks)),
        )

    async def _hand_out(self) -> None:
        """Lets clients call, so many a second as the pace says."""
        last, looked, cpu_s = time.monotonic(), time.monotonic(), time.process_time()
        ends_at, owed = last + _LONGEST_S, 0.0
        while not self.ends.is_set() and last < ends_at and self._sent < _MOST_CALLS:
            await asyncio.sleep(_HAND_OUT_S)
            now = time.monotonic()
            owed, last = owed + self._pace.rate * (now - last), now
            free = self._attack.clients - self._busy
            held_back = owed > free
            owed = min(owed, free)
            while owed >= 1:
                owed -= 1
                self._busy += 1
                self._due.release()
            if now - looked >= _LOOK_S:
                used = time.process_time()
                self._busy_looks.append(self._busy / self._attack.clients)
                self._pace.look(used - cpu_s, now - looked, held_back)
                looked, cpu_s = now, used

    async def _client(self, client: Client, call: Call) -> None:
        while True:
            await self._due.acquire()
            self._sent += 1
            try:
                outcome = await call(client)
            except Unanswered as error:
                outcome = error.outcome
            self._answers[outcome] += 1
            self._busy -= 1

    async def _count(self) -> None:
        """Writes down each 2 s how many calls were under way in them."""
        while True:
            before = self._sent - self._busy
            await asyncio.sleep(WINDOW_S)
            self._windows.append(self._sent - before)


async def _begun() -> bool:
    """Waits for the line `begin`; False when the input ends without it."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return await reader.readline() == b"begin\n"


async def run(attack: Attack, urls: Sequence[str], path: Path) -> None:
    """Raises Unanswered when what the attack needs cannot be made."""
    attacker = Attacker(attack, [Endpoint.of(url) for url in urls])
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, attacker.ends.set)
    preparing = asyncio.create_task(attacker.prepare())
    ending = asyncio.create_task(attacker.ends.wait())
    await asyncio.wait((preparing, ending), return_when=asyncio.FIRST_COMPLETED)
    if attacker.ends.is_set():
        preparing.cancel()
        return
    call = await preparing
    _write(path, {"ready": True})
    begun = asyncio.create_task(_begun())
    await asyncio.wait((begun, ending), return_when=asyncio.FIRST_COMPLETED)
    if not attacker.ends.is_set() and await begun:
        _write(path, asdict(await attacker.attack(call)))


def _write(path: Path, summary: object) -> None:
    """Whole at any time."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(summary, indent=2) + "\n")
    os.replace(new, path)


def main() -> int:
    name, urls, path = sys.argv[1:4]
    try:
        asyncio.run(run(attack_named(name), urls.split(","), Path(path)))
    except Unanswered as error:
        print(f"the attack cannot be prepared: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
