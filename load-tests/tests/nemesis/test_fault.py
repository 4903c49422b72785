"""Numbers out of their range, and names of parts, groups and neither."""

from math import inf, nan
from typing import Any

import pytest

from gameday.nemesis.fault import Fault, Kind, Refused, all_or_none, members

PARTS = ["payment", "query-1", "query-2", "query-10"]


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"for_s": 0}, "at most 3600 s, not 0"),
        ({"for_s": -1}, "not -1"),
        ({"for_s": nan}, "not nan"),
        ({"for_s": inf}, "not inf"),
        ({"for_s": 3600.1}, "not 3600.1"),
        ({"kind": Kind.SLOW, "stopped_share": 0}, "not 0"),
        ({"kind": Kind.SLOW, "stopped_share": 1}, "not 1"),
        ({"kind": Kind.LATENCY}, "1 to 60000 ms, not 0"),
        ({"kind": Kind.LATENCY, "latency_ms": 60_001}, "not 60001"),
        ({"kind": Kind.HANG, "percent": 0}, "at most 100 percent of the calls, not 0"),
        ({"kind": Kind.ERRORS, "percent": 101}, "not 101"),
    ],
)
def test_a_number_out_of_its_range_is_refused(numbers: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        Fault(**{"part": "payment", "kind": Kind.KILL, "for_s": 1, **numbers})


def test_a_group_is_its_numbered_replicas_and_a_part_is_itself() -> None:
    assert members("query", PARTS) == ["query-1", "query-2", "query-10"]
    assert members("query-1", PARTS) == ["query-1"]
    assert members("payment", PARTS) == ["payment"]


@pytest.mark.parametrize("name", ["", "quer", "query-", "query-3", "payment-1", "."])
def test_what_is_neither_is_refused_with_all_there_are(name: str) -> None:
    with pytest.raises(Refused, match=r"there are payment, query-1, query-2, query-10, query$"):
        members(name, PARTS)


def test_a_refusal_in_the_middle_lifts_what_was_done() -> None:
    lifted: list[str] = []

    def hurt_two_then_refuse() -> None:
        with all_or_none(lifted.append) as done:
            done += ["query-1", "query-2"]
            raise Refused("query-10 is down")

    with pytest.raises(Refused, match="query-10"):
        hurt_two_then_refuse()
    assert lifted == ["query-1", "query-2"]
