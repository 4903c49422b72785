"""One mutant on trial: its change is made in a copy of the project, and the tests are run there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from holdfast_tools.mutation.mutants import Mutant, mutated
from holdfast_tools.mutation.targets import Target

_LIMIT_S: Final = 120.0
_TEST_LIMIT_S: Final = 20
_NO_TESTS: Final = 5


class TestsFail(Exception):
    """The tests fail without a mutant, or pass with one that breaks the module: they cannot be trusted."""

    __test__ = False


class Copy:
    """A copy of all that git knows below `root`, whose modules are imported instead of the installed ones."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path
        self._passed: set[tuple[str, ...]] = set()
        files = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout
        for name in filter(None, files.decode().split("\0")):
            if (root / name).is_file() and not name.startswith("data/"):
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, path / name)
        (path / "data").symlink_to(root / "data")

    def kills(self, mutant: Mutant, target: Target) -> bool:
        """Whether a test fails with the mutant. What never ends has failed."""
        module = self.path / mutant.module
        source = module.read_text()
        module.write_text(mutated(source, mutant))
        try:
            return not (self._pass(target.first) and self._pass(target.then))
        finally:
            module.write_text(source)

    def check(self, target: Target) -> None:
        """Raises TestsFail unless the tests pass as the code is and fail when the module cannot be imported."""
        for tests in (tuple(target.first), tuple(target.then)):
            if tests not in self._passed and not self._pass(tests):
                raise TestsFail(f"the tests of {target.module} fail without a mutant")
            self._passed.add(tests)
        module = self.path / target.module
        source = module.read_text()
        module.write_text("raise ImportError('planted')\n")
        try:
            if self._pass(target.first) and self._pass(target.then):
                raise TestsFail(f"the tests of {target.module} pass without it: they import another one")
        finally:
            module.write_text(source)

    def _pass(self, tests: Sequence[str]) -> bool:
        if not tests:
            return True
        options = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout", str(_TEST_LIMIT_S))
        command = (sys.executable, "-m", "pytest", *options, *tests)
        try:
            done = subprocess.run(
                command, cwd=self.path, env=self._environment(), capture_output=True, timeout=_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _environment(self) -> Mapping[str, str]:
        sources = sorted(str(path) for path in [*self.path.glob("*/src"), *self.path.glob("services/*/src")])
        return {**os.environ, "PYTHONPATH": os.pathsep.join(sources), "PYTHONDONTWRITEBYTECODE": "1"}
