"""Programs of Go: their functions, by the table that Go's runtime reads (``runtime/symtab.go``, layouts since Go 1.16).

Go's linker leaves out every function that nothing reaches, methods included, so all that are in the file count as
reached. What is left is which of them call each other, for numbers are handed down to the few that enter the kernel.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from pytrust.policy.profiles.elf.dynamic import Dynamic
from pytrust.policy.profiles.elf.header import Heads, string
from pytrust.trust.limits import ELF_ENTRIES_MAX

_MAGIC: Final = re.compile(rb"\xff\xff\xff\0\0[\x01\x02\x04]\x08")
_FIRST: Final = frozenset({0xF0, 0xF1, 0xFA})  # Go 1.18, 1.20, 1.16
_OLD: Final = 0xFA  # Go 1.16 and 1.17: addresses instead of distances, and no start of the code
_WORDS: Final = struct.Struct("<8Q")
_NEAR_ROW: Final = struct.Struct("<II")
_FAR_ROW: Final = struct.Struct("<QQ")
_BRANCH: Final = re.compile(rb"(?s)(?=(?:[\xe8\xe9]|\x0f[\x80-\x8f])(...[\x00\xff\x01\xfe]))")


@dataclass(frozen=True, slots=True)
class GoTable:
    """The functions of a Go program: where each begins, in order, where the last one ends, and their names."""

    starts: tuple[int, ...]
    end: int
    names: dict[int, str]

    @property
    def functions(self) -> list[tuple[int, int]]:
        """Start and end of each."""
        return list(zip(self.starts, (*self.starts[1:], self.end), strict=True))

    def holds(self, address: int) -> bool:
        """It is an address in Go's own code."""
        return bool(self.starts) and self.starts[0] <= address < self.end


def read_go(heads: Heads, dynamic: Dynamic) -> GoTable | None:
    """The table of a Go program; None where the file is none, or of a layout that is not known."""
    for found in _MAGIC.finditer(heads.data):
        start = found.start() - 1
        table = _read(heads, dynamic, start) if start >= 0 and heads.data[start] in _FIRST else None
        if table is not None:
            return table
    return None


def _read(heads: Heads, dynamic: Dynamic, offset: int) -> GoTable | None:
    if offset + 8 + _WORDS.size > len(heads.data):
        return None
    words = _WORDS.unpack_from(heads.data, offset + 8)
    if heads.data[offset] == _OLD:
        count, names, rows, shape, text = words[0], words[2], words[6], _FAR_ROW, 0
    else:
        count, names, rows, shape = words[0], words[3], words[7], _NEAR_ROW
        text = words[2] or _moved(heads, dynamic, offset + 24)
    start = offset + rows
    if not 0 < count < ELF_ENTRIES_MAX or start + count * shape.size + shape.size // 2 > len(heads.data):
        return None
    found = [shape.unpack_from(heads.data, start + number * shape.size) for number in range(count)]
    last = int.from_bytes(heads.data[start + count * shape.size :][: shape.size // 2], "little")
    starts = tuple(text + row[0] for row in found)
    if any(left > right for left, right in zip(starts, (*starts[1:], text + last), strict=True)):
        return None
    if not any(part.executable and part.holds(starts[0]) and part.holds(text + last - 1) for part in heads.loaded):
        return None
    places = [start + row[1] + shape.size // 2 for row in found]
    return GoTable(starts, text + last, _names(heads, offset + names, places, starts))


def _moved(heads: Heads, dynamic: Dynamic, offset: int) -> int:
    """Where the code begins, in programs that are moved when they are loaded: the linker's note, or the section."""
    for segment in heads.loaded:
        if segment.offset <= offset < segment.offset + segment.size:
            pointer = dynamic.pointers.get(segment.address + offset - segment.offset)
            if pointer is not None:
                return pointer.address
    section = heads.section(".text")
    return 0 if section is None else section.address


def _names(heads: Heads, names: int, places: list[int], starts: tuple[int, ...]) -> dict[int, str]:
    data = heads.data
    offsets = (int.from_bytes(data[place : place + 4], "little") for place in places)
    return {start: string(data, names + offset) for start, offset in zip(starts, offsets, strict=True)}


def branches(heads: Heads, table: GoTable) -> dict[int, list[int]]:
    """Places of calls and jumps to the beginning of each function, by that beginning.

    Every four bytes that name one by its distance are taken for a call: to hit one by chance is rare.
    """
    begins = set(table.starts)
    found: dict[int, list[int]] = {}
    first, size = table.starts[0], table.end - table.starts[0]
    data = heads.at(first, size)
    for match in _BRANCH.finditer(data):
        target = first + match.end(1) + int.from_bytes(match[1], "little", signed=True)
        if target in begins:
            found.setdefault(target, []).append(first + match.start())
    return found


def function_of(table: GoTable, address: int) -> tuple[int, int] | None:
    """Start and end of the function that an address is in."""
    if not table.holds(address):
        return None
    index = bisect_right(table.starts, address) - 1
    return table.starts[index], table.starts[index + 1] if index + 1 < len(table.starts) else table.end
