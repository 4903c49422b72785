"""Whatever ends a comparison early, its processes and its directory are gone afterwards."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import subprocess, sys, time
from contextlib import contextmanager
from holdfast_tools.compare_cpu import cli, proc, stack

@contextmanager
def installed(self):
    self.home.mkdir()
    child = subprocess.Popen(["sleep", "60"], cwd=self.home, start_new_session=True)
    try:
        print(self.home, child.pid, flush=True)
        time.sleep(60)
        yield
    finally:
        print("ending", flush=True)
        time.sleep(1)  # the second signal comes now
        print("ended", flush=True)

stack.Stack.installed = installed
proc.gateways = lambda: []
sys.exit(cli.main(["HEAD", "HEAD", *sys.argv[1:]]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_and_removes_everything_and_a_second_one_does_not_stop_that(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _RUN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tool:
        assert tool.stdout is not None
        directory, child = tool.stdout.readline().split()
        tool.send_signal(number)
        assert tool.stdout.readline() == "ending\n"
        tool.send_signal(number)
        output, errors = tool.communicate(timeout=30)
    assert output == "ended\n"
    assert errors.splitlines()[-1] == "compare-cpu: interrupted"
    assert tool.returncode == 130
    assert_gone(Path(directory), int(child))


def test_the_time_limit_ends_and_removes_everything_too() -> None:
    command = [sys.executable, "-c", _RUN, "--minutes", "0.05"]
    tool = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    directory, child = tool.stdout.splitlines()[0].split()
    assert tool.stderr.splitlines()[-1] == "compare-cpu: the time was over before anything was measured"
    assert tool.returncode == 2
    assert_gone(Path(directory), int(child))


def assert_gone(home: Path, child: int) -> None:
    assert not home.parent.exists()
    stat = Path(f"/proc/{child}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
