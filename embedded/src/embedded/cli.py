"""The command `holdfast`: the stack on this machine without Docker."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from embedded import fetch, places, ports, progress, screen, services
from embedded.artifacts import FetchFailed
from embedded.control import NotRunning
from embedded.demo import greet, load_catalogue
from embedded.part import Refused
from embedded.places import NoPlace
from embedded.ports import PortTaken
from embedded.stack import NotReady, Stack
from embedded.state import AlreadyRuns, StateDirectory
from embedded.supervisor import Supervisor
from embedded.up import up

_EXPECTED = (AlreadyRuns, NotRunning, NotReady, Refused, PortTaken, FetchFailed, NoPlace)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command; what goes wrong as foreseen is one line on stderr and exit code 1."""
    parser = _parser()
    options, more = parser.parse_known_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    if more and command is not _psql:
        parser.error(f"unknown arguments: {' '.join(more)}")
    options.more = more
    try:
        command(options)
    except _EXPECTED as error:
        sys.exit(f"holdfast: {error}")
    except BrokenPipeError:
        sys.stderr.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="holdfast", description="The shop and its servers as processes of this machine."
    )
    parser.set_defaults(command=lambda _: parser.print_help())
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(command=command)
        made.add_argument("--state", type=Path, metavar="DIR", help="default: HOLDFAST_STATE, else .holdfast")
        return made

    starting = add("up", _up, "start everything and serve until Ctrl-C")
    starting.add_argument("--detach", action="store_true", help="serve in the background until `holdfast down`")
    starting.add_argument("--while-pid", type=int, metavar="PID", help="end when that process ends")
    demo = add("demo", _demo, "start everything, load the catalogue, say where it is, serve until Ctrl-C")
    starting.add_argument("--only", type=_names, default=services.NAMES, metavar="NAME,…", help="only these processes")
    for made in (starting, demo):
        made.add_argument(
            "--ports",
            type=_ports,
            default=os.environ.get("HOLDFAST_PORTS", ""),
            metavar="NAME=PORT,…",
            help="fixed ports; default: HOLDFAST_PORTS, else the usual ones or free ones",
        )
    add("down", _down, "end everything; data stay")
    add("status", _status, "a table of all processes")
    logs = add("logs", _logs, "the end of one process's log")
    logs.add_argument("name", metavar="NAME")
    logs.add_argument("-n", "--lines", type=int, default=50, help="default: 50")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    for name, command, text in (
        ("kill", lambda o: _stack(o).kill(o.name, o.for_s), "kill a process; it stays down until `start`"),
        ("pause", lambda o: _stack(o).pause(o.name, o.for_s), "stop a process in its tracks until `resume`"),
        ("slow", lambda o: _stack(o).slow(o.name, o.percent / 100, o.for_s), "slow a process down until `resume`"),
    ):
        made = add(name, command, text)
        made.add_argument("name", metavar="NAME")
        made.add_argument("--for", dest="for_s", type=float, metavar="SECONDS", help="lift the fault by itself then")
        if name == "slow":
            made.add_argument("--percent", type=float, default=80, help="share of the time it stands still (80)")
    for name, command, text in (
        ("resume", lambda o: _stack(o).resume(o.name), "let a paused or slow process go on"),
        ("start", lambda o: _stack(o).start_process(o.name), "start a process that is down"),
        ("partition", _docker_only, "cut a process off the network (Docker only)"),
        ("delay", _docker_only, "delay a process's network (Docker only)"),
    ):
        add(name, command, text).add_argument("name", metavar="NAME")
    add("calm", _calm, "lift all faults and start what is down")
    add("reset", _reset, "delete all data of a stack that is down")
    add("fetch", _fetch, "download the servers' programs; `up` does it by itself")
    add("psql", _psql, "PostgreSQL's prompt; takes psql's arguments")
    running = add("run", _run, "run a command with the stack's addresses in its environment")
    running.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND …")
    return parser


