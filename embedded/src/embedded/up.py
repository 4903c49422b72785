"""Bringing a stack up in this process and supervising it to its end."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager

from embedded import fetch, places, ports, services, trees
from embedded.control import Control
from embedded.servers import Ground
from embedded.state import StateDirectory
from embedded.supervisor import Supervisor

OnReady = Callable[[Supervisor, float], Coroutine[None, None, None]]
"""Runs once everything serves; takes the supervisor and the seconds from the start until then."""


def up(
    state: StateDirectory,
    names: Sequence[str],
    given_ports: Mapping[str, int],
    report: fetch.Report,
    on_ready: OnReady,
    while_pid: int | None = None,
) -> None:
    """Runs these processes until a signal or `down`, with `while_pid` also only as long as that process lives.

    Raises state.AlreadyRuns, ports.PortTaken, artifacts.FetchFailed and places.NoPlace before anything is started.
    """
    began = time.monotonic()
    with cleared(state), ports.claimed(services.port_names(names), given_ports) as chosen:
        ground = None
        if any(name in services.SERVERS for name in names):
            ground = Ground(fetch.fetch(report), state.servers, places.server_account(), chosen)
        programs = services.programs(names, state.path, chosen, ground)
        state.write(chosen, services.addresses(chosen))
        supervisor = Supervisor(programs, state.logs, serves=lambda: services.shop_serves(chosen), while_pid=while_pid)
        supervise(state, supervisor, began, on_ready)


@contextmanager
def cleared(state: StateDirectory) -> Iterator[None]:
    """Holds the state directory, and has ended whatever a supervisor that was killed has left of the stack.

    What is started inside inherits the mark by which the next one would find it. Raises state.AlreadyRuns.
    """
    with state.held():
        mark = str(state.path)
        trees.kill(lambda: trees.marked(mark, state.servers))
        os.environ[trees.MARK] = mark
        yield


def supervise(state: StateDirectory, supervisor: Supervisor, began: float, on_ready: OnReady) -> None:
    """Runs the supervisor's parts and answers commands until its end; `began` is of time.monotonic."""

    async def serve() -> None:
        server = await asyncio.start_unix_server(Control(supervisor).answer, sock=state.listen())
        try:
            await supervisor.run(lambda: on_ready(supervisor, time.monotonic() - began))
        finally:
            server.close()
            (state.path / "control").unlink(missing_ok=True)

    asyncio.run(serve())
