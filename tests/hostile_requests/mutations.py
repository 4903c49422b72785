"""One hostile thing done to a valid request, for every place of input of an operation and every kind of hostility."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hostile_requests import values
from hostile_requests.operations import Draft, Operation, Request, World, json_object, valid

_GENERIC_HEADERS = (b"X-Hostile", b"Accept-Language", b"User-Agent", b"Referer", b"Via")


@dataclass(frozen=True, slots=True)
class Mutation:
    """place: which input it changes. about: with what. apply: changes a draft."""

    place: str
    about: str
    apply: Callable[[Draft], None]


def mutated(operation: Operation, world: World, *mutations_: Mutation) -> Request:
    """A valid request with all of these mutations."""
    draft = valid(operation, world)
    for mutation in mutations_:
        mutation.apply(draft)
    return draft.request("; ".join(f"{one.place}: {one.about}" for one in mutations_))


def mutations(operation: Operation, world: World) -> Iterator[Mutation]:
    """Every mutation of the operation, in a fixed order."""
    yield from _of_parts(operation, world)
    yield from _of_query(operation, world)
    yield from _of_headers(operation)
    yield from _of_body(operation)
    yield from _of_line(operation)


def _of_parts(operation: Operation, world: World) -> Iterator[Mutation]:
    for name in operation.parts:
        place = f"path {name}"
        innocent = world.innocent.get(name, "x").encode()
        for value in (*values.SEGMENTS, *_disguises(innocent)):
            yield Mutation(place, shown(value), _part(name, value))
        for value in values.RAW_SEGMENTS:
            yield Mutation(place, shown(value), _protocol(_part(name, value)))
        for value in (
            *values.LEAVING_SEGMENTS,
            b"x/../" + innocent,
            b"../" + name.encode() + b"/" + innocent,
            b"./" + innocent,
        ):
            yield Mutation(place, shown(value), _leaving(name, _part(name, value)))


def _disguises(innocent: bytes) -> Iterator[bytes]:
    """What a careless layer could take for an innocent's id."""
    yield from (
        b"..%2F" + innocent,
        b"x%2F..%2F" + innocent,
        b".%2F" + innocent,
        innocent + b"%2F",
        innocent + b"%2F..%2Fx",
    )
    yield from (innocent + b"%00", innocent + b"%20", b"%20" + innocent, innocent + b"%0A", b"%EF%BB%BF" + innocent)
    yield from (innocent + b";a", innocent + b"%E2%80%8B", innocent + b"%3Fx", innocent + b"%23")


def _of_query(operation: Operation, world: World) -> Iterator[Mutation]:
    for name, schema in operation.query.items():
        place, raw = f"query {name}", name.encode()
        choices = [choice.encode() for choice in schema.get("enum", ())]
        for value in (*values.SEGMENTS, b"", None, *(choice + b"x" for choice in choices)):
            yield Mutation(place, shown(value), _query((raw, value)))
        for value in values.RAW_SEGMENTS:
            yield Mutation(place, shown(value), _protocol(_query((raw, value))))
        yield Mutation(place, "twice", _query((raw, b"1"), (raw, b"1")))
        yield Mutation(place, "twice, once encoded", _query((raw, b"1"), (b"%%%02x" % raw[0] + raw[1:], b"2")))
        yield Mutation(place, "as a list", _query((raw + b"[]", b"1"), (raw + b"[0]", b"1")))
    if operation.lists:
        for query in world.cursors.get(operation.id, ({},)):
            yield from _of_cursors(query)
    for pairs in (
        ((b"unknown", b"1"),), ((b"", b"1"),), ((b"=", b"="),), ((b"x" * 101, b"1"),), ((b"%00", b"1"),),
        ((b"%FF", b"1"),),
        ((b"x" * 6_000, b"1"),), tuple((b"n%d" % number, b"1") for number in range(33)),
        tuple((b"", None) for _ in range(8_000)),
        tuple((b"n%d" % number, None) for number in range(1_000)), ((b"a", b"1"),) * 32, ((b"?", b"?"),),
        ((b"a;b", b"1"),),
    ):  # fmt: skip
        yield Mutation("query", shown(b"&".join(name for name, _ in pairs)), _query(*pairs))
    many = tuple((b"n%d" % number, b"") for number in range(12_000))
    yield Mutation("query", "12,000 names, one twice", _protocol(_query(*many, many[0])))


def _of_cursors(query: Mapping[str, str]) -> Iterator[Mutation]:
    given = {name: value for name, value in query.items() if name != "cursor"}
    pairs = [(name.encode(), value.encode()) for name, value in given.items()]
    for cursor in values.wrong_cursors(query.get("cursor")):
        yield Mutation("query cursor", f"{given} {shown(cursor)}", _query(*pairs, (b"cursor", cursor)))


