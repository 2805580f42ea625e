"""The engine's answers: heads, and where bodies end. Pure.

Heads are parsed by httptools. An engine that is asked the same again and again answers with the same head (its
``Date`` changes once a second), so parsing one is remembered.
"""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple

import httptools

from pytrust.policy.proxy.limits import ANSWER_HEAD_MAX_BYTES

SWITCHING: Final = 101
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_NO_BODY: Final = frozenset({SWITCHING, 204, 304})
_CHUNKED_HEAD: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class EngineFailed(ConnectionError):
    """The engine cannot be reached, broke off, or does not speak HTTP."""


class Framing(Enum):
    """How the end of an answer's body is found (RFC 9112 section 6.3)."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


class Answer(NamedTuple):
    """The head of an answer; header names as they were written. ``length`` is in bytes, for ``Framing.LENGTH``."""

    status: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    framing: Framing
    length: int
    keep_alive: bool

    def get(self, name: bytes) -> bytes | None:
        """The first value of a header; ``name`` in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Reply(NamedTuple):
    """An answer that was read whole."""

    status: int
    body: bytes


def split_head(data: bytes) -> int:
    """Where the body begins, or -1 where the head is not complete; raises ``EngineFailed`` for endless heads."""
    end = data.find(b"\r\n\r\n")
    if end < 0 and len(data) > ANSWER_HEAD_MAX_BYTES:
        raise EngineFailed(f"the head of its answer is larger than {ANSWER_HEAD_MAX_BYTES} bytes")
    return end + 4 if end >= 0 else -1


@lru_cache(maxsize=256)
def read_head(head: bytes, *, bodiless: bool) -> Answer:
    """Read one head, blank line included; ``bodiless`` for the answer to HEAD. Raises ``EngineFailed``."""
    heard = _Heard()
    parser = httptools.HttpResponseParser(heard)
    try:
        parser.feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        if not heard.complete:  # behind the head, a parser has its own idea of what an upgrade means
            raise EngineFailed(f"it does not speak HTTP: {error}") from error
    if not heard.complete:
        raise EngineFailed("it does not speak HTTP")
    status = parser.get_status_code()
    framing, length = _framing(status, heard.headers, bodiless=bodiless)
    keep_alive = framing is not Framing.CLOSE and parser.get_http_version() == "1.1" and _stays(heard.headers)
    return Answer(status, heard.reason, tuple(heard.headers), framing, length, keep_alive)


class Chunks:
    """Decodes a chunked body with httptools."""

    __slots__ = ("_messages", "_parser", "_pieces", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._messages = 0
        self._pieces: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(_CHUNKED_HEAD)

    def decode(self, data: bytes) -> list[bytes]:
        """The pieces in ``data``; raises ``EngineFailed``, also for anything behind the end."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise EngineFailed(f"its answer is not chunked as it should be: {error}") from error
        if self._messages > 1:
            raise EngineFailed("its answer is longer than it said")
        pieces, self._pieces = self._pieces, []
        return pieces

    def on_message_begin(self) -> None:
        """Called by httptools."""
        self._messages += 1

    def on_body(self, data: bytes) -> None:
        """Called by httptools."""
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """Called by httptools."""
        self.complete = True


class _Heard:
    """What httptools reports of a head."""

    def __init__(self) -> None:
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True


def _framing(status: int, headers: list[tuple[bytes, bytes]], *, bodiless: bool) -> tuple[Framing, int]:
    if bodiless or status in _NO_BODY:
        return Framing.NONE, 0
    found = [(name.lower(), value) for name, value in headers if name.lower() in _FRAMING]
    if not found:
        return Framing.CLOSE, 0
    if len(found) > 1:
        raise EngineFailed("its answer has no clear end")
    name, value = found[0]
    if name == b"content-length" and value.isdigit():
        return Framing.LENGTH, int(value)
    if name == b"transfer-encoding" and value.lower() == b"chunked":
        return Framing.CHUNKED, 0
    raise EngineFailed("its answer has no clear length")


def _stays(headers: list[tuple[bytes, bytes]]) -> bool:
    return not any(name.lower() == b"connection" and value.lower() == b"close" for name, value in headers)
