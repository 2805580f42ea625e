"""Where a dynamic linker looks for libraries (ld.so(8), musl ``ldso/dynlink.c``)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from pytrust.policy.profiles.elf.tree import Config, FileTree, resolve
from pytrust.trust.limits import IMAGE_DOCUMENT_MAX_BYTES, SEARCH_FOLDERS_MAX

_GLIBC: Final = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
)
_MUSL: Final = ("/lib", "/usr/local/lib", "/usr/lib")
_MUSL_PATH: Final = "/etc/ld-musl-x86_64.path"
_MUSL_OWN: Final = re.compile(r"lib(?:c|pthread|rt|m|dl|util|xnet|c\.musl-x86_64)\.so(?:\..*)?")
_TOKEN: Final = re.compile(r"\$(?:\{(\w+)\}|(ORIGIN|LIB|PLATFORM))")
_CONF: Final = "/etc/ld.so.conf"
_PRELOAD: Final = "/etc/ld.so.preload"
_INCLUDES: Final = 32  # files that are included
_LINES: Final = 256  # of one file of folders
_ASKERS: Final = 16  # of one library, whose folders count


class Asker(NamedTuple):
    """A file that asks for libraries: its path, and what its dynamic section says of where they are."""

    path: str
    rpath: str
    runpath: str


class Libraries:
    """The libraries of an image, as the linker at ``interpreter`` finds them."""

    def __init__(self, tree: FileTree, config: Config, interpreter: str) -> None:
        self._tree = tree
        self._interpreter = interpreter
        self.musl = "ld-musl" in interpreter
        self._environment = dict(line.partition("=")[::2] for line in config.environment)
        self._included: set[str] = set()
        folders = self._musl_folders() if self.musl else (*self._configured(_CONF), *_GLIBC)
        self._folders = tuple(dict.fromkeys(folders))[:SEARCH_FOLDERS_MAX]

    @property
    def folders(self) -> tuple[str, ...]:
        """Where every program's libraries are looked for."""
        return self._folders

    def preloaded(self) -> list[str]:
        """What is loaded into every program."""
        named = re.split(r"[:\s]+", self._environment.get("LD_PRELOAD", ""))
        listed = [] if self.musl else self._text(_PRELOAD).split()
        return [name for name in (*named, *listed) if name]

    def find(self, name: str, askers: tuple[Asker, ...]) -> str | None:
        """The file of a library; ``askers`` are who asks for it, first, and who asked for that."""
        if self.musl and _MUSL_OWN.fullmatch(name):
            return resolve(self._tree, self._interpreter)
        if "/" in name:
            return resolve(self._tree, name) if name.startswith("/") else None
        for folder in self._in_order(askers):
            found = resolve(self._tree, name, folder)
            if found is not None:
                return found
        return None

    def _in_order(self, askers: tuple[Asker, ...]) -> Iterator[str]:
        first = askers[0]
        if not first.runpath:
            for asker in askers[:_ASKERS]:
                yield from _expand(asker.rpath, asker.path)
        yield from _expand(self._environment.get("LD_LIBRARY_PATH", ""), first.path)
        yield from _expand(first.runpath, first.path)
        yield from self._folders

    def _musl_folders(self) -> tuple[str, ...]:
        return tuple(re.split(r"[:\n]+", self._text(_MUSL_PATH).strip())) if self._text(_MUSL_PATH) else _MUSL

    def _configured(self, path: str) -> Iterator[str]:
        if path in self._included or len(self._included) > _INCLUDES:
            return
        self._included.add(path)
        for line in self._text(path).splitlines()[:_LINES]:
            words = line.partition("#")[0].split()
            if words[:1] == ["include"]:
                for pattern in words[1:_INCLUDES]:
                    for included in self._matching(posixpath.join("/etc", pattern)):
                        yield from self._configured(included)
            elif words:
                yield from (word for word in words if word.startswith("/"))

    def _matching(self, pattern: str) -> list[str]:
        return sorted(path for path in self._tree.paths() if fnmatchcase(path, pattern))

    def _text(self, path: str) -> str:
        found = resolve(self._tree, path)
        data = b"" if found is None else self._tree.read(found, IMAGE_DOCUMENT_MAX_BYTES)
        return data.decode("utf-8", "replace")


def _expand(folders: str, path: str) -> Iterator[str]:
    values = {"ORIGIN": posixpath.dirname(path), "LIB": "lib/x86_64-linux-gnu", "PLATFORM": "x86_64"}
    for folder in folders.split(":")[:SEARCH_FOLDERS_MAX]:
        told = _TOKEN.sub(lambda found: values.get(found[1] or found[2], found[0]), folder)
        if told.startswith("/"):
            yield told
