"""Asking an engine for all that is looked at: with GETs alone, several at once, and never without end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from pytrust.policy.audit.inventory import Inventory
from pytrust.policy.audit.lenient import read, read_list
from pytrust.policy.audit.said import Container, Image, Info, Layer, Network, Volume
from pytrust.trust.errors import BadContent, Refused, ServerError, Unreachable

CONTAINERS_MAX: Final = 2_000  # of one engine; large hosts run some hundred
IMAGES_MAX: Final = 2_000
PROCESSES_MAX: Final = 1_000  # of one container that are looked at
ALL_MAX_BYTES: Final = 256 * 1024 * 1024  # of all answers together; a container has some 10 kB, an image 20
_AT_ONCE: Final = 8

T = TypeVar("T")


class Engine(Protocol):
    """Who answers GETs (``engine.client.Engine``)."""

    def look(self, path: str) -> bytes | None:
        """The answer; None for no such thing."""


class _Listed(msgspec.Struct, frozen=True, rename="pascal"):
    id: str


class _Volumes(msgspec.Struct, frozen=True, rename="pascal"):
    volumes: list[Volume] | None = None


class _Top(msgspec.Struct, frozen=True, rename="pascal"):
    processes: list[list[str]] | None = None


def read_engine(engine: Engine, reached: str) -> Inventory:
    """The inventory, without host and trust.

    Raises:
        Unknown: the engine does not answer, or stops to, or refuses to.
        BadContent: what it says is no engine's, or is more than is looked at.
    """
    asked = _Bounded(engine)
    info = read(_must(asked, "/info"), Info, "/info")
    listed = read_list(_must(asked, f"/containers/json?all=1&limit={CONTAINERS_MAX}"), _Listed, "list of containers")
    names = [one.id for one in listed[:CONTAINERS_MAX]]
    with ThreadPoolExecutor(_AT_ONCE, "pytrust-audit") as pool:
        found = _each(pool, names, lambda one: _one(asked, f"/containers/{_part(one)}/json", Container))
        used = list(dict.fromkeys(one.image for one in found.values() if one.image))[:IMAGES_MAX]
        images = _each(pool, used, lambda one: _one(asked, f"/images/{_part(one)}/json", Image))
        histories = _each(pool, used, lambda one: _many(asked, f"/images/{_part(one)}/history", Layer))
        running = [name for name, one in found.items() if one.state and one.state.running]
        processes = _each(pool, running, lambda one: _processes(asked, one))
    return Inventory(
        info,
        reached,
        networks=_many(asked, "/networks", Network),
        containers=tuple(sorted(found.values(), key=lambda one: one.called)),
        unread=_unread(names, found, info.containers),
        images=images,
        histories=histories,
        volumes=_volumes(asked),
        processes=processes,
    )


class _Bounded:
    """No more than ``ALL_MAX_BYTES`` are taken from an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._left, self._lock = engine, ALL_MAX_BYTES, threading.Lock()

    def look(self, path: str) -> bytes | None:
        data = self._engine.look(path)
        with self._lock:
            self._left -= len(data or b"")
            if self._left < 0:
                raise Unreachable(f"the engine says more than {ALL_MAX_BYTES} bytes of what it holds")
        return data


def _unread(names: list[str], found: Mapping[str, Container], count: int | None) -> tuple[str, ...]:
    """By the beginning of their ids; what was not asked for is one more."""
    missing = [name[:12] for name in names if name not in found]
    more = (count or 0) - len(names)
    return (*missing, f"{more} more") if more > 0 else tuple(missing)


def _volumes(engine: Engine) -> Mapping[str, str] | None:
    """Directories of the host that come in the shape of a volume."""
    said = _one(engine, "/volumes", _Volumes)
    if said is None or said.volumes is None:
        return None
    return {
        volume.name: device
        for volume in said.volumes
        if (device := (volume.options or {}).get("device", "")).startswith("/")
    }


def _each(pool: ThreadPoolExecutor, names: list[str], ask: Callable[[str], T | None]) -> Mapping[str, T]:
    answers: Iterable[T | None] = pool.map(ask, names)
    return {name: found for name, found in zip(names, answers, strict=True) if found is not None}


def _must(engine: Engine, path: str) -> bytes:
    """Raises ``Unreachable`` also where we are not let in: nothing was found out then."""
    try:
        data = engine.look(path)
    except Refused as error:
        raise Unreachable(str(error), hint=error.hint) from error
    if data is None:
        raise BadContent(f"the engine does not know {path}", hint="try: docker info")
    return data


def _look(engine: Engine, path: str, take: Callable[[bytes], T]) -> T | None:
    """None where the engine, or who stands before it, does not say it; an engine that is gone is an error."""
    try:
        data = engine.look(path)
        return None if data is None else take(data)
    except (Refused, ServerError):
        return None


def _one(engine: Engine, path: str, kind: type[T]) -> T | None:
    return _look(engine, path, lambda data: read(data, kind, path))


def _many(engine: Engine, path: str, kind: type[T]) -> tuple[T, ...] | None:
    return _look(engine, path, lambda data: read_list(data, kind, path))


def _processes(engine: Engine, name: str) -> tuple[str, ...] | None:
    """Command lines stand in the last column, as ``ps -ef`` has it."""
    top = _one(engine, f"/containers/{_part(name)}/top", _Top)
    if top is None or top.processes is None or len(top.processes) > PROCESSES_MAX:
        return None
    return tuple(row[-1] for row in top.processes if row)


def _part(name: str) -> str:
    return quote(name, safe=":")
