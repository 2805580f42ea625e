"""The file system of an image, as far as its analysis needs it. An interface, and one in memory.

Paths are absolute in the image, with no ``.``, ``..`` or empty part; nothing outside the image can be named. A link
that leads out, or in circles, leads nowhere.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from pytrust.trust.limits import IMAGE_LINKS_MAX

_SETUID: Final = 0o4000
_SETGID: Final = 0o2000
_EXECUTE: Final = 0o111


class Entry(NamedTuple):
    """One regular file or symbolic link.

    ``mode`` are its permission bits, ``capability`` the bytes of ``security.capability``, ``link`` where a symbolic
    link leads.
    """

    size: int = 0
    mode: int = 0o644
    capability: bytes = b""
    link: str | None = None

    @property
    def executable(self) -> bool:
        """Somebody may execute it."""
        return self.link is None and bool(self.mode & _EXECUTE)

    @property
    def changes_user(self) -> bool:
        """It is executed as its owner or group."""
        return self.executable and bool(self.mode & (_SETUID | _SETGID))


class FileTree(Protocol):
    """The files of an image. Reading gives bytes as they are; nothing of them is believed."""

    def entry(self, path: str) -> Entry | None:
        """What lies exactly there: no link of the path is followed; None for folders and nothing."""

    def paths(self) -> Iterator[str]:
        """Every file and link."""

    def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes of a regular file."""


class Config(NamedTuple):
    """What the image says about its programs. ``ports`` are those that it exposes."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    user: str = ""
    folder: str = "/"
    ports: tuple[int, ...] = ()
    architecture: str = "amd64"


class MemoryTree:
    """A tree of files that are in memory; a text in place of bytes is a symbolic link."""

    def __init__(self, files: Mapping[str, bytes | str], modes: Mapping[str, int] | None = None) -> None:
        self._files = files
        self._modes = modes or {}

    def entry(self, path: str) -> Entry | None:
        """What lies there."""
        content = self._files.get(path)
        if content is None:
            return None
        mode = self._modes.get(path, 0o755)
        return Entry(mode=mode, link=content) if isinstance(content, str) else Entry(len(content), mode)

    def paths(self) -> Iterator[str]:
        """Every file and link."""
        return iter(self._files)

    def read(self, path: str, limit: int) -> bytes:
        """The first bytes of a file."""
        content = self._files[path]
        return b"" if isinstance(content, str) else content[:limit]


def resolve(tree: FileTree, path: str, folder: str = "/") -> str | None:
    """The regular file that a path leads to, links followed inside the image; None where it leads nowhere."""
    left = IMAGE_LINKS_MAX
    parts = _parts(posixpath.join(folder, path))[::-1]
    done: list[str] = []
    while parts:
        part = parts.pop()
        if part == "..":
            done = done[:-1]
            continue
        here = "/" + "/".join([*done, part])
        entry = tree.entry(here)
        if entry is None or entry.link is None:
            done.append(part)
            continue
        left -= 1
        if left < 0:
            return None
        if entry.link.startswith("/"):
            done = []
        parts += _parts(entry.link)[::-1]
    found = "/" + "/".join(done)
    end = tree.entry(found)
    return found if end is not None and end.link is None else None


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]
