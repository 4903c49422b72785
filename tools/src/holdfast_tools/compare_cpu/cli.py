"""The command line: arguments, signals, exit codes."""

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

from holdfast_tools.command_line import DATA, positive
from holdfast_tools.compare_cpu import proc, report
from holdfast_tools.compare_cpu.comparison import Plan, compare, ratios, say
from holdfast_tools.compare_cpu.errors import Refused, RoundFailed, TimeUp
from holdfast_tools.compare_cpu.journeys import JOURNEYS, Journey
from holdfast_tools.compare_cpu.revisions import REPOSITORY, commit_of
from holdfast_tools.compare_cpu.stack import Stack, temporary_directory
from holdfast_tools.compare_cpu.statistics import exit_code, verdict
from holdfast_tools.retail import read_month

_NAME = "compare-cpu"
_LONGEST_MINUTES = 24 * 60
_WIDEST_BAR = 10
_PRODUCTS = 200
_LABELS = ("OLD", "NEW")
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_REFUSED, _INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all PASS, 1: one FAIL, 2: INCONCLUSIVE or refused, 130: interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return _compare(options)
    except (Refused, RoundFailed) as error:
        print(f"{_NAME}: {error}", file=sys.stderr)
        return _REFUSED
    except TimeUp:
        print(f"{_NAME}: the time was over before anything was measured", file=sys.stderr)
        return _REFUSED
    except KeyboardInterrupt:
        print(f"{_NAME}: interrupted", file=sys.stderr)
        return _INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(_REFUSED, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_NAME,
        description="Compare the CPU time of one request of each journey between two commits.",
        epilog="Exit code: 0 all PASS, 1 one FAIL, 2 INCONCLUSIVE or refused, 130 interrupted.",
    )
    parser.add_argument("old", metavar="OLD", help="a git revision")
    parser.add_argument("new", metavar="NEW", help="a git revision; . or WORKTREE for the files as they are")
    parser.add_argument("--bar", type=_bar, default=1.05, help="the highest ratio NEW/OLD that passes (1.05)")
    parser.add_argument(
        "--journeys", type=_journeys, default=list(JOURNEYS.values()), metavar="NAME,...", help=", ".join(JOURNEYS)
    )
    parser.add_argument("--rounds", type=_rounds, help="rounds of each commit; default: 6 or more, as the bar needs")
    parser.add_argument("--minutes", type=_minutes, default=30.0, help="the longest that all may take (30)")
    parser.add_argument("--seed", type=int, default=1, help="of the calls and of the bootstrap (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to this file")
    return parser


def _bar(text: str) -> float:
    return _number(text, 1, _WIDEST_BAR)


def _minutes(text: str) -> float:
    return _number(text, 0, _LONGEST_MINUTES)


def _number(text: str, above: float, up_to: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = above
    if not above < value <= up_to:  # which also refuses NaN
        raise argparse.ArgumentTypeError(f"{text!r} is no number above {above:g} and up to {up_to:g}")
    return value


def _rounds(text: str) -> int:
    if (value := positive(text)) < 2:
        raise argparse.ArgumentTypeError("an interval needs at least 2 rounds of each commit")
    return value


def _journeys(text: str) -> list[Journey]:
    names = dict.fromkeys(filter(None, text.split(",")))
    unknown = ", ".join(repr(name) for name in names if name not in JOURNEYS)
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"there is no journey {unknown or repr(text)}; there are {', '.join(JOURNEYS)}"
        )
    return [JOURNEYS[name] for name in names]


def _compare(options: argparse.Namespace) -> int:
    if options.json is not None and not options.json.resolve().parent.is_dir():
        raise Refused(f"{options.json}: there is no such directory")
    commits = [commit_of(revision) for revision in (options.old, options.new)]
    if running := proc.gateways():
        raise Refused(f"another shop runs on this machine (gateway, pid {running[0]}) and would disturb; end it first")
    month = read_month(REPOSITORY / DATA)
    best = sorted(month.products, key=lambda product: (-product.available, product.product_id))
    products = [product.product_id for product in best[:_PRODUCTS]]
    plan = Plan(options.journeys, products, options.bar, options.rounds, options.seed)
    with _signals(options.minutes * 60), ExitStack() as cleanup, _then_uninterrupted():
        home = cleanup.enter_context(temporary_directory())
        old, new = (Stack(label, commit, home / label.lower()) for label, commit in zip(_LABELS, commits, strict=True))
        for stack in (old, new):
            say(f"setting up {stack.label}, {stack.commit[:12]}")
            cleanup.enter_context(stack.installed())
        pairs = compare((old, new), plan)
    return _conclude(options, commits, plan, pairs)


@contextmanager
def _signals(limit_s: float) -> Iterator[None]:
    """Raises KeyboardInterrupt in this thread at the first signal to end, and TimeUp after `limit_s`."""

    def interrupt(*_: Any) -> None:
        _ignore_signals()
        raise KeyboardInterrupt

    def time_up(*_: Any) -> None:
        raise TimeUp

    handlers = {**dict.fromkeys(_ENDING, interrupt), signal.SIGALRM: time_up}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _then_uninterrupted() -> Iterator[None]:
    """After its block nothing interrupts what ends and removes things."""
    try:
        yield
    finally:
        _ignore_signals()


def _ignore_signals() -> None:
    """By a handler, since children would inherit SIG_IGN."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in _ENDING:
        signal.signal(number, lambda *_: None)


def _conclude(options: argparse.Namespace, commits: Sequence[str], plan: Plan, pairs: Sequence[report.Pair]) -> int:
    if len(pairs) < 2:
        raise Refused(f"{len(pairs)} of at least 2 rounds of each commit are complete: no result")
    found = ratios(pairs, plan)
    verdicts = {name: verdict(one, plan.bar) for name, one in found.items()}
    print(report.table(pairs, found, verdicts, plan.bar))
    if options.json is not None:
        facts = {"old": commits[0], "new": commits[1], "bar": plan.bar, "seed": plan.seed}
        options.json.write_text(json.dumps(report.document(facts, pairs, found, verdicts), indent=1) + "\n")
    return exit_code(list(verdicts.values()))
