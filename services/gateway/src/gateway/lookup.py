"""Which call of the public API a request is, by method and path alone, before anything of it is read."""

import re
from collections.abc import Iterable, Sequence

from gateway.routing import Route


class RouteTable:
    """The routes, found by what a request's first line says."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._plain: dict[tuple[str, str], Route] = {}
        parted: dict[str, list[Route]] = {}
        for route in routes:
            if route.part is None:
                self._plain[route.method, route.path] = route
            else:
                parted.setdefault(route.method, []).append(route)
        # One pattern for all routes of a method: what is shed asks for its route too, and little else.
        self._parted = {method: (_any_of(found), found) for method, found in parted.items()}

    def find(self, method: str, path: str) -> Route | None:
        """The call, None for what is none."""
        route = self._plain.get((method, path))
        if route is not None:
            return route
        if method not in self._parted:
            return None
        pattern, routes = self._parted[method]
        match = pattern.fullmatch(path)
        return None if match is None or match.lastindex is None else routes[match.lastindex - 1]


def _any_of(routes: Sequence[Route]) -> re.Pattern[str]:
    """Matches the path of any of them; the group that did is the route's number, from 1."""
    return re.compile("|".join(re.sub(r"{\w+}", "[^/]+", f"({route.path})") for route in routes))
