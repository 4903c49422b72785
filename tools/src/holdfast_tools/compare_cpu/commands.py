"""Runs the commands of git, make and a commit's own tools."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from holdfast_tools.compare_cpu.errors import Refused

_NOT_INHERITED = (
    "GIT_",
    "MAKE",
    "MFLAGS",
    "HOLDFAST_STATE",
    "HOLDFAST_STACK",
    "HOLDFAST_PORTS",
    "VIRTUAL_ENV",
    "PYTHON",
)
_SHOWN = 300


def run(command: Sequence[str | Path], cwd: Path, timeout_s: float = 60, env: Mapping[str, str] | None = None) -> str:
    """What the command prints on stdout, stripped. Raises Refused with the last line of its output if it fails.

    It runs in a session of its own: Ctrl-C of the terminal interrupts this program only, which then ends it.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env={**inherited, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise Refused(f"{_shown(command)}: not done after {timeout_s:g} s") from None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        lines = (errors.strip() or output.strip() or f"exit code {process.returncode}").splitlines()
        raise Refused(f"{_shown(command)}: {lines[-1][:_SHOWN]}")
    return output.strip()


def _shown(command: Sequence[str | Path]) -> str:
    return " ".join(Path(word).name if isinstance(word, Path) else word for word in command)
