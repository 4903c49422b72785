"""Folding a stream's messages, in whatever batches, gaps and repetitions they come."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.messages import Message
from projector_service.folding import Mark, Received, Stored, fold, receive, refuse

STREAM = "cart-1"


def added(version: int, type: str = "ItemAddedToCart", stream_id: str = STREAM) -> Message:
    return Message(
        stream_id=stream_id,
        version=version,
        type=type,
        schema_version=1,
        recorded_at=datetime(2010, 12, 1, tzinfo=UTC),
        position=version,
        data={"product_id": f"P{version % 3}", "quantity": version},
        metadata={},
    )


def at(offset: int, message: Message | bytes) -> Received:
    value = message if isinstance(message, bytes) else message.to_bytes()
    return receive(0, offset, STREAM.encode(), value)


def batch(*messages: Message | bytes) -> list[Received]:
    return [at(offset, message) for offset, message in enumerate(messages)]


def fresh(version: int) -> Stored:
    """A fold of the stream's first events, one by one."""
    stored = Stored()
    for each in range(1, version + 1):
        stored = fold(stored, batch(added(each))).after
    return stored


def test_the_next_versions_are_applied_and_old_ones_skipped() -> None:
    folded = fold(fresh(2), batch(added(1), added(2), added(3), added(4)))
    assert folded.after == fresh(4)
    assert folded.applied == 2
    assert folded.rejected == ()


def test_a_batch_is_sorted_by_version() -> None:
    assert fold(Stored(), batch(added(3), added(1), added(2))).after == fresh(3)


def test_a_gap_marks_the_stream_once() -> None:
    first = fold(fresh(1), batch(added(3), added(4)))
    assert first.after == Stored(fresh(1).document, 1, Mark(3, 4, "version 2 is missing"))
    assert [rejected.received.offset for rejected in first.rejected] == [0]
    again = fold(first.after, batch(added(3), added(4)))
    assert again.after == first.after
    assert again.rejected == ()
    later = fold(first.after, batch(added(5)))
    assert later.after.mark == Mark(3, 5, "version 2 is missing")
    assert later.rejected == ()


def test_a_marked_stream_takes_its_next_version_and_keeps_the_mark_until_all_is_there() -> None:
    parked = fold(fresh(1), batch(added(3), added(4))).after
    partly = fold(parked, batch(added(2)))
    assert partly.after == Stored(fresh(2).document, 2, parked.mark)
    assert fold(partly.after, batch(added(3), added(4))).after == fresh(4)
    assert fold(parked, batch(added(1), added(2), added(3), added(4))).after == fresh(4)


def test_a_deleted_mark_is_made_again_by_the_next_gap() -> None:
    folded = fold(fresh(1), batch(added(5)))
    assert folded.after.mark == Mark(5, 5, "version 2 is missing")
    assert len(folded.rejected) == 1


def test_an_unknown_type_parks_and_what_follows_is_skipped() -> None:
    folded = fold(fresh(1), batch(added(2, "CartPainted"), added(3)))
    assert folded.after == Stored(fresh(1).document, 1, Mark(2, 3, "unknown type CartPainted of schema version 1"))
    assert [rejected.reason for rejected in folded.rejected] == ["unknown type CartPainted of schema version 1"]


def test_unreadable_bytes_stand_for_the_version_after_the_one_before_them() -> None:
    folded = fold(fresh(1), batch(added(2), b"garbage", added(4)))
    assert folded.after.version == 2
    assert folded.after.mark is not None
    assert (folded.after.mark.version, folded.after.mark.latest) == (3, 4)
    assert len(folded.rejected) == 1
    repaired = fold(folded.after, batch(added(2), b"garbage", added(3), added(4)))
    assert repaired.after == fresh(4)
    assert repaired.rejected == ()


def test_unreadable_bytes_that_were_passed_long_ago_are_skipped() -> None:
    folded = fold(fresh(5), batch(added(1), b"garbage", added(2)))
    assert folded.after == fresh(5)
    assert folded.rejected == ()


@pytest.mark.parametrize(
    ("key", "value", "defect"),
    [
        (b"cart-1", None, "not a message: 1 errors"),
        (b"cart-1", b"{}", "not a message: 8 errors"),
        (b"cart-2", added(1).to_bytes(), "its key is not its stream cart-1"),
        (None, added(1).to_bytes(), "its key is not its stream cart-1"),
        (b"cart-1", added(0).to_bytes(), "version 0 is not from 1"),
    ],
)
def test_a_record_that_is_no_message_of_its_key_has_a_defect(
    key: bytes | None, value: bytes | None, defect: str
) -> None:
    received = receive(3, 7, key, value)
    assert (received.partition, received.offset, received.message, received.defect) == (3, 7, None, defect)


def test_a_refused_document_parks_its_stream_where_it_stood() -> None:
    reason = "document_parsing_exception: too long"
    received = batch(added(2), added(3), added(4))
    folded = refuse(fresh(2), received, reason)
    assert folded.after == Stored(fresh(2).document, 2, Mark(3, 4, reason))
    assert [rejected.received for rejected in folded.rejected] == [received[1]]
    again = refuse(folded.after, received, reason)
    assert again.after == folded.after
    assert again.rejected == ()


def batches(draw: st.DrawFn, deliveries: Sequence[Any]) -> list[list[Received]]:
    """The deliveries, in order, cut anywhere."""
    received = batch(*deliveries)
    cuts = sorted(draw(st.sets(st.integers(0, len(received)))) | {0, len(received)})
    return [received[begin:end] for begin, end in pairwise(cuts)]


@st.composite
def redelivered(draw: st.DrawFn) -> tuple[int, list[list[Received]]]:
    """Events 1 to n, any stretch of what was delivered delivered again, in any batches."""
    length = draw(st.integers(1, 12))
    deliveries: list[Message] = []
    delivered = 0
    while delivered < length:
        back_to = draw(st.integers(0, delivered))
        upto = draw(st.integers(delivered + 1, length))
        deliveries += [added(version) for version in range(back_to + 1, upto + 1)]
        delivered = upto
    return length, batches(draw, deliveries)


@given(redelivered())
def test_any_batches_and_repetitions_come_to_one_by_one(case: tuple[int, list[list[Received]]]) -> None:
    length, cut = case
    stored = Stored()
    for each in cut:
        folded = fold(stored, each)
        assert folded.rejected == ()
        stored = folded.after
    assert stored == fresh(length)


@st.composite
def broken(draw: st.DrawFn) -> list[list[Received]]:
    """Anything in any order: events, gaps, unknown types, garbage."""
    one = st.one_of(
        st.integers(1, 8).map(added),
        st.integers(1, 8).map(lambda version: added(version, "CartPainted")),
        st.just(b"?"),
    )
    return batches(draw, draw(st.lists(one, max_size=20)))


@given(broken())
def test_whatever_comes_the_document_is_a_fresh_fold_and_a_redelivery_repairs_it(cut: list[list[Received]]) -> None:
    stored = Stored()
    highest = 0
    for each in cut:
        stored = fold(stored, each).after
        highest = max([highest, *(received.message.version for received in each if received.message)])
        assert (stored.document, stored.version) == (fresh(stored.version).document, stored.version)
        assert stored.mark is not None or stored.version >= highest, "nothing is missing without a mark"
    repaired = fold(stored, batch(*(added(version) for version in range(1, 22)))).after
    assert repaired == fresh(21)
