"""Where a path on this host leads, and whether it touches what pytrust or the engine is ruled by.

Two places touch where one is the other, holds it, or lies in it: by their words, after symbolic links, or by being the
same file or folder of the disk (a bind mount is a second name for a folder). The answer holds for the moment it is
given: who can write to a folder on the way can change where the path leads.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from pytrust.policy.core.facts import HostPath, Missing
from pytrust.policy.engine.paths import clean
from pytrust.trust.errors import Unsound, UsageError

ENGINE_PLACES: Final = (
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/docker",
    "/run/containerd",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/etc/docker",
)
"""Where an engine usually listens, keeps its state and is configured: through each of them it can be told anything."""
_LINKS_MAX: Final = 40  # on one way, as in the kernel
_OF_A_PROCESS = re.compile(r"/proc/(?:self|thread-self|[0-9]+)(?:/|\Z)")

_Name = str | tuple[int, int]
"""A path, or device and inode."""


class _Spot(NamedTuple):
    """One place: all its names, and those of every folder that it lies in."""

    names: frozenset[_Name]
    way: frozenset[_Name]

    @classmethod
    def of(cls, path: str) -> _Spot:
        spellings = (clean(path), os.path.realpath(path))
        names = {name for spelling in spellings for name in _names(spelling)}
        above = {name for spelling in spellings for folder in _above(spelling) for name in _names(folder)}
        return cls(frozenset(names), frozenset(names | above))

    def touches(self, other: _Spot) -> bool:
        return not self.names.isdisjoint(other.way) or not other.names.isdisjoint(self.way)


def look_up(path: str, guarded: Iterable[str]) -> HostPath | Missing:
    """Where an absolute ``path`` leads, read as the engine does (``..`` is dropped before links are followed).

    Args:
        path: as it was written.
        guarded: absolute paths that are not to be touched, besides those of every engine.

    Raises:
        UsageError: it is no absolute path, or leads elsewhere for every process.
        Unsound: it cannot be followed.
    """
    if not path.startswith("/") or "\0" in path:
        raise UsageError(f"{path[:200]!r} is not an absolute path", hint="write it from / on")
    plain = clean(path)
    real = None if _OF_A_PROCESS.match(plain) else _follow(plain)
    if real is None or _OF_A_PROCESS.match(real):
        raise UsageError(f"{path[:200]!r} leads elsewhere for every process", hint="name the folder that is meant")
    if not real:
        return Missing()
    spot = _Spot.of(plain)
    return HostPath(real=real, guarded=any(spot.touches(_Spot.of(place)) for place in (*ENGINE_PLACES, *guarded)))


def _follow(path: str) -> str | None:
    """The path without links; empty where nothing is there, None where it leads through the links of a process."""
    try:
        return _walk(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise Unsound(f"{path[:200]!r} cannot be followed: {reason.lower()}") from error


def _walk(path: str) -> str | None:
    """As the kernel goes, but not by links that lead elsewhere for every process: ``/proc/self/cwd`` is ours, here."""
    real, left, links = "/", path.split("/")[::-1], 0
    while left:
        here = clean(f"{real}/{left.pop()}")
        if not stat.S_ISLNK(os.lstat(here).st_mode):
            real = here
            continue
        if _OF_A_PROCESS.match(here):
            return None
        links += 1
        if links > _LINKS_MAX:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(here)  # noqa: PTH115
        real = "/" if target.startswith("/") else real
        left += target.split("/")[::-1]
    return real


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = os.path.dirname(path)  # noqa: PTH120 - text in, text out
        yield path


def _names(path: str) -> set[_Name]:
    names: set[_Name] = {path}
    with suppress(OSError):
        found = os.stat(path)  # noqa: PTH116
        names.add((found.st_dev, found.st_ino))
    return names
