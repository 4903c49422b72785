"""A topic's documents are built anew while the old ones serve (CORRECTNESS 18), and how fresh they are (24)."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import ApiError

from holdfast.contracts import documents
from projector_service import rebuild
from projector_service.adapters.read_model import ReadModel
from projector_service.bootstrap import opened_catalog
from projector_service.entrypoints import parked
from projector_service.entrypoints import rebuild as command

pytestmark = pytest.mark.stores


async def test_a_rebuild_under_traffic_fails_no_query_and_equals_the_old_index(stack: Any) -> None:
    alias = documents.alias(stack.namespace, "carts")
    first = f"{alias}-1-0"
    async with stack.projecting(), stack.heart():
        await stack.publish(*(stack.added(f"cart-{n}", version) for version in range(1, 6) for n in range(30)))
        for n in range(30):
            await stack.reaches("carts", f"cart-{n}", 5)
        assert len(await stack.everything(alias)) == 30
        traffic = asyncio.create_task(_write_carts(stack))
        queries = asyncio.create_task(_query(stack, alias))
        code, out, err = await _run("rebuild", stack, "carts", "--timeout", "60")
        assert code == 0, err
        [new] = [name for name, serves in (await stack.indices("carts")).items() if serves]
        assert out == f"{new} serves\n"
        assert f"{new}: " in err
        assert new != first
        traffic.cancel()
        version = await traffic
        for n in range(30):
            await stack.reaches("carts", f"cart-{n}", version)
        queries.cancel()
        assert await queries > 10
        await stack.eventually(lambda: _equal(stack, first, new))


async def test_an_index_that_begins_to_serve_can_be_searched_at_once(stack: Any) -> None:
    async with opened_catalog(stack.settings()) as catalog:
        await catalog.ensure()
        index = await rebuild.start(catalog, stack.namespace, "carts")
        await stack.elasticsearch.indices.put_settings(index=index.name, settings={"index.refresh_interval": "-1"})
        document = {"cart_id": "1", "lines": [], "version": 1}
        await stack.elasticsearch.index(index=index.name, id="1", document=document, wait_for_active_shards=1)
        await catalog.serve(index, await catalog.present())
        answer = await stack.elasticsearch.search(index=documents.alias(stack.namespace, "carts"))
    assert answer["hits"]["total"]["value"] == 1
    assert await stack.indices("carts") == {f"{stack.namespace}carts-1-0": False, index.name: True}


async def test_a_replaced_index_is_dropped_with_its_watermarks_and_marks(stack: Any) -> None:
    first = f"{stack.namespace}carts-1-0"
    async with stack.projecting(drop_after_s=0.5), stack.heart():
        await stack.publish(stack.added("cart-1", 1), stack.added("cart-2", 2))
        await stack.reaches("carts", "cart-1", 1)
        await stack.eventually(lambda: _has_mark(stack, f"{first}:cart-2"))
        await _rebuilt(stack, "carts")

        async def dropped() -> bool:
            kept = await stack.everything(documents.watermarks_index(stack.namespace))
            gone = first not in await stack.indices("carts") and not any(key.startswith(first) for key in kept)
            return gone and f"{first}:cart-2" not in await stack.marks()

        await stack.eventually(dropped)
        [new] = await stack.indices("carts")
        assert f"{new}:cart-2" in await stack.marks(), "the gap is still one"
        await stack.publish(stack.added("cart-1", 2))
        await stack.reaches("carts", "cart-1", 2)


async def test_a_new_projection_version_is_rebuilt_and_served_by_itself(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stack.projecting():
        await stack.publish(stack.added("cart-1", 1))
        await stack.reaches("carts", "cart-1", 1)
    monkeypatch.setattr(documents, "PROJECTION_VERSION", {**documents.PROJECTION_VERSION, "carts": 2})
    async with stack.heart(), stack.projecting():
        await stack.eventually(lambda: _serves(stack, f"{stack.namespace}carts-2-0"))
        assert (await stack.document("carts", "cart-1"))["version"] == 1
    assert await stack.indices("orders") == {f"{stack.namespace}orders-1-0": True}


async def test_without_heartbeats_a_rebuilt_index_never_serves(stack: Any) -> None:
    async with stack.projecting():
        await stack.publish(stack.added("cart-1", 1))
        await stack.reaches("carts", "cart-1", 1)
        code, _, err = await _run("rebuild", stack, "carts", "--timeout", "3")
    assert code == 1
    assert err.endswith("does not serve after 3 s; a running projector goes on with it\n")
    assert (await stack.indices("carts"))[f"{stack.namespace}carts-1-0"]


async def test_a_rebuild_without_a_projector_says_so_and_leaves_nothing(
    stack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stack.projecting():
        await stack.eventually(lambda: _serves(stack, f"{stack.namespace}carts-1-0"))
    monkeypatch.setattr(rebuild, "_NOTICED_S", 1.0)
    for name, value in _environment(stack).items():
        monkeypatch.setenv(name, value)
    code = await asyncio.to_thread(command.main, ["carts"])
    assert code == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.endswith("within 1 s: is one running?")
    assert await stack.indices("carts") == {f"{stack.namespace}carts-1-0": True}


def test_an_unknown_topic_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["payments"])
    assert ended.value.code == 2
    assert "invalid choice: 'payments'" in capsys.readouterr().err


def test_no_elasticsearch_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://127.0.0.1:1")
    assert command.main(["carts"]) == 1
    assert parked.main([]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in errors] == ["holdfast-rebuild", "holdfast-parked"]


async def test_parked_streams_are_listed_and_released(
    stack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index = f"{stack.namespace}carts-1-0"
    for name, value in _environment(stack).items():
        monkeypatch.setenv(name, value)
    async with stack.projecting():
        await stack.publish(stack.added("cart-2", 2))
        await stack.eventually(lambda: _has_mark(stack, f"{index}:cart-2"))
        assert await asyncio.to_thread(parked.main, []) == 0
        listed = capsys.readouterr().out.splitlines()[-1]
        assert listed.startswith(f"cart-2 in {index}: version 2 (up to 2 seen) since ")
        assert listed.endswith(": version 1 is missing")
        assert await asyncio.to_thread(parked.main, ["--release", "cart-2"]) == 0
        assert await stack.marks() == {}
        assert await asyncio.to_thread(parked.main, ["--release", "cart-2"]) == 1
        await stack.publish(stack.added("cart-2", 3))
        await stack.eventually(lambda: _has_mark(stack, f"{index}:cart-2"))


async def test_watermarks_follow_what_is_written(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = asyncio.Event()
    write = ReadModel.write

    async def slow(self: ReadModel, index: str, streams: Any) -> Any:
        if "cart-2" in streams:
            await stuck.wait()
        return await write(self, index, streams)

    monkeypatch.setattr(ReadModel, "write", slow)
    began = datetime.now(UTC)
    async with stack.projecting() as projection, stack.heart():
        await stack.publish(stack.added("cart-1", 1))

        async def fresh() -> bool:
            as_of = projection.status()["projection"]["as_of"]
            return as_of is not None and datetime.fromisoformat(as_of) > began

        await stack.eventually(fresh)
        await stack.publish(stack.added("cart-2", 1))
        behind = datetime.now(UTC)
        await asyncio.sleep(1.5)
        marks = await stack.everything(documents.watermarks_index(stack.namespace))
        times = {key: datetime.fromisoformat(mark["drained_at"]) for key, mark in marks.items()}
        assert len(times) == 24, "every index and partition"
        late = [key for key, at in times.items() if at < behind]
        assert len(late) == 1, "only the partition that is stuck"
        assert projection.status()["projection"]["lag_events"] == 1
        assert datetime.fromisoformat(projection.status()["projection"]["as_of"]) < behind
        stuck.set()

        async def caught_up() -> bool:
            found = projection.status()["projection"]
            return found["lag_events"] == 0 and datetime.fromisoformat(found["as_of"]) > behind + timedelta(seconds=1)

        await stack.eventually(caught_up)


async def _write_carts(stack: Any) -> int:
    """Goes on until cancelled; returns the version that every cart has then."""
    version = 5
    try:
        while True:
            version += 1
            await asyncio.shield(stack.publish(*(stack.added(f"cart-{n}", version) for n in range(30))))
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        await asyncio.sleep(0.5)
        return version


async def _query(stack: Any, alias: str) -> int:
    """Reads through the alias until cancelled; returns how often. Any failure ends the test."""
    queries = 0
    try:
        while True:
            await stack.elasticsearch.get(index=alias, id="1")
            answer = await stack.elasticsearch.search(index=alias, size=0)
            assert answer["hits"]["total"]["value"] == 30, "a search finds what it found before"
            queries += 1
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        return queries


async def _equal(stack: Any, one: str, other: str) -> bool:
    return await stack.everything(one) == await stack.everything(other) != {}


async def _serves(stack: Any, index: str) -> bool:
    try:
        return bool((await stack.indices("carts")).get(index))
    except ApiError:
        return False


async def _has_mark(stack: Any, key: str) -> bool:
    try:
        return key in await stack.marks()
    except ApiError:
        return False


async def _rebuilt(stack: Any, topic: str) -> None:
    code, _, err = await _run("rebuild", stack, topic, "--timeout", "60")
    assert code == 0, err


def _environment(stack: Any) -> dict[str, str]:
    return {
        "NAMESPACE": stack.namespace,
        "KAFKA_BOOTSTRAP": stack.kafka,
        "ELASTICSEARCH_URL": stack.elasticsearch_url,
    }


async def _run(name: str, stack: Any, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"projector_service.entrypoints.{name}",
        *arguments,
        env=_environment(stack),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
