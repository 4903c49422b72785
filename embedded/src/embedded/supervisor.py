"""Keeps the parts of one stack running, does to them what it is asked, and leaves no process behind."""

import asyncio
import contextlib
import ctypes
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from embedded import trees
from embedded.part import SPAWNING, Part, PartStatus, Refused, State
from embedded.program import Program

_TICK_S = 0.1
_READY_POLL_S = 0.3
_HOUSEKEEPING_EVERY_TICKS = 50
_GRACE_S = 10.0
_SLOW_PERIOD_S = 0.1
_THREADS = 40
_PR_SET_CHILD_SUBREAPER = 36


class Supervisor:
    """The parts of one stack; `run` returns when it has been stopped and all of them have ended.

    Every part has one task that watches it, tick by tick: seen to have died, started when due, asked whether it
    serves, relieved of a fault whose time is over. The commands take turns with it. `serves` says whether the whole
    does, and is asked only when every part says that it serves: calls that must fail would keep breakers open. It ends
    with the process `while_pid`; at the end a part has `grace_s` to end by itself.
    """

    def __init__(
        self,
        programs: Iterable[Program],
        logs: Path,
        *,
        serves: Callable[[], bool] = lambda: True,
        while_pid: int | None = None,
        grace_s: float = _GRACE_S,
    ) -> None:
        self.parts = {program.name: Part(program, logs / f"{program.name}.log") for program in programs}
        self._stopping = False
        self._grace_s = grace_s
        self._serves = serves
        self._while = None if while_pid is None else psutil.Process(while_pid)

    async def run(self, on_ready: Callable[[], Coroutine[None, None, None]]) -> None:
        """Starts all parts at once, runs `on_ready` once each serves, and supervises until `stop` or a signal."""
        _adopt_orphans()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(_THREADS))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        try:
            async with asyncio.TaskGroup() as watchers:
                for part in self.parts.values():
                    watchers.create_task(self._watch(part))
                watchers.create_task(self._keep_house(on_ready))
        finally:
            self.stop()
            await asyncio.to_thread(self._end_all)

    def stop(self) -> None:
        """Makes `run` end everything and return."""
        self._stopping = True

    async def ready(self) -> bool:
        """Whether every part serves, and all of them together."""
        if not all(part.state is State.UP for part in self.parts.values()):
            return False
        return await asyncio.to_thread(self._serves)

    async def status(self) -> list[PartStatus]:
        """A row for each part."""
        return await asyncio.to_thread(lambda: [part.status() for part in self.parts.values()])

    async def start(self, name: str) -> None:
        """Starts a part that is down."""
        part = self._part(name)
        async with part.turn:
            if part.wanted:
                raise Refused(f"{name} is {part.state}, not down")
            part.want()
            await self._start(part)

    async def kill(self, name: str, for_s: float | None = None) -> None:
        """Kills the part's whole tree; it stays down until `start`, or for `for_s` seconds."""
        part = self._part(name)
        async with part.turn:
            if not part.wanted:
                raise Refused(f"{name} is down already")
            await asyncio.to_thread(part.kill, for_s)
            await asyncio.to_thread(self._end_strays)

    async def pause(self, name: str, for_s: float | None = None) -> None:
        """Stops the part's whole tree until `resume`, or for `for_s` seconds."""
        part = self._part(name)
        async with part.turn:
            self._must_run(part)
            await asyncio.to_thread(part.pause, for_s)

    async def slow(self, name: str, stopped_share: float, for_s: float | None = None) -> None:
        """Stops the part's whole tree for that share of each 100 ms, until `resume` or for `for_s` seconds."""
        if not 0 < stopped_share < 1:
            raise Refused(f"a part can be stopped for more than 0 and less than all of the time, not {stopped_share:g}")
        part = self._part(name)
        async with part.turn:
            self._must_run(part)
            part.stopped_share = stopped_share
            part.enter(State.SLOW, for_s)

    async def resume(self, name: str) -> None:
        """Lets a paused or slow part go on."""
        part = self._part(name)
        async with part.turn:
            if part.state not in (State.PAUSED, State.SLOW):
                raise Refused(f"{name} is {part.state}, not paused or slow")
            await asyncio.to_thread(part.resume)

    async def calm(self) -> Sequence[str]:
        """Lifts every fault and starts what is down; returns the names of the parts that needed it."""
        lifted = []
        for name, part in self.parts.items():
            with contextlib.suppress(Refused):
                await (self.resume(name) if part.state in (State.PAUSED, State.SLOW) else self.start(name))
                lifted.append(name)
        return lifted

    def _part(self, name: str) -> Part:
        if name not in self.parts:
            raise Refused(f"there is no {name}; there are {', '.join(self.parts)}")
        if self._stopping:
            raise Refused("the stack is ending")
        return self.parts[name]

    def _must_run(self, part: Part) -> None:
        part.see_death()
        if part.pid is None:
            raise Refused(f"{part.name} is {part.state}, it does not run")

    async def _watch(self, part: Part) -> None:
        ask_at = 0.0
        while not self._stopping:
            async with part.turn:
                if part.see_death():
                    await asyncio.to_thread(self._end_strays)
                if part.due:
                    await self._start(part)
                if part.fault_ended:
                    await self._lift(part)
                if part.state is State.SLOW:
                    await self._one_slow_period(part)
            if part.state is State.STARTING and time.monotonic() >= ask_at:
                await self._see_whether_ready(part)
                ask_at = time.monotonic() + _READY_POLL_S
            if part.state is not State.SLOW:
                await asyncio.sleep(_TICK_S)

    async def _start(self, part: Part) -> None:
        await asyncio.to_thread(part.start)

    async def _see_whether_ready(self, part: Part) -> None:
        """Asks without holding the part's turn, since the answer may take seconds and a fault must not wait for it."""
        pid, since = part.pid, part.since
        ready = pid is not None and await asyncio.to_thread(part.program.ready)
        async with part.turn:
            if ready and part.state is State.STARTING and (part.pid, part.since) == (pid, since):
                part.enter(State.UP)
                await asyncio.to_thread(part.yield_processor)

    async def _lift(self, part: Part) -> None:
        if part.state is State.DOWN:
            part.want()
            await self._start(part)
        else:
            await asyncio.to_thread(part.resume)

    async def _one_slow_period(self, part: Part) -> None:
        """By the clock: on a busy machine the look at the tree takes long, and the part runs meanwhile."""
        ends_at = time.monotonic() + _SLOW_PERIOD_S
        processes = await asyncio.to_thread(part.tree)
        trees.stop(lambda: processes)
        await asyncio.sleep(_SLOW_PERIOD_S * part.stopped_share)
        trees.resume(processes)
        await asyncio.sleep(max(0.0, ends_at - time.monotonic()))

    async def _keep_house(self, on_ready: Callable[[], Coroutine[None, None, None]]) -> None:
        greeting = asyncio.create_task(self._greet(on_ready))
        tick = 0
        while not self._stopping:
            if greeting.done():
                greeting.result()  # raises what went wrong in it
            if tick % _HOUSEKEEPING_EVERY_TICKS == 0:
                await asyncio.to_thread(self._sweep)
            if self._while is not None and not trees.alive(self._while):
                self.stop()
            tick += 1
            await asyncio.sleep(_TICK_S)
        greeting.cancel()
        await asyncio.wait([greeting])

    async def _greet(self, on_ready: Callable[[], Coroutine[None, None, None]]) -> None:
        ready = False
        while not ready:
            await asyncio.sleep(_READY_POLL_S)
            ready = await self.ready()
        with contextlib.suppress(BrokenPipeError):  # who would have read the greeting has gone; the shop goes on
            await on_ready()

    def _sweep(self) -> None:
        self._end_strays()
        for part in self.parts.values():
            part.rotate_log()

    def _end_strays(self) -> None:
        """Ends what a part that died has left: with it alive a server refuses to start again (CORRECTNESS 29)."""

        def find() -> list[psutil.Process]:
            return trees.strays(part.pid for part in self.parts.values() if part.pid is not None)

        with SPAWNING:
            trees.reap(trees.kill(find))

    def _end_all(self) -> None:
        """First the services, then what they use; kindly at first, and whatever is left after the grace by force."""
        for servers in (False, True):
            wave = [part for part in self.parts.values() if part.program.is_server is servers]
            for part in wave:
                part.end_kindly()
            deadline = time.monotonic() + self._grace_s
            while not all(part.ended() for part in wave) and time.monotonic() < deadline:
                time.sleep(_TICK_S / 10)
            for part in wave:
                part.kill()
        self._end_strays()


def _adopt_orphans() -> None:
    """Makes Linux hand over to this process what its descendants leave behind, instead of to the first process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
