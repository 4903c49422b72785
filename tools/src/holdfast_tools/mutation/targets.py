"""What is mutated, and which tests have to notice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_RESILIENCE: Final = "shared/src/holdfast/resilience"
_RESILIENCE_TESTS: Final = "shared/tests/resilience"
_LEFT_OUT: Final = frozenset({"settings.py", "__init__.py"})
"""Values that were chosen by measuring, which no unit test has to fix."""


@dataclass(frozen=True, slots=True)
class Target:
    """A module, the tests that are run first, and those that are run if they pass. Paths are relative to the root."""

    module: str
    first: Sequence[str]
    then: Sequence[str]


def targets(root: Path) -> Iterator[Target]:
    """The domain of command-service, the rules of charges, the projection and all of resilience."""
    domain = "services/command-service/src/command_service/domain"
    yield from (Target(module, ["services/command-service/tests/domain"], []) for module in _modules(root, domain))
    charges = "services/payment-service/src/payment_service/domain"
    tests = ["services/payment-service/tests/test_charge_rules.py"]
    yield from (Target(module, tests, []) for module in _modules(root, charges))
    projection = "services/projector-service/src/projector_service/projection.py"
    yield Target(projection, ["services/projector-service/tests/test_projection.py"], [])
    for module in _modules(root, _RESILIENCE):
        own = sorted((root / _RESILIENCE_TESTS).glob(f"test_{Path(module).stem}*.py"))
        yield Target(module, [str(path.relative_to(root)) for path in own], [_RESILIENCE_TESTS])


def _modules(root: Path, folder: str) -> Iterator[str]:
    for path in sorted((root / folder).glob("*.py")):
        if path.name not in _LEFT_OUT:
            yield str(path.relative_to(root))
