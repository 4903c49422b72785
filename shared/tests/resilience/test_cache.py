"""Fresh, stale while revalidating, stale if an error: what is given when, and what is kept."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.cache import Cache, Fetched, Hit
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.settings import CacheSettings

TIMES = CacheSettings(max_age_s=2, stale_while_revalidate_s=10, stale_if_error_s=120)


class Source:
    """What is fetched: the number of the fetch, or an error."""

    def __init__(self, *, age_s: float | None = 0.0, size: int = 10) -> None:
        self.age_s = age_s
        self.size = size
        self.fetches = 0
        self.away = False
        self.held: asyncio.Event | None = None

    async def fetch(self) -> Fetched[int]:
        self.fetches += 1
        number = self.fetches
        if self.held is not None:
            await self.held.wait()
        if self.away:
            raise OSError("away")
        return Fetched(number, self.size, self.age_s)


def make(max_bytes: int = 100_000, **more: int) -> tuple[Cache[int], Source, FakeClock]:
    clock = FakeClock()
    return Cache(max_bytes, clock=clock, **more), Source(), clock


async def turns() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def ask(cache: Cache[int], source: Source, key: str = "a") -> tuple[int, int, str]:
    """Value, age and how it came, as a caller would ask."""
    hit = cache.find(key, TIMES, source.fetch)
    if hit is not None:
        return hit.value, hit.age_s, hit.how
    try:
        return await cache.get(key, source.fetch), 0, "fetched"
    except OSError:
        hit = cache.on_error(key, TIMES)
        if hit is None:
            raise
        return hit.value, hit.age_s, hit.how


async def test_it_is_fetched_once_and_fresh_until_its_time_is_over() -> None:
    cache, source, clock = make()
    assert await ask(cache, source) == (1, 0, "fetched")
    clock.advance(1.9)
    assert await ask(cache, source) == (1, 1, "fresh")
    assert source.fetches == 1


async def test_a_stale_one_is_given_at_once_and_fetched_anew_behind_it() -> None:
    cache, source, clock = make()
    await ask(cache, source)
    clock.advance(11.9)
    source.held = asyncio.Event()
    for _ in range(50):
        assert await ask(cache, source) == (1, 11, "stale-while-revalidate")
    await turns()
    assert source.fetches == 2
    source.held.set()
    await turns()
    assert await ask(cache, source) == (2, 0, "fresh")


async def test_one_that_is_too_stale_is_waited_for() -> None:
    cache, source, clock = make()
    await ask(cache, source)
    clock.advance(12)
    assert await ask(cache, source) == (2, 0, "fetched")


async def test_on_an_error_it_is_given_for_two_minutes_more_and_then_the_error() -> None:
    cache, source, clock = make()
    await ask(cache, source)
    source.away = True
    clock.advance(121.9)
    assert await ask(cache, source) == (1, 121, "stale-if-error")
    clock.advance(0.1)
    with pytest.raises(OSError, match="away"):
        await ask(cache, source)


async def test_once_fetching_failed_a_stale_one_is_not_given_as_if_nothing_were_wrong() -> None:
    cache, source, clock = make()
    await ask(cache, source)
    source.away = True
    clock.advance(3)
    assert (await ask(cache, source))[2] == "stale-while-revalidate"
    await turns()
    assert (await ask(cache, source))[2] == "stale-if-error"
    source.away = False
    assert (await ask(cache, source))[2] == "fetched"


async def test_its_age_counts_from_when_it_was_true() -> None:
    cache, source, clock = make()
    source.age_s = 1.5
    await ask(cache, source)
    assert await ask(cache, source) == (1, 1, "fresh")
    clock.advance(0.5)
    assert await ask(cache, source) == (1, 2, "stale-while-revalidate")
    assert cache.find("a", TIMES, source.fetch) is not None


async def test_time_spent_fetching_is_part_of_its_age() -> None:
    cache, source, clock = make()
    source.held = asyncio.Event()
    asking = asyncio.create_task(ask(cache, source))
    await turns()
    clock.advance(1.5)
    source.held.set()
    await asking
    assert await ask(cache, source) == (1, 1, "fresh")


async def test_what_is_not_to_be_kept_is_given_and_ends_what_was_known() -> None:
    cache, source, clock = make()
    await ask(cache, source)
    clock.advance(20)
    source.age_s = None
    assert await ask(cache, source) == (2, 0, "fetched")
    assert (len(cache), cache.bytes) == (0, 0)


async def test_all_who_miss_at_once_make_one_fetch_and_share_its_error() -> None:
    cache, source, _ = make()
    source.away = True
    ends = await asyncio.gather(*(ask(cache, source) for _ in range(100)), return_exceptions=True)
    assert {type(end) for end in ends} == {OSError}
    assert source.fetches == 1
    source.away = False
    assert await ask(cache, source) == (2, 0, "fetched")


async def test_a_fetch_is_under_way_for_its_key_until_it_has_ended() -> None:
    cache, source, _ = make()
    source.held = asyncio.Event()
    asking = asyncio.create_task(ask(cache, source))
    await turns()
    assert (cache.under_way("a"), cache.under_way("b")) == (True, False)
    source.held.set()
    await asking
    await turns()
    assert not cache.under_way("a")


async def test_what_was_asked_for_earlier_does_not_replace_what_was_asked_for_later() -> None:
    cache, source, clock = make()
    source.held = asyncio.Event()
    asking = asyncio.create_task(ask(cache, source))
    await turns()
    clock.advance(0.1)
    cache.keep("a", Fetched(99, 10, 0.0), cache.now_s())
    source.held.set()
    assert (await asking)[0] == 1
    assert (await ask(cache, source))[0] == 99


async def test_revalidations_are_bounded() -> None:
    cache, source, clock = make(revalidations=2)
    for key in "abcd":
        await ask(cache, source, key)
    clock.advance(3)
    source.held = asyncio.Event()
    for key in "abcd":
        assert (await ask(cache, source, key))[2] == "stale-while-revalidate"
    await turns()
    assert source.fetches == 4 + 2
    await cache.close()


async def test_the_least_recently_used_go_first_and_its_bytes_are_bounded() -> None:
    cache, source, _ = make(max_bytes=3 * 2_100)
    for key in ("a", "b", "c"):
        await ask(cache, source, key)
    assert (await ask(cache, source, "a"))[2] == "fresh"
    await ask(cache, source, "d")
    assert cache.bytes <= 3 * 2_100
    assert [cache.on_error(key, TIMES) is not None for key in "abcd"] == [True, False, True, True]


async def test_one_that_is_too_big_is_not_kept_and_replaces_what_was_there() -> None:
    cache, source, clock = make(max_bytes=3_000)
    await ask(cache, source)
    clock.advance(20)
    source.size = 5_000
    await ask(cache, source)
    assert (len(cache), cache.bytes) == (0, 0)


async def test_a_failure_of_what_was_never_known_is_just_a_failure() -> None:
    cache, source, _ = make()
    source.away = True
    with pytest.raises(OSError, match="away"):
        await ask(cache, source)
    assert cache.on_error("a", TIMES) is None


Step = tuple[float, str, bool]


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.7, 2.0, 9.0, 70.0]), st.sampled_from("ab"), st.booleans())))
def test_it_agrees_with_a_naive_model(steps: list[Step]) -> None:
    asyncio.run(_compare(steps))


async def _compare(steps: list[Step]) -> None:
    cache, source, clock = make()
    known: dict[str, tuple[int, float, bool]] = {}  # value, asked at, failed since
    for seconds, key, away in steps:
        clock.advance(seconds)
        source.away = away
        value, at_s, failed = known.get(key, (0, -1e9, False))
        age_s = clock.now() - at_s
        try:
            got = await ask(cache, source, key)
        except OSError:
            got = None
        await turns()
        if age_s < 2:
            assert got == (value, int(age_s), "fresh")
        elif age_s < 12 and not failed:
            assert got == (value, int(age_s), "stale-while-revalidate")
            known[key] = (value, at_s, True) if away else (source.fetches, clock.now(), False)
        elif not away:
            assert got == (source.fetches, 0, "fetched")
            known[key] = (source.fetches, clock.now(), False)
        else:
            assert got == ((value, int(age_s), "stale-if-error") if age_s < 122 else None)
            known[key] = (value, at_s, True)


@given(st.lists(st.tuples(st.text(max_size=8), st.integers(0, 3_000)), max_size=60), st.integers(0, 12_000))
def test_its_bytes_never_exceed_the_bound(kept: list[tuple[str, int]], max_bytes: int) -> None:
    cache: Cache[int] = Cache(max_bytes, clock=FakeClock())
    for key, size in kept:
        cache.keep(key, Fetched(1, size, 0.0), 0.0)
        assert 0 <= cache.bytes <= max_bytes
        assert (cache.bytes == 0) == (len(cache) == 0)


async def test_after_it_was_cleared_nothing_is_known() -> None:
    cache, source, _ = make()
    await ask(cache, source)
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)
    assert await ask(cache, source) == (2, 0, "fetched")


async def test_what_is_at_hand_is_fresh_or_marked_and_asks_nobody() -> None:
    cache, source, clock = make()
    assert cache.at_hand("a", TIMES) is None
    await ask(cache, source)
    assert _how(cache.at_hand("a", TIMES)) == "fresh"
    clock.advance(TIMES.max_age_s)
    assert _how(cache.at_hand("a", TIMES)) == "stale-if-error"
    clock.advance(TIMES.stale_if_error_s)
    assert cache.at_hand("a", TIMES) is None
    cache.keep("a", Fetched(1, age_s=0.0, degraded=True), clock.now())
    assert _how(cache.at_hand("a", TIMES)) == "stale-if-error"
    assert source.fetches == 1


def _how(hit: Hit[int] | None) -> str:
    assert hit is not None
    return hit.how
