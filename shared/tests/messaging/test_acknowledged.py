"""Acknowledgements are waited for, however long; the breaker hears of it and holds back only what is not sent yet."""

import asyncio

import pytest

from holdfast.messaging import acknowledged
from holdfast.resilience.guard import Guard
from holdfast.resilience.settings import BulkheadSettings, GuardSettings


class Broker:
    """What a producer has been given, and a future for each."""

    def __init__(self) -> None:
        self.given: list[asyncio.Future[int]] = []

    def send(self) -> asyncio.Future[int]:
        self.given.append(asyncio.get_running_loop().create_future())
        return self.given[-1]


def make() -> tuple[Guard, Broker]:
    return Guard("kafka", GuardSettings(BulkheadSettings(2, queue=0))), Broker()


async def test_a_silent_kafka_opens_the_breaker_within_two_seconds_and_nothing_is_called_back_or_sent_again() -> None:
    guard, broker = make()
    first = asyncio.create_task(acknowledged(guard, broker.send))
    await asyncio.sleep(1.0)
    assert guard.breaker.state == "closed"
    await asyncio.sleep(1.0)
    assert guard.breaker.state == "open"
    guard.breaker._open_until_s += 60
    second = asyncio.create_task(acknowledged(guard, broker.send))
    await asyncio.sleep(0.2)
    assert len(broker.given) == 1  # the second waits for the breaker, the first for Kafka
    assert not broker.given[0].done()
    broker.given[0].set_result(7)
    assert await first == 7
    guard.breaker._open_until_s = 0
    for _ in range(3):
        while len(broker.given) < 2:  # noqa: ASYNC110  # it asks again every 50 ms
            await asyncio.sleep(0.01)
        broker.given.pop().set_result(8)
        assert await second == 8
        second = asyncio.create_task(acknowledged(guard, broker.send))
    assert guard.breaker.state == "closed"
    second.cancel()
    await asyncio.wait({second})
    assert guard.breaker.in_flight == 0


async def test_an_error_passes_and_counts() -> None:
    guard, broker = make()
    sending = asyncio.create_task(acknowledged(guard, broker.send))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    broker.given[0].set_exception(OSError("refused"))
    with pytest.raises(OSError, match="refused"):
        await sending
    assert guard.breaker.snapshot().error_rate == 1
