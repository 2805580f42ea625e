"""Which operation of the engine a request asks for: the table, and the way from method and target to one row of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from pytrust.policy.engine.call import Call, Malformed, Route, Verdict
from pytrust.policy.engine.routes_closed import CLOSED_ROUTES
from pytrust.policy.engine.routes_open import OPEN_ROUTES
from pytrust.policy.engine.target import read_name, read_query, read_reference, read_target

ROUTES: Final = (*OPEN_ROUTES, *CLOSED_ROUTES)

_Shape = tuple[str | None, ...]  # the method, and the parts of a path with None for a parameter


@lru_cache(maxsize=512)
def match(method: str, target: str) -> Call | None:
    """The call that a request makes; ``None`` if it is in no row of the table.

    Of a closed route nothing but the route itself is read.

    Raises:
        Malformed: the target is not in its one accepted spelling, or its query is not that of the route.
    """
    version, parts, query = read_target(target)
    route = _find(method, parts)
    if route is None and any("%" in part for part in parts):
        raise Malformed(400, "only the name of an image may have escapes in a path")
    if route is None:
        return None
    if route.verdict is Verdict.CLOSED:
        return Call(route, version, {}, {})
    return Call(route, version, _params(route, parts), read_query(query, route.query, route.repeatable))


def _find(method: str, parts: tuple[str, ...]) -> Route | None:
    for shape in _shapes(method, parts):
        route = _BY_SHAPE.get(shape)
        if route is not None:
            return route
    return None


def _shapes(method: str, parts: tuple[str, ...]) -> Iterator[_Shape]:
    """The shapes that a path could have, literal ones first, as in the engine's own order."""
    yield method, *parts
    yield method, *parts[:-1], None  # /networks/{id}
    if len(parts) > 2:  # noqa: PLR2004
        first, last = parts[0], parts[-1]
        yield method, first, None, *parts[2:]  # /containers/{id}/attach/ws
        yield method, first, None, *parts[2:-1], None  # /containers/{id}/checkpoints/{checkpoint}
        yield method, first, None, last  # /images/{image}/json, where the name has slashes
        yield method, first, None  # /images/{image}, the same


def _shape(route: Route) -> _Shape:
    return route.method, *(None if part.startswith("{") else part for part in route.template)


def _params(route: Route, parts: tuple[str, ...]) -> Mapping[str, str]:
    """The parameters by name; the first one takes in what a path has more parts than the template."""
    more = len(parts) - len(route.template)
    spread = (parts[0], "/".join(parts[1 : more + 2]), *parts[more + 2 :]) if more else parts
    thing = route.what.split()[0]
    return {
        part[1:-1]: read_reference(text) if part == "{image}" else read_name(text, thing)
        for part, text in zip(route.template, spread, strict=True)
        if part.startswith("{")
    }


_BY_SHAPE: Final[Mapping[_Shape, Route]] = {_shape(route): route for route in ROUTES}
