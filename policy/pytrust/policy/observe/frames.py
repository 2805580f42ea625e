"""What a container says, as an engine sends it: frames of two streams, each with a head of eight bytes. Pure.

The head is the stream (1 or 2), three zeros, and the length of what follows, big endian (Engine API, "Attach to a
container", "Stream format").
"""

from __future__ import annotations

import struct
from typing import Final

from pytrust.policy.engine.words import one_line

_HEAD: Final = struct.Struct(">BxxxL")


def output_of(data: bytes) -> str:
    """Both streams in the order in which they came; what is cut off counts as far as it goes."""
    said, place = bytearray(), 0
    while place + _HEAD.size <= len(data):
        _, length = _HEAD.unpack_from(data, place)
        place += _HEAD.size
        said += data[place : place + length]
        place += length
    return said.decode("utf-8", "replace")


def last_words(output: str) -> str:
    """The last line that says something, safe to print."""
    lines = filter(None, map(one_line, output.splitlines()[::-1]))
    return next(lines, "")
