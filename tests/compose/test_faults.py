"""What each fault does to containers, and that it ends by itself. The containers have to be up already."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import journeys
from embedded import probes
from gameday.limits import limit_of, memory_limits
from gameday.nemesis.engine import Project
from gameday.nemesis.fault import Fault, Faults, Kind, Refused
from gameday.target import Target, target
from holdfast_tools.shop import Shop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PROCESS_FAULTS = [Kind.KILL, Kind.PAUSE, Kind.SLOW, Kind.PARTITION]


@pytest.fixture(scope="module")
def shop() -> Target:
    return target("docker")


@pytest.fixture
def faults(shop: Target) -> Iterator[Faults]:
    yield shop.faults
    shop.faults.calm()
    eventually(lambda: shop.faults.serves("gateway") and shop.faults.serves("payment"))


def eventually(holds: Callable[[], object], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"did not hold within {within_s} s"
        time.sleep(0.1)


def answered(shop: Target) -> list[bool]:
    """Whether each gateway answers within a second."""
    return [probes.get(int(url.rpartition(":")[2]), "/healthz") is not None for url in shop.gateways]


@pytest.mark.parametrize("kind", [Kind.KILL, Kind.PAUSE, Kind.PARTITION])
def test_a_gateway_does_not_answer_until_the_fault_ends_by_itself(shop: Target, faults: Faults, kind: Kind) -> None:
    assert answered(shop) == [True, True]
    faults.inject(Fault("gateway-1", kind, for_s=6))
    assert sorted(answered(shop)) == [False, True]
    assert not faults.serves("gateway-1")
    assert faults.serves("gateway-2")
    eventually(lambda: faults.serves("gateway"))
    assert answered(shop) == [True, True]
    assert faults.suffering() == []


def test_every_part_tells_how_much_memory_it_holds(shop: Target) -> None:
    limits = memory_limits()
    held = shop.memory()
    assert set(held) == set(shop.faults.parts())
    assert all(1 << 20 < size <= limit_of(part, limits) for part, size in held.items())


def test_a_slow_gateway_gives_fewer_answers_to_a_caller_who_waits_for_each(shop: Target, faults: Faults) -> None:
    def answers_in_two_seconds() -> int:
        ends_at = time.monotonic() + 2
        return sum(all(answered(shop)) for _ in iter(lambda: time.monotonic() < ends_at, False))

    healthy = answers_in_two_seconds()
    faults.inject(Fault("gateway", Kind.SLOW, for_s=60))
    assert 0 < answers_in_two_seconds() < healthy / 2


@pytest.mark.parametrize("kind", PROCESS_FAULTS)
def test_a_fault_ends_though_its_tool_was_killed(faults: Faults, kind: Kind) -> None:
    code = f"""
import time
from gameday.nemesis.engine import Project
from gameday.nemesis.fault import Fault, Kind
from gameday.target import target
target("docker").faults.inject(Fault("payment", Kind.{kind.name}, for_s=6))
print("done", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as tool:
        assert tool.stdout
        assert tool.stdout.readline() == b"done\n"
        tool.send_signal(signal.SIGKILL)
    assert not faults.serves("payment")
    eventually(lambda: faults.serves("payment"))
    assert faults.suffering() == []


@pytest.mark.parametrize("kind", PROCESS_FAULTS)
def test_what_a_killed_keeper_left_is_calmed(faults: Faults, kind: Kind) -> None:
    faults.inject(Fault("payment", kind, for_s=600))
    mine = f"gameday.nemesis.expiry {Project.of_environment().name} .* payment "
    (keeper,) = subprocess.run(["pgrep", "-f", mine], capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["kill", "-9", keeper], check=True)
    assert faults.calm() == ["payment"]
    eventually(lambda: faults.serves("payment"))
    assert faults.calm() == []


async def test_a_payment_that_is_cut_off_is_found_again(shop: Target, faults: Faults) -> None:
    async with Shop(shop.gateways) as client:
        product_id = await journeys.product(client, 10)
        faults.inject(Fault("payment", Kind.PARTITION, for_s=600))
        token = await journeys.with_cart(client, product_id)
        answer = await client.call("POST", "/api/checkout", token=token, body=journeys.CARD)
        assert answer.status == 202
        faults.lift("payment")
        assert (await journeys.settled(client, token, answer.body["order_id"]))["status"] == "paid"


async def test_a_payment_that_hangs_lets_checkouts_be_settled_later(shop: Target, faults: Faults) -> None:
    async with Shop(shop.gateways) as client:
        token = await journeys.with_cart(client, await journeys.product(client, 10))
        faults.inject(Fault("payment", Kind.HANG, for_s=6))
        answer = await client.call("POST", "/api/checkout", token=token, body=journeys.CARD)
        assert answer.status == 202
        assert (await journeys.settled(client, token, answer.body["order_id"]))["status"] == "paid"


def test_what_was_hurt_by_hand_is_calmed(faults: Faults) -> None:
    subprocess.run(["make", "kill", "NAME=relay", "ON=docker"], check=True, capture_output=True)
    faults.inject(Fault("query", Kind.PAUSE, for_s=600))
    assert {(one.part, one.what) for one in faults.suffering()} == {
        ("relay", "down"), ("query-1", "paused"), ("query-2", "paused"),
    }  # fmt: skip
    assert set(faults.calm()) == {"relay", "query-1", "query-2"}


@pytest.mark.parametrize(
    ("part", "kind", "says"),
    [
        ("nobody", Kind.KILL, "there is no part 'nobody'; there are command-1, "),
        ("gateway-1", Kind.HANG, "hang is a knob of payment, gateway-1 has none"),
    ],
)
def test_what_is_impossible_is_refused_before_anything_is_done(
    faults: Faults, part: str, kind: Kind, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        faults.inject(Fault(part, kind, for_s=1))
    assert faults.suffering() == []


def test_what_is_down_cannot_be_paused(faults: Faults) -> None:
    faults.inject(Fault("relay", Kind.KILL, for_s=600))
    with pytest.raises(Refused, match="relay is down, it does not run"):
        faults.inject(Fault("relay", Kind.PAUSE, for_s=1))


def test_the_audit_is_clean_after_all_of_it(shop: Target) -> None:
    result = shop.audit(Path("no-acks"), wait_s=120)
    assert result.differences == 0, result.text
    assert "nothing is left to settle or to publish" in [row.claim for row in result.table]
