"""A supervisor over small programs that behave as badly as the real ones: `python standins.py STATE_DIR [WHILE_PID]`.

`nest` is a process with a child in a session of its own, like PostgreSQL's; both write their numbers into pids/ and
count in a file. `deaf` ignores SIGTERM. `brief` ends at once, again and again.
"""

import sys
import time
from pathlib import Path

from embedded.program import Program
from embedded.state import StateDirectory
from embedded.supervisor import Supervisor
from embedded.up import cleared, supervise

NEST = """
import os, sys, time
pids = sys.argv[1]
def work(name):
    open(f"{pids}/{name}", "w").write(str(os.getpid()))
    counter = os.open(f"{pids}/{name}.count", os.O_WRONLY | os.O_CREAT)
    count = 0
    while True:
        count += 1
        os.pwrite(counter, b"%012d" % count, 0)
        time.sleep(0.005)
if os.fork() == 0:
    os.setsid()
    work("child")
work("root")
"""
DEAF = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(f"{sys.argv[1]}/deaf", "w").write(str(os.getpid()))
time.sleep(600)
"""


def main() -> None:
    state = StateDirectory(Path(sys.argv[1]))
    pids = state.path / "pids"
    pids.mkdir(parents=True, exist_ok=True)

    def program(name: str, code: str, *, is_server: bool = False) -> Program:
        argv = (sys.executable, "-S", "-c", code, str(pids))
        return Program(name, argv, state.run, is_server=is_server, ready=(pids / "root").exists)

    programs = [program("nest", NEST, is_server=True), program("deaf", DEAF), program("brief", "")]
    while_pid = int(sys.argv[2]) if len(sys.argv) > 2 else None

    async def ready(_supervisor: Supervisor, _seconds: float) -> None:
        return None

    with cleared(state):
        supervise(state, Supervisor(programs, state.logs, while_pid=while_pid, grace_s=1), time.monotonic(), ready)


if __name__ == "__main__":
    main()
