"""Asking an engine for all that is looked at: with GETs alone, several at once, and never without end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from pytrust.policy.audit.inventory import Container, Image, Info, Inventory, Layer, Network, read
from pytrust.trust.errors import BadContent, PytrustError

CONTAINERS_MAX: Final = 2_000  # of one engine; large hosts run some hundred
IMAGES_MAX: Final = 2_000
PROCESSES_MAX: Final = 1_000  # of one container that are looked at
_AT_ONCE: Final = 8

T = TypeVar("T")


class Engine(Protocol):
    """Who answers GETs (``engine.client.Engine``)."""

    def look(self, path: str) -> bytes | None:
        """The answer; None for no such thing."""


class _Listed(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="Id")


class _Top(msgspec.Struct, frozen=True):
    titles: list[str] = msgspec.field(name="Titles", default_factory=list)
    processes: list[list[str]] = msgspec.field(name="Processes", default_factory=list)


def read_engine(engine: Engine, reached: str) -> Inventory:
    """The inventory, without host and trust; what goes away meanwhile is left out.

    Raises:
        PytrustError: the engine does not answer, or holds more than is looked at.
    """
    info = read(_must(engine, "/info"), Info, "/info")
    networks = _optional(engine, "/networks", list[Network])
    listed = read(_must(engine, "/containers/json?all=1"), list[_Listed], "list of containers")
    if len(listed) > CONTAINERS_MAX:
        raise BadContent(f"the engine has {len(listed)} containers, of {CONTAINERS_MAX} that are looked at")
    with ThreadPoolExecutor(_AT_ONCE, "pytrust-audit") as pool:
        found = tuple(one for one in pool.map(lambda one: _container(engine, one.id), listed) if one)
        ids = list(dict.fromkeys(one.image for one in found if one.image))[:IMAGES_MAX]
        images = _each(pool.map, ids, lambda one: _optional(engine, f"/images/{_part(one)}/json", Image))
        histories = _each(pool.map, ids, lambda one: _optional(engine, f"/images/{_part(one)}/history", list[Layer]))
        running = [one.id for one in found if one.state and one.state.running]
        processes = _each(pool.map, running, lambda one: _processes(engine, one))
    return Inventory(
        info,
        reached,
        networks=None if networks is None else tuple(networks),
        containers=tuple(sorted(found, key=lambda one: one.called)),
        images=images,
        histories={one: tuple(lines) for one, lines in histories.items()},
        processes=processes,
    )


def _each(
    run: Callable[[Callable[[str], T | None], Iterable[str]], Iterable[T | None]],
    names: list[str],
    ask: Callable[[str], T | None],
) -> Mapping[str, T]:
    return {name: found for name, found in zip(names, run(ask, names), strict=True) if found is not None}


def _must(engine: Engine, path: str) -> bytes:
    data = engine.look(path)
    if data is None:
        raise BadContent(f"the engine does not know {path}", hint="try: docker info")
    return data


def _optional(engine: Engine, path: str, kind: type[T]) -> T | None:
    """None where the engine, or who stands before it, does not say it."""
    try:
        data = engine.look(path)
        return None if data is None else read(data, kind, path)
    except PytrustError:
        return None


def _container(engine: Engine, name: str) -> Container | None:
    return _optional(engine, f"/containers/{_part(name)}/json", Container)


def _processes(engine: Engine, name: str) -> tuple[str, ...] | None:
    top = _optional(engine, f"/containers/{_part(name)}/top", _Top)
    if top is None or not top.titles:
        return None
    return tuple(row[-1] for row in top.processes[:PROCESSES_MAX] if row)


def _part(name: str) -> str:
    return quote(name, safe=":")
