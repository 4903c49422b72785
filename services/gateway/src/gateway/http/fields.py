"""The header fields of a request, looked up by lower-case name."""

from collections.abc import Iterable


class HeaderFields:
    """`get` is for fields that stand once; of repeated lines it gives the last. `lines` gives them all, in order."""

    __slots__ = ("_by_name", "_raw")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._by_name = dict(raw)

    def get(self, name: bytes) -> str | None:
        value = self._by_name.get(name)
        return None if value is None else value.decode("latin-1")

    def lines(self, name: bytes) -> list[str]:
        if name not in self._by_name:
            return []
        return [value.decode("latin-1") for other, value in self._raw if other == name]

    def __contains__(self, name: bytes) -> bool:
        return name in self._by_name
