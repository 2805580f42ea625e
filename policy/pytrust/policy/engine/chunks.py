"""A chunked body (RFC 9112 section 7.1), read strictly: no extension, no trailer, one spelling of every size."""

from __future__ import annotations

import re
from typing import Final

from pytrust.policy.engine.call import Malformed

CHUNKS_MAX: Final = 16_384  # of one body: 4 MiB in pieces of 256 bytes; each costs us a step

_SIZE = re.compile(rb"([1-9A-Fa-f][0-9A-Fa-f]{0,7})\r\n")
_SIZE_BEGUN = re.compile(rb"(?:[1-9A-Fa-f][0-9A-Fa-f]{0,7}\r?)?")
_SIZE_MAX_BYTES: Final = 10  # eight digits and the line end
_LINE_END: Final = b"\r\n"
_LAST: Final = b"0\r\n\r\n"


class ChunkedBody:
    """Decodes one body as its bytes arrive."""

    __slots__ = ("_body", "_chunks")

    def __init__(self) -> None:
        self._body = bytearray()
        self._chunks = 0

    def read(self, buffer: bytearray, limit: int) -> bytes | None:
        """Take what is complete out of ``buffer``; gives the whole body once its end is there, ``None`` before.

        Raises:
            Malformed: the framing is broken, or the body grows beyond ``limit`` bytes.
        """
        at = 0
        while (end := self._chunk(buffer, at, limit)) > at:
            at = end
        complete = _ends(buffer, at)
        del buffer[: at + len(_LAST) if complete else at]
        return bytes(self._body) if complete else None

    def _chunk(self, buffer: bytearray, at: int, limit: int) -> int:
        """Decode the chunk at ``at``; gives the place after it, or ``at`` again if it is the last or incomplete."""
        size = _SIZE.match(buffer, at)
        if size is None:
            return at
        start, length = size.end(), int(size[1], 16)
        self._count(length, limit)
        end = start + length + len(_LINE_END)
        if len(buffer) < end:
            return at
        if not buffer.startswith(_LINE_END, start + length):
            raise Malformed(400, "a chunk of the body does not end where its size says")
        self._chunks += 1
        self._body += buffer[start : start + length]
        return end

    def _count(self, length: int, limit: int) -> None:
        if len(self._body) + length > limit:
            raise Malformed(413, f"the body is larger than {limit} bytes")
        if self._chunks == CHUNKS_MAX:
            raise Malformed(413, f"the body comes in more than {CHUNKS_MAX} chunks")


def _ends(buffer: bytearray, at: int) -> bool:
    """Whether the end of the body stands at ``at``; what cannot become an end or a size is refused."""
    begun = bytes(buffer[at : at + _SIZE_MAX_BYTES])
    if begun.startswith(_LAST):
        return True
    if not (_LAST.startswith(begun) or _SIZE_BEGUN.fullmatch(begun) or _SIZE.match(begun)):
        raise Malformed(400, "the body is not chunked as RFC 9112 says, without extensions and trailers")
    return False
