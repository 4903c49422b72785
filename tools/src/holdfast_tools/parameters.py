"""`python -m holdfast_tools.parameters` writes docs/parameters.md anew: each value of the protections, out of the code.

It reads sources and runs none: a value stands as it is written there, its reason is the docstring or comment beside it.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs" / "parameters.md"

_SHARED: Final = "shared/src/holdfast"
_COMMAND: Final = "services/command-service/src/command_service"
_GATEWAY: Final = "services/gateway/src/gateway"
SOURCES: Final[Mapping[str, Sequence[str]]] = {
    f"{_SHARED}/resilience/settings.py": (),
    f"{_SHARED}/resilience/deadline.py": ("HOP_SHARE_MS",),
    f"{_SHARED}/resilience/limit.py": (),
    f"{_SHARED}/resilience/protections.py": ("NAIVE_ATTEMPTS", "NAIVE_PAUSE_S", "NAIVE_TIMEOUT_S", "NAIVE_TOTAL_S"),
    f"{_SHARED}/service/settings.py": (),
    f"{_SHARED}/service/connections.py": (
        "SWEEP_S",
        "LINGER_S",
        "LINGER_BYTES",
        "WRITE_STEP_BYTES",
        "REFUSED_AT_ONCE",
        "HOLD_S",
        "EVICTABLE_AFTER_S",
    ),
    f"{_SHARED}/service/request_head.py": ("MAX_TARGET_BYTES", "MAX_HEADERS_BYTES", "MAX_HEADERS", "MAX_HEAD_BYTES"),
    f"{_SHARED}/service/protocol.py": ("MAX_PIPELINED", "SMALL_BODY_BYTES", "SLICE_BYTES"),
    f"{_GATEWAY}/settings.py": (),
    f"{_GATEWAY}/lanes.py": ("LANES", "CLIENT"),
    f"{_GATEWAY}/http/edge.py": ("ANSWER_MS",),
    f"{_GATEWAY}/http/service_places.py": (
        "ANONYMOUS",
        "NEWCOMERS",
        "MODEST_RATE",
        "BUSY_NEWCOMERS",
        "BUSY_PART",
        "CALLER",
    ),
    f"{_GATEWAY}/http/caller_time.py": (
        "LONGEST_CHARGE_S",
        "OTHERS_GONE_S",
        "CALLER_BURST_S",
        "LONGEST_OVERDRAFT_S",
    ),
    f"{_GATEWAY}/forwarding.py": ("RESERVE_S", "RESERVE_SHARE", "SLOW_PACE_S", "HURRY_S"),
    "services/query-service/src/query_service/settings.py": (),
    f"{_COMMAND}/settings.py": (),
    f"{_COMMAND}/handlers/sign_in_attempts.py": (
        "FREE_FAILURES",
        "LONGEST_DELAY_S",
        "FORGOTTEN_AFTER_S",
        "MAX_COUNTERS",
    ),
    f"{_COMMAND}/adapters/credentials.py": ("KNOWN_NETWORKS",),
    f"{_COMMAND}/adapters/turns.py": ("MAX_WAIT_S", "TRUSTED", "OTHERS"),
    f"{_SHARED}/eventstore/connections.py": ("CONNECT_TIMEOUT_S", "CHECKOUT_POOL"),
    f"{_COMMAND}/relay/relay.py": ("ALARM_AFTER_S",),
    f"{_COMMAND}/relay/process.py": ("STANDBY_S",),
    f"{_COMMAND}/settlement/settings.py": (),
    f"{_COMMAND}/maintenance/settings.py": (),
    f"{_SHARED}/messaging/acknowledged.py": ("LATE_S",),
    "services/projector-service/src/projector_service/settings.py": (),
    "services/payment-service/src/payment_service/settings.py": (),
    "load-tests/src/gameday/verdict/bars.py": (),
}
"""Each file that holds some, and which; none named: all that have a reason and are no addresses."""

_NUMBERS: Final = ("int", "float", "bool")
_HEAD: Final = """# Every parameter of the protections, and every bar
Made by `make parameters` from the code, and held equal to it by a test: change the code, not this page. Values stand as
they are written there. Names in capitals out of a service's `settings.py` are environment variables, all others
constants; units are in the names (`_s` seconds, `_ms` milliseconds). Where the values come from:
[RESILIENCE.md](RESILIENCE.md), section 2; addresses, keys and switches: [INTERNALS.md](INTERNALS.md).
"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of a table."""

    name: str
    value: str
    reason: str


