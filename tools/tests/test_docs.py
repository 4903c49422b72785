"""What the documents name is there: files, headings, tasks, commands, log events and metrics."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.experiments import catalogue

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OPERATIONS = sorted((ROOT / "docs" / "operations").glob("*.md"))
SOURCES = [path for part in ("shared/src", "services", "load-tests/src") for path in (ROOT / part).rglob("*.py")]

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`[^`]+`")
PLAIN = {"holdfast-admin"}  # the demo password, no command
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def named(document: Path) -> str:
    """Of a document all that is set as code."""
    text = document.read_text()
    return "\n".join([*_FENCED.findall(text), *_INLINE.findall(_FENCED.sub("", text))])


def headings(document: Path) -> set[str]:
    """A document's anchors, as GitHub makes them."""
    lines = re.findall(r"^#+ (.*)$", _FENCED.sub("", document.read_text()), re.MULTILINE)
    shown = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line) for line in lines]
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in shown}


def links(document: Path) -> Iterator[tuple[str, Path, str]]:
    """(as written, file, anchor) of each link to a file of this project."""
    for link in _LINK.findall(_INLINE.sub("", _FENCED.sub("", document.read_text()))):
        if not link.startswith(("http://", "https://")):
            path, _, anchor = link.partition("#")
            yield link, (document.parent / path).resolve() if path else document, anchor


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = [
        link for link, path, anchor in links(document) if not path.exists() or (anchor and anchor not in headings(path))
    ]
    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_task_of_make_exists(document: Path) -> None:
    tasks = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", named(document))) <= tasks


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_experiment_exists(document: Path) -> None:
    assert set(re.findall(r"\bEXPERIMENT=([\w-]+)", named(document))) <= set(catalogue.names())


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_exists(document: Path) -> None:
    projects = "\n".join(path.read_text() for path in ROOT.glob("**/pyproject.toml") if ".venv" not in path.parts)
    commands = set(re.findall(r"^(holdfast-[a-z]+) = ", projects, re.MULTILINE))
    assert set(re.findall(r"(?<![\w/.-])(holdfast-[a-z]+)\b(?![-/_])", named(document))) <= commands | PLAIN


@pytest.mark.parametrize("document", OPERATIONS, ids=name_of)
def test_every_log_event_and_metric_of_an_operators_page_is_in_the_code(document: Path) -> None:
    code = "\n".join(path.read_text() for path in SOURCES)
    words = set(re.findall(r"(?<![\w./=<-])[a-z]+(?:_[a-z0-9]+)+\b(?![./(-])", named(document)))
    unknown = {word for word in words if not re.search(_in_code(word), code)}
    assert not unknown


def _in_code(word: str) -> str:
    """A counter's name is written without _total, the relay's metrics without holdfast_."""
    return rf"\b(holdfast_)?{word.removeprefix('holdfast_').removesuffix('_total')}(_total)?\b"


def test_each_operators_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "operations" / "README.md"
    assert {path for _, path, _ in links(index)} >= set(OPERATIONS) - {index}


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers))
