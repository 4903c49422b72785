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


@pytest.mark.parametrize("task", ["logs", "kill", "pause", "resume", "start", "slow", "topic", "index"])
def test_a_task_about_one_part_wants_its_name(task: str) -> None:
    refused = make(task)
    assert refused.returncode != 0
    assert "NAME is missing; for example: make " in refused.stderr


def test_there_are_two_ways_to_run_and_no_third() -> None:
    assert 'ON is local or docker, not "moon"' in make("audit", "ON=moon").stderr
    assert "docker compose run --rm tools holdfast-audit" in make("--dry-run", "audit", "ON=docker").stdout
    assert "holdfast run holdfast-audit" in make("--dry-run", "audit").stdout