class _Source:
    """One file: its statements, and the comments of its lines."""

    def __init__(self, text: str) -> None:
        self.body = ast.parse(text).body
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        self._comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
        self._whole = {number for number in self._comments if text.splitlines()[number - 1].lstrip().startswith("#")}

    def above(self, line: int) -> str:
        """The comment that ends right above a line."""
        first = line
        while first - 1 in self._whole:
            first -= 1
        return " ".join(self._comments[number] for number in range(first, line))

    def beside(self, statement: ast.stmt) -> str:
        """The comments at the ends of a statement's lines."""
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        return " ".join(self._comments[number] for number in lines if number in self._comments)


def parameters(text: str, names: Sequence[str]) -> Iterator[Parameter]:
    """Those of one file, in its order. A comment above several constants in a row is the reason of them all."""
    source = _Source(text)
    group, ended = "", 0
    for statement, after in zip(source.body, [*source.body[1:], None], strict=True):
        if isinstance(statement, ast.ClassDef) and not names:
            yield from _fields(statement)
        name, value = _assigned(statement)
        if value is None or name.startswith("_") or (names and name not in names):
            continue
        if statement.lineno != ended + 1:
            group = ""
        above = source.above(statement.lineno)
        reason = above or source.beside(statement) or _docstring(after) or group
        if above:
            group = f"as `{name}`"
        if reason:
            ended = statement.end_lineno or 0
            yield from _entries(source, name, value, reason)


def _entries(source: _Source, name: str, value: ast.expr, reason: str) -> Iterator[Parameter]:
    """The constant, or each entry of one that is a dict of more than numbers."""
    if not isinstance(value, ast.Dict) or all(isinstance(entry, ast.Constant) for entry in value.values):
        yield Parameter(name, ast.unparse(value), reason)
        return
    for key, entry in zip(value.keys, value.values, strict=True):
        if key is not None:
            yield Parameter(f"{name}[{ast.unparse(key)}]", ast.unparse(entry), source.above(key.lineno) or reason)


def _fields(cls: ast.ClassDef) -> Iterator[Parameter]:
    for field, after in zip(cls.body, [*cls.body[1:], None], strict=True):
        name, value = _assigned(field)
        if not isinstance(field, ast.AnnAssign) or value is None:
            continue
        if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "Field"):
            if reason := _docstring(after):
                yield Parameter(f"{cls.name}.{name}", ast.unparse(value), reason)
        elif ast.unparse(field.annotation) in _NUMBERS and name != "port":
            said = {word.arg: word.value for word in value.keywords}
            yield Parameter(name.upper(), ast.unparse(value.args[0]), ast.literal_eval(said["description"]))


def _assigned(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    match statement:
        case (
            ast.AnnAssign(target=ast.Name(id=name), value=value) | ast.Assign(targets=[ast.Name(id=name)], value=value)
        ):
            return name, value
    return "", None


def _docstring(statement: ast.stmt | None) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
    return ""


def page() -> str:
    """The whole page. Raises LookupError for a name of SOURCES that is not in its file, or has no reason there."""
    parts = [_HEAD]
    for path, names in SOURCES.items():
        found = list(parameters((ROOT / path).read_text(), names))
        missing = [name for name in names if not any(one.name.split("[")[0] == name for one in found)]
        if missing:
            raise LookupError(f"{path} has no {', '.join(missing)} with a reason")
        parts.append(f"\n## [{path}](../{path})\n| parameter | value | meaning and reason |\n|---|---|---|\n")
        parts += [f"| `{one.name}` | `{one.value}` | {_in_one_line(one.reason)} |\n" for one in found]
    return "".join(parts)


def _in_one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Writes the page."""
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
