"""Hypothesis strategies: several mutations of one request at once, and random values in every place of input."""

import json
from collections.abc import Callable
from urllib.parse import quote

from hypothesis import strategies as st

from hostile_requests.mutations import Mutation, mutated, mutations, shown
from hostile_requests.operations import Draft, Operation, Request, World, json_object

_MOST_AT_ONCE = 3
_TEXTS = st.text(max_size=300)
_NO_DELIMITERS = bytes(set(range(0x21, 0x7F)) - set(b"/?#&"))
_SEGMENTS = st.one_of(
    _TEXTS.map(lambda text: quote(text.encode("utf-8", "replace"), safe="").encode()),
    st.binary(max_size=100).map(lambda data: quote(data, safe="").encode()),
    st.lists(st.sampled_from(_NO_DELIMITERS), max_size=60).map(bytes),
)
_FIELD_VALUES = st.binary(max_size=500).map(lambda data: bytes(byte for byte in data if byte >= 0x20 and byte != 0x7F))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_TEXTS, inner, max_size=6),
    max_leaves=30,
).map(lambda value: json.dumps(value).encode())


def hostile_requests(operation: Operation, world: World) -> st.SearchStrategy[Request]:
    """Requests of the operation with one to three mutations, of the table or with random values."""
    one = st.sampled_from(list(mutations(operation, world))) | _random_mutations(operation)
    several = st.lists(one, min_size=1, max_size=_MOST_AT_ONCE)
    return several.map(lambda found: mutated(operation, world, *found))


def _random_mutations(operation: Operation) -> st.SearchStrategy[Mutation]:
    places = [_mutations("query", _SEGMENTS, lambda draft, value: draft.query.append((value, value)))]
    for name in operation.query:
        places.append(_mutations(f"query {name}", _SEGMENTS, _add_query(name)))
    for name in operation.headers:
        places.append(_mutations(f"header {name}", _FIELD_VALUES, _add_header(name)))
    for name in operation.parts:
        places.append(_mutations(f"path {name}", _SEGMENTS.filter(bool), _set_part(name)))
    if operation.members is not None:
        places.append(_mutations("body", _JSON | st.binary(max_size=2_000), _set_body))
        places.append(_mutations("body", st.dictionaries(_TEXTS, _JSON, max_size=40).map(json_object), _set_body))
        for name in operation.members:
            places.append(_mutations(f"body /{name}", _JSON, _set_member(name)))
    return st.one_of(places)


def _mutations(
    place: str, found: st.SearchStrategy[bytes], apply: Callable[[Draft, bytes], None]
) -> st.SearchStrategy[Mutation]:
    return found.map(lambda value: Mutation(place, shown(value), lambda draft: apply(draft, value)))


def _add_query(name: str) -> Callable[[Draft, bytes], None]:
    return lambda draft, value: draft.query.append((name.encode(), value))


def _add_header(name: str) -> Callable[[Draft, bytes], None]:
    return lambda draft, value: draft.headers.append((name.encode(), value))


def _set_part(name: str) -> Callable[[Draft, bytes], None]:
    def apply(draft: Draft, value: bytes) -> None:
        draft.parts[name] = value
        draft.leaving.discard(name)

    return apply


def _set_member(name: str) -> Callable[[Draft, bytes], None]:
    return lambda draft, value: draft.members.update({name: value})


def _set_body(draft: Draft, value: bytes) -> None:
    draft.body = value
