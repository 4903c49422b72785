"""A service as a real process of a test's own, to be killed without warning and started again."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

_START_LIMIT_S = 60.0


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def refused_start(module: str, env: Mapping[str, str]) -> str:
    """The one line with which `python -m module`, given `env` beside the test's own environment, refuses to start."""
    command = [sys.executable, "-m", module]
    ended = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


class ServiceProcess:
    """`python -m module` with `env` on a port that stays the same through restarts; its output goes to `log`."""

    def __init__(self, module: str, env: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", module]
        self._env = {**os.environ, **env, "PORT": str(self.port)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "ServiceProcess":
        """Starts it and returns itself once /healthz answers.

        Raises RuntimeError with its output when it ends or does not answer.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._env, stdout=log, stderr=log)
        ends_at = time.monotonic() + _START_LIMIT_S
        while self._process.poll() is None and time.monotonic() < ends_at:
            if self._healthy():
                return self
            time.sleep(0.03)
        self.kill()
        raise RuntimeError(f"{self._command} did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """kill -9, and waits until it is gone; nothing when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=0.5).status_code == 200
        except httpx.HTTPError:
            return False
