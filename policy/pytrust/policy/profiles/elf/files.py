"""The programs and libraries of an image, each read once, and what was wrong with those that could not be."""

from __future__ import annotations

from typing import Final

from pytrust.policy.profiles.elf.dynamic import Dynamic, read_dynamic
from pytrust.policy.profiles.elf.header import MAGIC, read_heads
from pytrust.policy.profiles.elf.machine import Disassembler
from pytrust.policy.profiles.elf.module import Module, read_module
from pytrust.policy.profiles.elf.tree import FileTree
from pytrust.trust.errors import BadContent, PytrustError, UsageError
from pytrust.trust.limits import ELF_FILE_MAX_BYTES, ELF_OBJECTS_MAX

_NATIVE: Final = MAGIC + b"\x02\x01"  # of 64 bits, little-endian


class Files:
    """Reads modules of one image."""

    def __init__(self, tree: FileTree) -> None:
        self.tree = tree
        self.problems: dict[str, None] = {}
        self._disassembler = Disassembler()
        self._modules: dict[str, Module | None] = {}
        self._libraries: list[tuple[str, Dynamic]] | None = None

    def must(self, path: str) -> Module:
        """The module at a path.

        Raises:
            BadContent: it is none, or there are too many.
            UsageError: it is one for another machine.
        """
        known = self._modules.get(path)
        if known is None:
            if len(self._modules) >= ELF_OBJECTS_MAX:
                raise BadContent(f"the image has more than {ELF_OBJECTS_MAX} programs and libraries to look at")
            known = self._modules[path] = read_module(path, self._data(path), self._disassembler)
        return known

    def module(self, path: str) -> Module | None:
        """The module at a path; None, and a problem, where it cannot be read."""
        if path not in self._modules:
            try:
                return self.must(path)
            except (BadContent, UsageError) as error:
                self._missed(path, error)
        return self._modules[path]

    def libraries(self) -> list[tuple[str, Dynamic]]:
        """Every library of the image, and what it offers."""
        if self._libraries is None:
            paths = sorted(path for path in self.tree.paths() if ".so" in path)
            read = ((path, self._offers(path)) for path in paths)
            self._libraries = [(path, dynamic) for path, dynamic in read if dynamic is not None]
        return self._libraries

    def _offers(self, path: str) -> Dynamic | None:
        entry = self.tree.entry(path)
        if entry is None or entry.link is not None or self.tree.read(path, len(_NATIVE)) != _NATIVE:
            return None
        try:
            return read_dynamic(read_heads(path, self._data(path)))
        except BadContent as error:
            self.problems[str(error)] = None
            return None

    def _missed(self, path: str, error: PytrustError) -> None:
        self._modules[path] = None
        self.problems[str(error)] = None

    def _data(self, path: str) -> bytes:
        entry = self.tree.entry(path)
        if entry is None or entry.size > ELF_FILE_MAX_BYTES:
            raise BadContent(f"{path} is no program that can be read: it has more than {ELF_FILE_MAX_BYTES} bytes")
        return self.tree.read(path, ELF_FILE_MAX_BYTES)
