"""Which call of the public API a request is: found once, by its raw path, before anything else of it is read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

E = TypeVar("E")
"""What is found: the endpoint of one method and path."""


@dataclass(slots=True)
class _Node(Generic[E]):
    children: "dict[str, _Node[E]]" = field(default_factory=dict)
    variable: "_Node[E] | None" = None
    methods: dict[str, E] = field(default_factory=dict)


class RouteTable(Generic[E]):
    """A tree of path segments. Each segment is decoded by itself, so an encoded slash stays within its segment, and
    nothing is normalised: `.`, `..` and empty segments are segments like any other.
    """

    def __init__(self, endpoints: Iterable[tuple[str, str, E]]) -> None:
        """endpoints: (method, path, endpoint); a path has at most one variable part, `{name}`."""
        self._root: _Node[E] = _Node()
        self._plain: dict[bytes, Mapping[str, E]] = {}
        for method, path, endpoint in endpoints:
            node = self._node(path)
            node.methods[method] = endpoint
            if "{" not in path:
                self._plain[path.encode()] = node.methods

    def find(self, raw_path: bytes) -> tuple[Mapping[str, E], str] | None:
        """The endpoints at this path by method, and the decoded variable part ("" without one). None: no such path."""
        methods = self._plain.get(raw_path)
        if methods is not None:
            return methods, ""
        node, part = self._root, ""
        for raw in raw_path.decode("utf-8", "replace").split("/"):
            segment = unquote(raw) if "%" in raw else raw
            child = node.children.get(segment)
            if child is None:
                if node.variable is None or not segment:
                    return None
                child, part = node.variable, segment
            node = child
        return (node.methods, part) if node.methods else None

    def _node(self, path: str) -> _Node[E]:
        node = self._root
        for segment in path.split("/"):
            if segment.startswith("{"):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.children.setdefault(segment, _Node())
        return node
