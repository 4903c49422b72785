"""Bringing a stack up in this process and supervising it to its end."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress

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
    with state.held():
        mark = str(state.path)
        trees.kill(lambda: trees.marked(mark, state.servers))
        chosen = ports.choose(services.port_names(names), given_ports)
        ground = None
        if any(name in services.SERVERS for name in names):
            ground = Ground(fetch.fetch(report), state.servers, places.server_account(), chosen)
        # All that is started from here on inherits the mark by which the next start finds what this one left.
        os.environ[trees.MARK] = mark
        programs = services.programs(names, state.path, chosen, ground)
        supervisor = Supervisor(programs, state.logs, while_pid)
        state.write(chosen, services.addresses(chosen))
        asyncio.run(_supervise(supervisor, state, lambda: on_ready(supervisor, time.monotonic() - began)))


async def _supervise(
    supervisor: Supervisor, state: StateDirectory, on_ready: Callable[[], Coroutine[None, None, None]]
) -> None:
    server = await asyncio.start_unix_server(Control(supervisor).answer, sock=state.listen())
    try:
        await supervisor.run(on_ready)
    finally:
        server.close()
        with suppress(FileNotFoundError):
            (state.path / "control").unlink()
