"""Faults on the containers of `docker compose up`, each ended by a keeper (expiry.py) that outlives the tool."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from gameday.nemesis import expiry
from gameday.nemesis.engine import Container, Networks, Project, docker
from gameday.nemesis.fault import KNOBS, Fault, Kind, Refused, Suffering, all_or_none, members
from gameday.nemesis.payment import PAYMENT, Knobs, check_part, credential
from gameday.nemesis.record import Entry, Record

_WORDS: Final = {Kind.KILL: "down", Kind.PAUSE: "paused", Kind.SLOW: "slow", Kind.PARTITION: "cut off"}
_TEST_WITHIN_S: Final = 5.0


class DockerFaults:
    """Faults on one compose project (fault.Faults). `directory` is for the record of what is faulted.

    What heals a part looks at the container and not at the record, so that it heals what `docker kill`, `docker pause`
    and `docker network disconnect` did by hand as well.
    """

    def __init__(self, project: Project, directory: Path) -> None:
        self._project = project
        self._record = Record(directory / f"faults-{project.name}")

    def parts(self) -> Sequence[str]:
        return list(self._project.containers())

    def check(self, fault: Fault) -> None:
        self._check(fault)

    def inject(self, fault: Fault) -> None:
        containers = self._check(fault)
        if fault.kind in KNOBS:
            _knobs(containers[PAYMENT]).set(fault)
            return
        with all_or_none(self.lift) as begun, ThreadPoolExecutor(len(containers)) as at_once:
            begun.extend(containers)
            list(at_once.map(lambda part: self._inject(part, containers[part], fault), containers))

    def lift(self, part: str) -> None:
        containers = self._project.containers()
        for name in members(part, list(containers)):
            self._lift(name, containers[name])

    def serves(self, part: str) -> bool:
        containers = self._project.containers()
        networks = self._project.networks()
        return all(self._serves(name, containers[name], networks) for name in members(part, list(containers)))

    def calm(self) -> Sequence[str]:
        lifted, left = [], []
        for name, container in self._project.containers().items():
            try:
                lifted += [name] if self._lift(name, container) else []
            except Refused as error:  # the others are lifted all the same
                left.append(f"{name}: {error}")
        if left:
            raise Refused("; ".join(left))
        return lifted

    def suffering(self) -> Sequence[Suffering]:
        containers, networks = self._project.containers(), self._project.networks()
        found = [self._suffers(name, container, networks) for name, container in containers.items()]
        payment = containers.get(PAYMENT)
        knobs = _knobs(payment).active() if payment and payment.running and not payment.paused else []
        return [one for one in found if one] + knobs

    def _check(self, fault: Fault) -> dict[str, Container]:
        containers = self._project.containers()
        names = members(fault.part, list(containers))
        for name in names:
            if not containers[name].running:
                raise Refused(f"{name} is down, it does not run")
        if fault.kind in KNOBS:
            check_part(fault)
            _knobs(containers[PAYMENT]).check()
        return {name: containers[name] for name in names}

    def _inject(self, part: str, container: Container, fault: Fault) -> None:
        """The keeper is there before the fault is, so that there is no moment at which nobody would end it."""
        entry = Entry(container.id, fault.kind, time.time() + fault.for_s, fault.stopped_share)
        with self._record.held(part):
            self._project.heal(part)
            self._record.write(part, entry)
            try:
                expiry.start(self._project, self._record, part, entry)
                self._do(container, fault.kind)
            except BaseException:
                self._project.heal(part)
                self._record.forget(part)
                raise
            self._record.write(part, replace(entry, ends_at=time.time() + fault.for_s))

    def _do(self, container: Container, kind: Kind) -> None:
        match kind:
            case Kind.KILL:
                docker("kill", container.id)
            case Kind.PAUSE | Kind.SLOW:  # from here on the keeper of a slow one lets it go on and stand still
                docker("pause", container.id)
            case Kind.PARTITION:
                for network in self._project.networks().of(container.service):
                    docker("network", "disconnect", network, container.id)
            case Kind.LATENCY | Kind.ERRORS | Kind.HANG:
                raise AssertionError("the knobs are payment-service's own")

    def _lift(self, part: str, container: Container) -> bool:
        with self._record.held(part):
            entry = self._record.read(part)
            healed = self._project.heal(part)
            self._record.forget(part)
        knobs = part == PAYMENT and _knobs(container).lift()
        return healed or knobs or (entry is not None and entry.container == container.id)

    def _suffers(self, part: str, container: Container, networks: Networks) -> Suffering | None:
        entry = self._record.read(part)
        if entry is not None and entry.container == container.id:
            return Suffering(part, _WORDS[entry.kind], entry.left_s)
        ails = container.ails(networks)
        return None if ails is None else Suffering(part, ails, None)

    def _serves(self, part: str, container: Container, networks: Networks) -> bool:
        if self._suffers(part, container, networks):
            return False
        try:
            docker("exec", container.id, *container.test, timeout_s=_TEST_WITHIN_S)
        except Refused:
            return False
        return part != PAYMENT or not _knobs(container).active()


_KNOBS_CALL: Final = """
import http.client, sys
there = http.client.HTTPConnection("127.0.0.1", 8121, timeout=3)
headers = {"Content-Type": "application/json", sys.argv[2]: sys.argv[3]}
there.request(sys.argv[1], "/faults", sys.stdin.buffer.read() or None, headers)
answer = there.getresponse()
print(answer.status)
sys.stdout.write(answer.read().decode())
"""


def _knobs(container: Container) -> Knobs:
    """The knobs over a command inside the container, since its port is published nowhere."""

    def call(method: str, body: bytes | None) -> tuple[int, bytes]:
        given = b"" if body is None else body
        (header,) = credential().items()
        arguments = ("python", "-c", _KNOBS_CALL, method, *header)
        said = docker("exec", "--interactive", container.id, *arguments, given=given)
        status, _, content = said.partition("\n")
        return int(status), content.encode()

    return Knobs(call)
