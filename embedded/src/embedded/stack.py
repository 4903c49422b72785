"""A stack in the background, driven by a program: end-to-end tests, experiments, `holdfast up --detach`."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from embedded import control, places, servers
from embedded.control import NotRunning
from embedded.services import NAMES
from embedded.state import Record, StateDirectory

_POLL_S = 0.1
_DOWN_WITHIN_S = 60.0


class NotReady(Exception):
    """The stack ended while it started, or something did not serve in time; the message says what and why."""


class Stack:
    """Some or all processes of the shop below one state directory; a context manager that starts and ends them.

    `processes` are names of services.NAMES; a server that is not among them is taken from `env` or the environment
    (POSTGRES_DSN, KAFKA_BOOTSTRAP, ELASTICSEARCH_URL). `ports` fixes some of the ports. The stack ends when the
    process with the number `tied_to` ends, however that does.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        processes: Sequence[str] = NAMES,
        ports: Mapping[str, int] | None = None,
        env: Mapping[str, str] | None = None,
        tied_to: int | None = None,
    ) -> None:
        self.state = StateDirectory(places.state_dir(state_dir))
        self._arguments = ["--only", ",".join(processes)]
        if ports:
            self._arguments += ["--ports", ",".join(f"{name}={port}" for name, port in ports.items())]
        if tied_to is not None:
            self._arguments += ["--while-pid", str(tied_to)]
        self._env = {**os.environ, **(env or {})}
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self, timeout_s: float = 180.0) -> None:
        """Starts it and returns when everything serves; raises NotReady."""
        self.begin()
        self.wait_ready(timeout_s)

    def begin(self) -> None:
        """Starts the supervisor and returns at once."""
        places.make_directory(self.state.logs)
        command = [sys.executable, "-m", "embedded", "up", "--state", str(self.state.path), *self._arguments]
        with self._log.open("wb") as log:
            self._supervisor = subprocess.Popen(
                command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self, timeout_s: float = 180.0) -> None:
        """Returns when everything serves; raises NotReady."""
        deadline = time.monotonic() + timeout_s
        while not self._is_ready():
            if self._supervisor is not None and self._supervisor.poll() is not None:
                said = self._log.read_text().strip()
                raise NotReady(said.splitlines()[-1] if said else f"the supervisor ended, see {self._log}")
            if time.monotonic() > deadline:
                raise NotReady(f"not ready after {timeout_s:g} s: {self._laggards()}; logs are in {self.state.logs}")
            time.sleep(_POLL_S)

    @property
    def _log(self) -> Path:
        return self.state.logs / "supervisor.log"

    def _is_ready(self) -> bool:
        try:
            return bool(control.ask(self.state, "ready"))
        except NotRunning:
            return False

    def _laggards(self) -> str:
        try:
            late = [part for part in self.status() if part["state"] != "up"]
        except NotRunning:
            return "the supervisor does not answer"
        return ", ".join(f"{part['name']} is {part['state']} {part['error']}".strip() for part in late)

    def stop(self) -> None:
        """Ends all of it; its data stay. A stack that does not run is left as it is."""
        try:
            control.ask(self.state, "down")
        except NotRunning:
            return
        deadline = time.monotonic() + _DOWN_WITHIN_S
        while self.state.is_held() and time.monotonic() < deadline:
            time.sleep(_POLL_S / 5)
        if self._supervisor is not None:
            self._supervisor.wait(_DOWN_WITHIN_S)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def kill(self, name: str, for_s: float | None = None) -> None:
        """Kills one process with all below it; down until `start_process`, or for `for_s` seconds."""
        control.ask(self.state, "kill", name=name, for_s=for_s)

    def pause(self, name: str, for_s: float | None = None) -> None:
        """Stops one process with all below it until `resume`, or for `for_s` seconds."""
        control.ask(self.state, "pause", name=name, for_s=for_s)

    def slow(self, name: str, stopped_share: float, for_s: float | None = None) -> None:
        """Stops one process for that share (0 to 1) of each 100 ms, until `resume` or for `for_s` seconds."""
        control.ask(self.state, "slow", name=name, stopped_share=stopped_share, for_s=for_s)

    def resume(self, name: str) -> None:
        """Lets a paused or slow process go on."""
        control.ask(self.state, "resume", name=name)

    def start_process(self, name: str) -> None:
        """Starts a process that is down; returns when it has been started, not yet ready."""
        control.ask(self.state, "start", name=name)

    def calm(self) -> list[str]:
        """Lifts all faults and starts what is down; returns the names that needed it."""
        lifted: list[str] = control.ask(self.state, "calm")
        return lifted

    def status(self) -> list[dict[str, Any]]:
        """A row of part.PartStatus for each process."""
        rows: list[dict[str, Any]] = control.ask(self.state, "status")
        return rows

    @property
    def settings(self) -> Mapping[str, str]:
        """The addresses of what runs, as settings of the services; GATEWAY_URLS among them. Raises NotRunning."""
        return self._record().settings

    def _record(self) -> Record:
        record = self.state.read()
        if record is None or not self.state.is_held():
            raise NotRunning(f"no stack runs in {self.state.path}; `holdfast up` starts one")
        return record

    @property
    def postgres_owner_dsn(self) -> str:
        """The PostgreSQL that runs here, with the role that owns the tables. Raises NotRunning and KeyError."""
        return servers.postgres_owner_dsn(self._record().ports["postgres"])

    def url(self, name: str) -> str:
        """The base URL of a process, such as `http://127.0.0.1:8080` of gateway-1; raises NotRunning and KeyError."""
        record = self.state.read()
        if record is None:
            raise NotRunning(f"no stack runs in {self.state.path}; `holdfast up` starts one")
        return f"http://127.0.0.1:{record.ports[name]}"

    @property
    def gateway_urls(self) -> list[str]:
        """The base URLs of the gateways that run."""
        return self.settings["GATEWAY_URLS"].split(",")

    def reset(self) -> None:
        """Deletes all data, logs and state of a stack that does not run; raises state.AlreadyRuns."""
        with self.state.held():
            shutil.rmtree(self.state.servers, ignore_errors=True)
            for part in (self.state.run, self.state.logs):
                shutil.rmtree(part, ignore_errors=True)
            self.state.forget()
