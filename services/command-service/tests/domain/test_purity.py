import ast
import sys
from pathlib import Path

import command_service.domain


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_the_domain_imports_the_standard_library_and_itself_only() -> None:
    files = list(Path(command_service.domain.__file__).parent.glob("*.py"))
    assert len(files) > 8
    foreign = {
        f"{path.name}: {name}"
        for path in files
        for name in _imported(path)
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith("command_service.domain")
    }
    assert foreign == set()