def _names(text: str) -> tuple[str, ...]:
    names = tuple(filter(None, text.split(",")))
    for name in names:
        if name not in services.NAMES:
            raise argparse.ArgumentTypeError(f"there is no {name!r}; there are {', '.join(services.NAMES)}")
    return names


def _ports(text: str) -> dict[str, int]:
    try:
        return ports.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _stack(options: argparse.Namespace) -> Stack:
    return Stack(options.state)


def _state(options: argparse.Namespace) -> StateDirectory:
    return StateDirectory(places.state_dir(options.state))


def _not_held(options: argparse.Namespace) -> StateDirectory:
    """The state directory, refused before a word is said when a stack runs in it."""
    state = _state(options)
    if state.is_held():
        raise AlreadyRuns(f"a stack runs already in {state.path}; `holdfast down` ends it")
    return state


def _up(options: argparse.Namespace) -> None:
    if options.detach:
        _up_in_background(options)
        return

    async def ready(supervisor: Supervisor, seconds: float) -> None:
        await screen.tell_ready(supervisor, seconds)

    state = _not_held(options)
    print(f"starting {len(options.only)} processes; logs are in {state.logs}", flush=True)
    up(state, options.only, options.ports, progress.bar, ready, options.while_pid)


def _up_in_background(options: argparse.Namespace) -> None:
    _not_held(options)
    fetch.fetch(progress.bar)
    stack = Stack(options.state, processes=options.only, ports=options.ports)
    stack.start()
    screen.print_status(stack.status())


def _demo(options: argparse.Namespace) -> None:
    async def ready(supervisor: Supervisor, seconds: float) -> None:
        await screen.tell_ready(supervisor, seconds)
        urls = Stack(options.state).gateway_urls
        await load_catalogue(urls)
        greet(urls)

    state = _not_held(options)
    print("starting the shop and its servers; Ctrl-C ends it", flush=True)
    up(state, services.NAMES, options.ports, progress.bar, ready)


def _down(options: argparse.Namespace) -> None:
    stack = _stack(options)
    if not stack.state.is_held():
        raise NotRunning(f"no stack runs in {stack.state.path}")
    stack.stop()


def _status(options: argparse.Namespace) -> None:
    screen.print_status(_stack(options).status())


def _logs(options: argparse.Namespace) -> None:
    log = _state(options).logs / f"{options.name}.log"
    if not log.exists():
        known = sorted(path.stem for path in log.parent.glob("*.log"))
        raise Refused(f"{options.name} has no log; these have: {', '.join(known) or 'none yet'}")
    screen.print_log(log, options.lines, options.follow)


def _docker_only(_options: argparse.Namespace) -> None:
    raise Refused("local processes share one network: partition and delay need Docker; kill, pause and slow work here")


def _calm(options: argparse.Namespace) -> None:
    print(", ".join(_stack(options).calm()) or "nothing was faulted or down")


def _reset(options: argparse.Namespace) -> None:
    _stack(options).reset()


def _fetch(_options: argparse.Namespace) -> None:
    programs = fetch.fetch(progress.bar)
    print(f"the servers' programs are in {programs.elasticsearch_home.parent}")


def _psql(options: argparse.Namespace) -> None:
    psql = fetch.fetch(progress.bar).postgres_bin / "psql"
    _become([str(psql), _stack(options).settings["POSTGRES_DSN"], *options.more], {})


def _run(options: argparse.Namespace) -> None:
    if not options.arguments:
        raise Refused("run what? For example: holdfast run holdfast-audit")
    acknowledgements = {"ACKS_PATH": str(_state(options).acknowledgements)}
    _become(options.arguments, {**acknowledgements, **_stack(options).settings})


def _become(command: list[str], settings: dict[str, str]) -> None:
    """Replaces this process; commands of the project's environment are found without it being activated."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    try:
        os.execvpe(command[0], command, {**os.environ, **settings, "PATH": path})
    except OSError as error:
        raise Refused(f"{command[0]} cannot be run: {error.strerror}") from error
