"""Long lists are worked on in slices."""

import asyncio

import pytest

from holdfast.eventstore import map_in_slices


@pytest.mark.parametrize("length", [0, 1, 49, 50, 51, 100, 1_000])
async def test_the_result_is_that_of_map(length: int) -> None:
    assert await map_in_slices(str, range(length)) == [str(item) for item in range(length)]


async def test_other_tasks_run_between_slices() -> None:
    done: list[int] = []
    seen: list[int] = []

    async def other() -> None:
        while True:
            seen.append(len(done))
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    await asyncio.sleep(0)
    await map_in_slices(done.append, range(1_000))
    running.cancel()
    assert seen == list(range(0, 1_000, 50))
