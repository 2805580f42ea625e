"""Where functions begin and end, from the table that unwinds the stack (LSB, ``.eh_frame_hdr`` and ``.eh_frame``)."""

from __future__ import annotations

import struct
from typing import Final

from pytrust.policy.profiles.elf.header import FRAMES, Heads
from pytrust.trust.errors import BadContent
from pytrust.trust.limits import ELF_ENTRIES_MAX

_HEAD: Final = struct.Struct("<BBBBiI")
_ENTRY: Final = struct.Struct("<ii")
_FRAME: Final = struct.Struct("<IIiI")
_SORTED_TABLE: Final = (1, 0x1B, 0x03, 0x3B)  # the version and encodings that linkers write: 32 bits, relative


def framed_functions(heads: Heads) -> list[tuple[int, int]]:
    """Start and end of each, in order; empty where the file has no such table, or one that is encoded otherwise."""
    segment = heads.segment(FRAMES)
    if segment is None or segment.size < _HEAD.size:
        return []
    version, frames, counts, table, _, count = _HEAD.unpack_from(heads.data, segment.offset)
    if (version, frames, counts, table) != _SORTED_TABLE or count > ELF_ENTRIES_MAX:
        return []
    try:
        rows = heads.at(segment.address + _HEAD.size, count * _ENTRY.size)
        return sorted({_function(heads, segment.address + frame) for _, frame in _ENTRY.iter_unpack(rows)})
    except (BadContent, struct.error):
        return []


def _function(heads: Heads, frame: int) -> tuple[int, int]:
    offset = heads.offset_of(frame)
    if offset is None:
        raise heads.wrong("its table of frames is cut off")
    _, _, start, size = _FRAME.unpack_from(heads.data, offset)
    begin = frame + 8 + start
    return begin, begin + size
