"""Shoppers who come by a schedule, at the whole shop: the mix is kept, and all they were promised holds."""

from collections import Counter
from pathlib import Path

import pytest

from driving import driven
from gameday.workload.mix import MIX, percents
from gameday.workload.schedule import poisson
from holdfast_tools.acks import read_acks
from running import EmbeddedShop, assert_audit_is_clean

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_a_short_run_keeps_its_plan_and_passes_the_audit(shop: EmbeddedShop, tmp_path: Path) -> None:
    rate, seconds, seed = 20.0, 12.0, 5
    with driven(shop, tmp_path / "run", rate, seconds, "--seed", str(seed)) as load:
        pass
    plan = Counter(arrival.step.journey for arrival in poisson(rate, seconds, seed, MIX))
    assert Counter(record.journey for record in load.requests) == plan, str(load)
    assert load.described["planned"] == load.described["sent"] == plan.total()
    assert set(plan) == set(percents(MIX))
    # How many are lost says how busy the machine is; test_replica_faults judges that. The audit needs something to see.
    acks = tmp_path / "run" / "acks.jsonl"
    assert {ack.kind for ack in read_acks(acks)} == {"order", "cancel"}, str(load)
    assert_audit_is_clean(shop, acks)
