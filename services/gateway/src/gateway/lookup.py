"""Which call of the public API a request is, by method and path alone, before anything of it is read."""

import re
from collections.abc import Iterable

from gateway.routing import Route


class RouteTable:
    """The routes, found by what a request's first line says."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._plain: dict[tuple[str, str], Route] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            if route.part is None:
                self._plain[route.method, route.path] = route
            else:
                pattern = re.compile(re.sub(r"{\w+}", "[^/]+", route.path))
                self._patterns.setdefault(route.method, []).append((pattern, route))

    def find(self, method: str, path: str) -> Route | None:
        """The call, None for what is none."""
        route = self._plain.get((method, path))
        if route is not None:
            return route
        patterns = self._patterns.get(method, ())
        return next((route for pattern, route in patterns if pattern.fullmatch(path)), None)
