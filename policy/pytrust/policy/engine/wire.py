"""What a client sends on one connection, cut into requests. No I/O: bytes are fed in, requests come out.

HTTP/1.1 only, see ``head`` and ``chunks``. The result does not depend on how the bytes were cut into feeds.
"""

from __future__ import annotations

import re
from typing import Final

from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.chunks import ChunkedBody
from pytrust.policy.engine.head import RequestHead, read_head, require_json

__all__ = ["HEAD_MAX_BYTES", "RequestHead", "RequestReader", "require_json"]

HEAD_MAX_BYTES: Final = 32 * 1024  # registry credentials in a header are the largest part, below 8 KiB

_END: Final = b"\r\n\r\n"
_TEXT = re.compile(rb"(?:[\t\x20-\x7e]++|\r\n)*+")


class RequestReader:
    """Reads the requests of one connection: for each, ``next_head`` until it is there, then ``read_body``.

    After ``Malformed`` the connection can only be answered and closed: where the next request begins is not known.
    """

    __slots__ = ("_buffer", "_chunked", "_length", "_seen")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._seen = 0  # so many bytes of an incomplete head are known to be text
        self._length = 0
        self._chunked: ChunkedBody | None = None

    @property
    def pending(self) -> int:
        """How many bytes wait to be read; the caller stops feeding when they are too many."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what has arrived."""
        self._buffer += data

    def next_head(self) -> RequestHead | None:
        """The head of the next request, or ``None`` if more bytes are needed; the body before it must have been read.

        Raises:
            Malformed: what has arrived is not, and cannot become, one request that every reader understands alike.
        """
        assert not self._length, "a body is unread"
        assert self._chunked is None, "a body is unread"
        end = self._buffer.find(_END, max(self._seen - len(_END), 0), HEAD_MAX_BYTES)
        if end < 0:
            self._check_begun()
            return None
        self._check_text(end + 2)
        head = read_head(self._buffer[:end].decode("ascii"))
        del self._buffer[: end + len(_END)]
        self._seen = 0
        self._length = head.length or 0
        self._chunked = ChunkedBody() if head.chunked else None
        return head

    def read_body(self, limit: int) -> bytes | None:
        """The whole body, decoded; ``b""`` where there is none, ``None`` if more bytes are needed.

        Raises:
            Malformed: it is longer than ``limit`` bytes (told at once from its declared length), or badly framed.
        """
        if self._chunked is not None:
            return self._read_chunked(self._chunked, limit)
        if self._length > limit:
            raise Malformed(413, f"the body is larger than {limit} bytes")
        if len(self._buffer) < self._length:
            return None
        body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._length = 0
        return body

    def take_rest(self) -> bytes:
        """Everything that was not read: what a client sent ahead on a connection that becomes a tunnel."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _read_chunked(self, chunked: ChunkedBody, limit: int) -> bytes | None:
        body = chunked.read(self._buffer, limit)
        if body is not None:
            self._chunked = None
        return body

    def _check_begun(self) -> None:
        """Refuse at once what no further bytes can make a head."""
        size = min(len(self._buffer), HEAD_MAX_BYTES)
        self._check_text(size - self._buffer.endswith(b"\r", 0, size))
        if size == HEAD_MAX_BYTES:
            raise Malformed(431, f"the request head is larger than {HEAD_MAX_BYTES} bytes")

    def _check_text(self, end: int) -> None:
        found = _TEXT.match(self._buffer, self._seen, end)
        if found is None or found.end() < end:
            raise Malformed(400, "the request head has a bare line end, or a byte that is not ASCII text")
        self._seen = end
