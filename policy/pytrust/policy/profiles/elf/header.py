"""The heads of an ELF file: what is loaded where (System V ABI, "Object Files"; little-endian, 64 bits).

Read with ``struct``, since the bytes are anybody's: every count and offset is checked against the file before it is
used, and nothing is believed that the kernel would not need. Sections are optional, as they are to the kernel.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

from pytrust.trust.errors import BadContent
from pytrust.trust.limits import ELF_HEADERS_MAX, ELF_PIECES_MAX

MAGIC: Final = b"\x7fELF"
X86_64: Final = 62
AARCH64: Final = 183
_EXECUTABLE: Final = 2
_SHARED: Final = 3
_HEAD: Final = struct.Struct("<HHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_IDENT: Final = 16
_LITTLE_64: Final = b"\x02\x01"
_LOAD: Final = 1
DYNAMIC: Final = 2
INTERPRETER: Final = 3
FRAMES: Final = 0x6474E550
_NO_BITS: Final = 8
_CODE: Final = 4  # a flag of sections


class Segment(NamedTuple):
    """A part of the file, and where it lies in memory; ``kind`` as in the program header."""

    kind: int
    address: int
    offset: int
    size: int
    memory: int
    executable: bool
    writable: bool

    def holds(self, address: int) -> bool:
        """The address is in what is loaded of the file."""
        return self.address <= address < self.address + self.size


class Section(NamedTuple):
    """A named part of the file; ``kind`` as in the section header."""

    name: str
    kind: int
    address: int
    offset: int
    size: int
    executable: bool


@dataclass(frozen=True, slots=True)
class Heads:
    """One file: its bytes, machine, where it starts, its segments and, where it has any, sections."""

    path: str
    data: bytes
    machine: int
    shared: bool
    entry: int
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]

    @property
    def loaded(self) -> tuple[Segment, ...]:
        """What is in memory when it runs."""
        return tuple(segment for segment in self.segments if segment.kind == _LOAD)

    def segment(self, kind: int) -> Segment | None:
        """The first segment of a kind."""
        return next((segment for segment in self.segments if segment.kind == kind), None)

    def section(self, name: str) -> Section | None:
        """The first section of a name."""
        return next((section for section in self.sections if section.name == name), None)

    def offset_of(self, address: int) -> int | None:
        """Where the byte of an address lies in the file."""
        for segment in self.segments:
            if segment.kind == _LOAD and segment.holds(address):
                return segment.offset + address - segment.address
        return None

    def at(self, address: int, size: int) -> bytes:
        """The bytes at an address.

        Raises:
            BadContent: the file has none there.
        """
        offset = self.offset_of(address)
        if offset is None or size < 0 or offset + size > len(self.data):
            raise self.wrong(f"it points at {address:#x}, where it has nothing")
        return self.data[offset : offset + size]

    def wrong(self, reason: str) -> BadContent:
        """What to raise where the file contradicts itself."""
        return BadContent(f"{self.path} is no program that can be read: {reason}", hint="rebuild the image")


def read_heads(path: str, data: bytes) -> Heads:
    """Read the heads of ``data``; ``path`` names it in errors.

    Raises:
        BadContent: it is no ELF file of 64 bits that a kernel would run.
    """
    empty = Heads(path, data, 0, shared=False, entry=0, segments=(), sections=())
    if data[:4] != MAGIC or data[4:6] != _LITTLE_64 or len(data) < _IDENT + _HEAD.size:
        raise empty.wrong("it is no ELF file of 64 bits, little-endian")
    kind, machine, _, entry, segments, sections, _, _, segment_size, count, section_size, section_count, names = (
        _HEAD.unpack_from(data, _IDENT)
    )
    if kind not in {_EXECUTABLE, _SHARED} or segment_size != _SEGMENT.size:
        raise empty.wrong("it is neither a program nor a library")
    found = tuple(_segments(empty, segments, count))
    named = _sections(empty, sections, section_count, names) if section_size == _SECTION.size else ()
    return Heads(path, data, machine, kind == _SHARED, entry, found, named)


def _segments(heads: Heads, offset: int, count: int) -> list[Segment]:
    found: list[Segment] = []
    for fields in _table(heads, _SEGMENT, offset, count):
        kind, flags, start, address, _, size, memory, _ = fields
        if start + size > len(heads.data) or memory < size or address + memory >= 1 << 63:
            raise heads.wrong("a segment is larger than the file")
        if kind == _LOAD and sum(other.kind == _LOAD for other in found) >= ELF_PIECES_MAX:
            raise heads.wrong(f"it is loaded in more than {ELF_PIECES_MAX} pieces")
        found.append(Segment(kind, address, start, size, memory, bool(flags & 1), bool(flags & 2)))
    return found


def _sections(heads: Heads, offset: int, count: int, names: int) -> tuple[Section, ...]:
    """None where the table is cut off or makes no sense: nothing at run time needs it."""
    if count > ELF_HEADERS_MAX or offset + count * _SECTION.size > len(heads.data) or names >= count:
        return ()
    rows = _table(heads, _SECTION, offset, count)
    text = _part(heads, rows[names])
    return tuple(
        Section(string(text, row[0]), row[1], row[3], row[4], row[5], bool(row[2] & _CODE))
        for row in rows
        if row[1] != _NO_BITS and row[4] + row[5] <= len(heads.data)
    )


def _part(heads: Heads, row: tuple[int, ...]) -> bytes:
    return heads.data[row[4] : row[4] + row[5]]


def _table(heads: Heads, shape: struct.Struct, offset: int, count: int) -> list[tuple[int, ...]]:
    if count > ELF_HEADERS_MAX or offset + count * shape.size > len(heads.data):
        raise heads.wrong("its table of contents is cut off")
    return [shape.unpack_from(heads.data, offset + number * shape.size) for number in range(count)]


def string(table: bytes, offset: int) -> str:
    """A name in a table of names; empty where there is none. Names are any bytes, told as the kernel's users do."""
    end = table.find(b"\0", offset, offset + _NAME_MAX)
    return table[offset:end].decode("utf-8", "surrogateescape") if end > offset else ""


_NAME_MAX: Final = 4096  # of C++ some have 3,000
