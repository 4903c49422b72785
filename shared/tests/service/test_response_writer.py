"""Head and body of a response go in one send, and nothing waits longer than a turn of the event loop."""

import asyncio
from typing import Any

import pytest

from holdfast.service.response_writer import ResponseWriter


class Sent:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        assert not self.closing
        self.data.append(data)

    def is_closing(self) -> bool:
        return self.closing


@pytest.fixture
async def sent() -> Sent:
    return Sent()


@pytest.fixture
async def writer(sent: Any) -> ResponseWriter:
    def close() -> None:
        sent.closing = True

    return ResponseWriter(sent, asyncio.get_running_loop(), close)


async def test_head_and_body_are_sent_together_and_further_parts_at_once(sent: Sent, writer: ResponseWriter) -> None:
    writer.write(b"head ")
    assert sent.data == []
    writer.write(b"body")
    writer.write(b"more")
    assert sent.data == [b"head body", b"more"]
    writer.end()
    writer.write(b"second head ")
    writer.write(b"second body")
    assert sent.data[2:] == [b"second head second body"]
    await asyncio.sleep(0)
    assert len(sent.data) == 3


async def test_a_head_without_a_body_yet_is_sent_in_the_next_turn(sent: Sent, writer: ResponseWriter) -> None:
    writer.write(b"head")
    await asyncio.sleep(0)
    assert sent.data == [b"head"]
    writer.write(b"an event")
    assert sent.data == [b"head", b"an event"]


async def test_a_head_alone_is_sent_at_the_end(sent: Sent, writer: ResponseWriter) -> None:
    writer.write(b"head")
    writer.end()
    assert sent.data == [b"head"]


async def test_what_waits_is_sent_before_the_connection_closes(sent: Sent, writer: ResponseWriter) -> None:
    writer.write(b"head")
    writer.close()
    assert (sent.data, sent.closing) == ([b"head"], True)


async def test_a_long_body_is_not_copied(sent: Sent, writer: ResponseWriter) -> None:
    body = b"x" * 100_000
    writer.write(b"head")
    writer.write(body)
    assert sent.data[0] == b"head"
    assert sent.data[1] is body


async def test_nothing_is_sent_on_a_connection_that_is_gone(sent: Sent, writer: ResponseWriter) -> None:
    writer.write(b"head")
    sent.closing = True
    await asyncio.sleep(0)
    writer.end()
    assert sent.data == []
