"""Every part has the memory limit of its compose service, and Docker's sizes are read as bytes."""

from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from embedded.services import NAMES
from gameday.limits import limit_of, memory_limits
from gameday.nemesis.engine import in_bytes, service_of
from gameday.target import ROOT


@pytest.mark.parametrize("part", NAMES)
def test_every_part_has_a_limit(part: str) -> None:
    written = yaml.safe_load(Path(ROOT / "docker-compose.yml").read_text())["services"][service_of(part)]["mem_limit"]
    assert limit_of(part, memory_limits()) == int(written.removesuffix("m")) << 20


@pytest.mark.parametrize(
    ("part", "service"),
    [
        ("command-2", "command-service"),
        ("gateway-1", "gateway"),
        ("relay", "outbox-relay"),
        ("payment-3", "payment-service"),
    ],
)
def test_a_part_belongs_to_its_service_also_as_one_of_several(part: str, service: str) -> None:
    assert service_of(part) == service


@pytest.mark.parametrize(
    ("text", "size"), [("0B", 0), ("512KiB", 512 << 10), ("81.5MiB", int(81.5 * 2**20)), ("1.25GiB", 5 << 28)]
)
def test_dockers_sizes_are_bytes(text: str, size: int) -> None:
    assert in_bytes(text) == size
