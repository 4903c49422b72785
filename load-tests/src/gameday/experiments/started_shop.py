"""A shop for experiments where none runs: local processes, started for them and ended after."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.stack import NotReady, Stack
from gameday.nemesis.fault import Refused
from gameday.target import ROOT


@contextmanager
def own_shop(on: str, wanted: bool) -> Iterator[None]:
    """Starts a shop with the catalogue in it if one is wanted and none runs. Raises Refused."""
    stack = Stack(env={"FAULTS_ENABLED": "true"}, tied_to=os.getpid())
    if on != "local" or not wanted or stack.state.is_held():
        yield
        return
    print("no shop runs here: starting one, about a minute", flush=True)
    try:
        stack.start()
    except NotReady as error:
        stack.stop()
        raise Refused(f"the shop does not start: {error}") from error
    try:
        _load_catalogue(stack)
        yield
    finally:
        print("ending the shop", flush=True)
        stack.stop()


def _load_catalogue(stack: Stack) -> None:
    loader = Path(sys.executable).parent / "holdfast-catalogue"
    command = [str(loader), "--url", ",".join(stack.gateway_urls)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise Refused(f"the catalogue could not be loaded: {said}")
