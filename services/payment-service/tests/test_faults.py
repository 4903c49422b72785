"""The fault knobs, on a clock of the test's own where time is judged."""

import asyncio

import pytest

from payment_service.faults import Faults, InjectedError, Knob


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_without_knobs_nothing_happens() -> None:
    await Faults(Clock()).strike()


async def test_a_knob_hits_the_given_share_of_calls() -> None:
    draws = iter([0.29, 0.30])
    faults = Faults(Clock(), lambda: next(draws))
    faults.replace({Knob.ERROR_RATE: (30, 60, 0)})
    with pytest.raises(InjectedError):
        await faults.strike()
    await faults.strike()


async def test_a_knob_expires() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.replace({Knob.ERROR_RATE: (100, 60, 0)})
    clock.now += 59
    assert [left for _, left in faults.active().values()] == [1]
    clock.now += 1
    assert faults.active() == {}
    await faults.strike()


async def test_setting_knobs_lifts_the_others() -> None:
    faults = Faults(Clock())
    faults.replace({Knob.ERROR_RATE: (100, 60, 0)})
    faults.replace({Knob.HANG: (50, 60, 0)})
    assert set(faults.active()) == {Knob.HANG}


async def test_latency_delays_the_call() -> None:
    loop = asyncio.get_running_loop()
    faults = Faults(loop.time)
    faults.replace({Knob.LATENCY_MS: (100, 60, 50)})
    began = loop.time()
    await faults.strike()
    assert 0.05 <= loop.time() - began < 2


async def test_a_hanging_call_ends_when_the_knob_expires() -> None:
    loop = asyncio.get_running_loop()
    faults = Faults(loop.time)
    faults.replace({Knob.HANG: (100, 0.05, 0)})
    async with asyncio.timeout(2):
        await faults.strike()


async def test_a_hanging_call_ends_when_the_knob_is_lifted_and_not_before() -> None:
    faults = Faults(asyncio.get_running_loop().time)
    faults.replace({Knob.HANG: (100, 600, 0)})
    call = asyncio.create_task(faults.strike())
    await asyncio.sleep(0.02)
    faults.replace({Knob.HANG: (100, 500, 0)})
    await asyncio.sleep(0.02)
    assert not call.done()
    faults.replace({})
    async with asyncio.timeout(2):
        await call
