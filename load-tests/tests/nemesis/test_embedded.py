"""What each fault does to local processes, and that it ends by itself: payment-service and two gateways, all real."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from embedded import probes
from embedded.stack import Stack
from gameday.nemesis.embedded import EmbeddedFaults
from gameday.nemesis.fault import Fault, Kind, Refused
from holdfast.testing.credentials import AsService

SOON_S = 30.0
VISA = {"amount": 500, "currency": "GBP", "payment_token": "tok_visa"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("faults")
    with Stack(state, processes=["payment", "gateway-1", "gateway-2"], tied_to=os.getpid()) as running:
        yield running


@pytest.fixture
def faults(stack: Stack) -> Iterator[EmbeddedFaults]:
    yield EmbeddedFaults(stack)
    EmbeddedFaults(stack).calm()
    eventually(lambda: EmbeddedFaults(stack).serves("payment") and EmbeddedFaults(stack).serves("gateway"))


def eventually(holds: Callable[[], object], within_s: float = SOON_S) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"did not hold within {within_s} s"
        time.sleep(0.02)


CHARGING = AsService("command-service", "payment-service")


def get(stack: Stack, part: str, timeout_s: float = SOON_S) -> float:
    """Seconds until the part has answered."""
    began = time.monotonic()
    assert httpx.get(f"{stack.url(part)}/healthz", timeout=timeout_s, trust_env=False, verify=False).status_code == 200
    return time.monotonic() - began


def charge(stack: Stack, order: str, timeout_s: float = SOON_S) -> httpx.Response:
    url = f"{stack.url('payment')}/charges/018f0000-0000-7000-8000-{order:0>12}"
    return httpx.put(url, json=VISA, timeout=timeout_s, trust_env=False, verify=False, auth=CHARGING)


def test_a_killed_part_does_not_answer_and_comes_back_by_itself(stack: Stack, faults: EmbeddedFaults) -> None:
    faults.inject(Fault("payment", Kind.KILL, for_s=1))
    with pytest.raises(httpx.ConnectError):
        get(stack, "payment")
    assert not faults.serves("payment")
    eventually(lambda: faults.serves("payment"))
    get(stack, "payment")


def test_a_paused_part_hangs_until_its_time_is_over(stack: Stack, faults: EmbeddedFaults) -> None:
    faults.inject(Fault("payment", Kind.PAUSE, for_s=1.5))
    with pytest.raises(httpx.ReadTimeout):
        get(stack, "payment", timeout_s=0.3)
    assert not faults.serves("payment")
    assert get(stack, "payment") > 0.5
    eventually(lambda: faults.serves("payment"))


def test_a_slow_part_gives_fewer_answers_to_a_caller_who_waits_for_each(stack: Stack, faults: EmbeddedFaults) -> None:
    def answers_in_a_second() -> int:
        ends_at, port = time.monotonic() + 1, int(stack.url("payment").rpartition(":")[2])
        return sum(probes.get(port, "/healthz") is not None for _ in iter(lambda: time.monotonic() < ends_at, False))

    healthy = answers_in_a_second()
    faults.inject(Fault("payment", Kind.SLOW, for_s=30, stopped_share=0.8))
    assert 0 < answers_in_a_second() < healthy / 2
    assert not faults.serves("payment")


def test_a_group_is_all_its_replicas_at_once(stack: Stack, faults: EmbeddedFaults) -> None:
    faults.inject(Fault("gateway", Kind.KILL, for_s=1))
    for part in ("gateway-1", "gateway-2"):
        with pytest.raises(httpx.ConnectError):
            get(stack, part)
    eventually(lambda: faults.serves("gateway"))


def test_a_group_of_which_one_is_down_is_left_alone(stack: Stack, faults: EmbeddedFaults) -> None:
    faults.inject(Fault("gateway-2", Kind.KILL, for_s=60))
    with pytest.raises(Refused, match="gateway-2 is down, it does not run"):
        faults.inject(Fault("gateway", Kind.PAUSE, for_s=60))
    assert faults.serves("gateway-1")


def test_errors_latency_and_hang_strike_charges_beside_each_other(stack: Stack, faults: EmbeddedFaults) -> None:
    faults.inject(Fault("payment", Kind.ERRORS, for_s=60))
    assert charge(stack, "1").status_code == 500
    faults.inject(Fault("payment", Kind.LATENCY, for_s=60, latency_ms=300))
    began = time.monotonic()
    assert charge(stack, "2").status_code == 500
    assert time.monotonic() - began > 0.3
    faults.inject(Fault("payment", Kind.HANG, for_s=60))
    with pytest.raises(httpx.ReadTimeout):
        charge(stack, "3", timeout_s=0.6)
    assert {one.what for one in faults.suffering()} == {"errors", "latency", "hang"}
    assert not faults.serves("payment")
    faults.lift("payment")
    assert charge(stack, "4").status_code == 200
    assert faults.serves("payment")


def test_a_knob_strikes_its_share_of_the_calls(stack: Stack, faults: EmbeddedFaults) -> None:
    faults.inject(Fault("payment", Kind.ERRORS, for_s=60, percent=50))
    answers = {charge(stack, str(order)).status_code for order in range(100, 120)}
    assert answers == {200, 500}


def test_a_knob_ends_by_itself(stack: Stack, faults: EmbeddedFaults) -> None:
    faults.inject(Fault("payment", Kind.HANG, for_s=0.5))
    assert charge(stack, "5").status_code == 200
    assert faults.serves("payment")


@pytest.mark.parametrize("kind", [Kind.KILL, Kind.PAUSE, Kind.SLOW, Kind.HANG])
def test_a_fault_ends_though_its_tool_was_killed(stack: Stack, faults: EmbeddedFaults, kind: Kind) -> None:
    code = f"""