def _of_headers(operation: Operation) -> Iterator[Mutation]:
    known = {name.lower() for name in operation.headers} | values.OWN_HEADER_VALUES.keys()
    for header in (*sorted(known), *(name.decode() for name in _GENERIC_HEADERS)):
        place, name = f"header {header}", header.encode()
        for value in (*values.OWN_HEADER_VALUES.get(header, ()), *values.HEADER_VALUES):
            yield Mutation(place, shown(value), _header((name, value)))
        for value in values.RAW_HEADER_VALUES:
            yield Mutation(place, shown(value), _protocol(_header((name, value))))
        yield Mutation(place, "90 times", _header(*[(name, b"1")] * 90))
        yield Mutation(place, "200 times", _protocol(_header(*[(name, b"1")] * 200)))
    for headers in values.FRAMING:
        about = f"{shown(headers[0][0])}: {shown(headers[0][1])} ({len(headers)} lines)"
        yield Mutation("framing", about, _protocol(_header(*headers)))


def _of_body(operation: Operation) -> Iterator[Mutation]:
    if operation.members is None:
        for value in (b"{}", b"x" * 65_537):
            yield Mutation("body", shown(value), _body(value))
        return
    for value in values.BODIES:
        yield Mutation("body", shown(value), _body(value))
    for name, usual in operation.members.items():
        place = f"body /{name}"
        for value in values.JSON_VALUES:
            yield Mutation(place, shown(value), _member(name, value))
        yield Mutation(place, "absent", _member(name, None))
        yield Mutation(place, "twice", _twice(name, usual))
        yield Mutation(place, "in another case", _member(name.upper(), usual))
    yield Mutation("body", "an unknown member", _member("unknown", b"1"))
    for name, chunks in (("of one byte", 1), ("of 1,000 bytes", 1_000)):
        yield Mutation("framing", f"chunks {name}", _chunked(chunks))
    yield Mutation("framing", "a chunk of -1", _raw_chunks(b"-1\r\n{}\r\n0\r\n\r\n"))
    yield Mutation("framing", "a chunk of 2**64", _raw_chunks(b"1" + b"0" * 16 + b"\r\n{}"))
    yield Mutation("framing", "a chunk extension of 40 KB", _raw_chunks(b"2;" + b"x" * 40_000 + b"\r\n{}\r\n0\r\n\r\n"))
    yield Mutation("framing", "trailers", _raw_chunks(b"2\r\n{}\r\n0\r\nIf-Match: *\r\nHost: b\r\n\r\n"))


def _of_line(operation: Operation) -> Iterator[Mutation]:
    for method in (*values.METHODS, *([b"HEAD"] if operation.method == "GET" else [])):
        yield Mutation("method", shown(method), _method(method))
    for form in values.TARGETS:
        yield Mutation("target", shown(form), _target(form))
    for form in values.TARGETS_ELSEWHERE:
        yield Mutation("target", shown(form), _leaving("target", _target(form)))
    for suffix in () if operation.path.endswith("}") else values.SUFFIXES:
        yield Mutation("target", shown(suffix), _leaving("target", _target(b"%s" + suffix.replace(b"%", b"%%"))))


def shown(value: bytes | None) -> str:
    """A value for people: its first characters and its length."""
    if value is None:
        return "no ="
    text = repr(value)[2:-1]
    return text if len(text) <= 60 else f"{text[:50]}… ({len(value):,} bytes)"


def _part(name: str, value: bytes) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.parts[name] = value
        draft.leaving.discard(name)

    return apply


def _query(*pairs: tuple[bytes, bytes | None]) -> Callable[[Draft], None]:
    return lambda draft: draft.query.extend(pairs)


def _header(*lines: tuple[bytes, bytes]) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        names = {name.lower() for name, _ in lines}
        draft.headers = [header for header in draft.headers if header[0].lower() not in names]
        draft.headers += lines
        draft.protocol |= (
            sum(len(name) + len(value) for name, value in draft.headers) > 31_000 or len(draft.headers) > 94
        )

    return apply


def _body(value: bytes) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.body = value

    return apply


def _member(name: str, value: bytes | None) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        if value is None:
            draft.members.pop(name, None)
        else:
            draft.members[name] = value

    return apply


def _twice(name: str, usual: bytes) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        once = json_object({**draft.members, name: usual})
        draft.body = once[:-1] + b',"' + name.encode() + b'":' + usual + b"}"

    return apply


def _chunked(size: int) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        body = draft.body if draft.body is not None else json_object(draft.members)
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
        draft.body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        draft.headers += [(b"Transfer-Encoding", b"chunked"), (b"Content-Type", b"application/json")]

    return apply


def _raw_chunks(body: bytes) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.body, draft.protocol = body, True
        draft.headers += [(b"Transfer-Encoding", b"chunked"), (b"Content-Type", b"application/json")]

    return apply


def _method(method: bytes) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.method, draft.protocol = method, True
        if method != b"HEAD":
            draft.leaving.add("method")

    return apply


def _target(form: bytes) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        path = draft.request("").target.partition(b"?")[0]
        draft.target = form % path if b"%s" in form else form
        draft.protocol = True
        draft.leaving.discard("target")

    return apply


def _protocol(change: Callable[[Draft], None]) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        change(draft)
        draft.protocol = True

    return apply


def _leaving(place: str, change: Callable[[Draft], None]) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        change(draft)
        draft.protocol = True
        draft.leaving.add(place)

    return apply
