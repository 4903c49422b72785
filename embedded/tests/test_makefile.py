"""`make` alone says what there is, and a task that lacks its variable says which."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_make_alone_lists_every_task_with_one_line() -> None:
    listed = set(re.findall(r"^  make (\S+) +\S", make().stdout, re.MULTILINE))
    declared = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed == {name for line in declared for name in line.split()} - {"help"}


@pytest.mark.parametrize("task", ["logs", "kill", "pause", "resume", "start", "slow", "partition", "topic", "index"])
def test_a_task_about_one_part_wants_its_name(task: str) -> None:
    refused = make(task)
    assert refused.returncode != 0
    assert "NAME is missing; for example: make " in refused.stderr


@pytest.mark.parametrize(("given", "missing"), [((), "OLD"), (("OLD=main",), "NEW"), (("NEW=HEAD",), "OLD")])
def test_a_comparison_wants_both_commits(given: tuple[str, ...], missing: str) -> None:
    refused = make("compare-cpu", *given)
    assert refused.returncode != 0
    assert f"{missing} is missing; for example: make compare-cpu " in refused.stderr


def test_there_are_two_ways_to_run_and_no_third() -> None:
    assert 'ON is local or docker, not "moon"' in make("audit", "ON=moon").stderr
    assert "docker compose run --rm tools holdfast-audit" in make("--dry-run", "audit", "ON=docker").stdout
    assert "holdfast run holdfast-audit" in make("--dry-run", "audit").stdout


@pytest.mark.parametrize("on", ["local", "docker"])
def test_what_hurts_and_heals_takes_the_same_words_on_both(on: str) -> None:
    def command(*words: str) -> str:
        done = make("--dry-run", *words, f"ON={on}").stdout
        return " ".join(done.split()).removeprefix(".venv/bin/holdfast-fault ")

    assert command("kill", "NAME=kafka") == f"kill kafka --on {on}"
    assert command("pause", "NAME=query", "FOR=5") == f"pause query --on {on} --for 5"
    assert command("latency", "MS=300") == f"latency payment --on {on} --ms 300"
    assert command("hang", "PERCENT=50") == f"hang payment --on {on} --percent 50"
    assert command("start", "NAME=kafka") == command("resume", "NAME=kafka") == f"lift kafka --on {on}"
    assert command("calm") == f"calm --on {on}"