import sys, time
from pathlib import Path
from embedded import probes
from embedded.stack import Stack
from gameday.nemesis.embedded import EmbeddedFaults
from gameday.nemesis.fault import Fault, Kind
from holdfast.testing.credentials import AsService
EmbeddedFaults(Stack(Path(sys.argv[1]))).inject(Fault("payment", Kind.{kind.name}, for_s=1))
print("done", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code, str(stack.state.path)], stdout=subprocess.PIPE) as tool:
        assert tool.stdout
        assert tool.stdout.readline() == b"done\n"
        tool.send_signal(signal.SIGKILL)
    assert not faults.serves("payment")
    eventually(lambda: faults.serves("payment"))
    assert charge(stack, "6").status_code == 200


def test_calm_names_what_needed_it(faults: EmbeddedFaults) -> None:
    faults.inject(Fault("gateway-1", Kind.KILL, for_s=60))
    faults.inject(Fault("gateway-2", Kind.PAUSE, for_s=60))
    faults.inject(Fault("payment", Kind.ERRORS, for_s=60))
    assert sorted(faults.calm()) == ["gateway-1", "gateway-2", "payment"]
    assert faults.calm() == []
    eventually(lambda: faults.serves("gateway") and faults.serves("payment"))


def test_what_suffers_nothing_can_be_lifted_again(faults: EmbeddedFaults) -> None:
    faults.inject(Fault("gateway-1", Kind.PAUSE, for_s=60))
    faults.lift("gateway")
    faults.lift("gateway")
    eventually(lambda: faults.serves("gateway"))


def test_what_a_part_suffers_is_told_with_the_time_it_has_left(faults: EmbeddedFaults) -> None:
    faults.inject(Fault("gateway-1", Kind.SLOW, for_s=60))
    (one,) = faults.suffering()
    assert (one.part, one.what) == ("gateway-1", "slow")
    assert one.left_s
    assert 50 < one.left_s <= 60


@pytest.mark.parametrize(
    ("part", "kind", "says"),
    [
        ("nobody", Kind.KILL, "there is no part 'nobody'; there are payment, gateway-1, gateway-2, gateway"),
        ("gate", Kind.KILL, "there is no part 'gate'"),
        ("payment", Kind.PARTITION, "a partition needs containers"),
        ("gateway-1", Kind.HANG, "hang is a knob of payment, gateway-1 has none"),
    ],
)
def test_what_is_impossible_is_refused_before_anything_is_done(
    faults: EmbeddedFaults, part: str, kind: Kind, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        faults.check(Fault(part, kind, for_s=1))
    with pytest.raises(Refused, match=says):
        faults.inject(Fault(part, kind, for_s=1))
    assert faults.suffering() == []


def test_a_payment_service_without_knobs_says_how_to_get_them(tmp_path: Path) -> None:
    with Stack(tmp_path, processes=["payment"], env={"FAULTS_ENABLED": "false"}) as bare:
        with pytest.raises(Refused, match="FAULTS_ENABLED=true"):
            EmbeddedFaults(bare).check(Fault("payment", Kind.HANG, for_s=1))
        assert EmbeddedFaults(bare).calm() == []


def test_where_nothing_runs_nothing_can_be_hurt(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no stack runs in"):
        EmbeddedFaults(Stack(tmp_path)).check(Fault("payment", Kind.KILL, for_s=1))
