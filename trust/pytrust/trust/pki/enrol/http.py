"""HTTP for the enrolment server, one request to a connection: bytes to a request, an answer to bytes. Pure.

The authorization plugin has a reader of its own (policy/plugin/wire.py): its only peer is dockerd, which sends many
calls over one connection, each as large as what it is about. Here strangers ask, once, and everything they may send is
small: target, number of headers, and body are bounded, and each excess has its own answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

import httptools

from pytrust.trust.pki.enrol.words import REQUEST_MAX_BYTES

HEAD_MAX_BYTES: Final = 8 * 1024
_HEADERS_MAX: Final = 64
_TARGET_MAX_BYTES: Final = 256
_PIECE_BYTES: Final = 64 * 1024
_DIGITS_MAX: Final = 9  # of a length; nobody means a gigabyte
_REASONS: Final = {
    200: "OK",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class BadRequest(Exception):
    """What came is no request that could be answered otherwise than with ``status``."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request; ``etag`` is what If-None-Match said, or empty."""

    method: str
    target: str
    body: bytes = field(default=b"", repr=False)
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes = field(default=b"", repr=False)
    media_type: str = "application/json"
    etag: str = ""

    def unless(self, known: str) -> Answer:
        """This, or nothing new for who has it already (RFC 9110, 13.1.2)."""
        return Answer(304, etag=self.etag) if self.etag and self.etag == known else self

    def encode(self) -> Iterator[bytes | memoryview]:
        """Head and body in pieces, after which the connection ends: a large body is not copied for each peer."""
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS[self.status]}",
            f"Content-Type: {self.media_type}",
            f"Content-Length: {len(self.body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        ]
        lines += [f"ETag: {self.etag}"] if self.etag else []
        yield "\r\n".join([*lines, "", ""]).encode()
        for start in range(0, len(self.body), _PIECE_BYTES):
            yield memoryview(self.body)[start : start + _PIECE_BYTES]


class RequestReader:
    """Bytes to one ``Request``: feed until there is one."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._target = self._etag = ""
        self._headers = self._bytes = 0
        self._body = bytearray()
        self._in_body = self._complete = False
        self._why: BadRequest | None = None

    def feed(self, data: bytes) -> Request | None:
        """Take what came; the request once it is whole. Raises ``BadRequest``."""
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            raise self._why or BadRequest(400, "that is not HTTP/1.1") from error
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise BadRequest(400, "that is not HTTP/1.1") from error
        if self._bytes > HEAD_MAX_BYTES and not self._in_body:
            raise BadRequest(413, f"the head of the request is larger than {HEAD_MAX_BYTES} bytes")
        if self._bytes > HEAD_MAX_BYTES + REQUEST_MAX_BYTES:  # chunks of one byte are nine tenths wrapping
            raise BadRequest(413, f"the request is larger than {HEAD_MAX_BYTES + REQUEST_MAX_BYTES} bytes")
        if not self._complete:
            return None
        return Request(self._parser.get_method().decode(), self._target, bytes(self._body), self._etag)

    def _refuse(self, status: int, text: str) -> NoReturn:
        """Remember why: the parser lets no exception of a callback out as it is."""
        self._why = BadRequest(status, text)
        raise self._why

    # httptools calls these.

    def on_message_begin(self) -> None:
        """A request; the first."""
        if self._complete:
            self._refuse(400, "one request to a connection")

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._target += url.decode("latin-1")
        if len(self._target) > _TARGET_MAX_BYTES:
            self._refuse(404, "there is no such place here")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers += 1
        if self._headers > _HEADERS_MAX:
            self._refuse(413, f"the request has more than {_HEADERS_MAX} headers")
        match name.lower():
            case b"content-length" if len(value) > _DIGITS_MAX or int(value) > REQUEST_MAX_BYTES:
                self._refuse(413, f"the body is larger than {REQUEST_MAX_BYTES} bytes")
            case b"if-none-match":
                self._etag = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """What follows is the body."""
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body, chunks already taken apart."""
        self._body += body
        if len(self._body) > REQUEST_MAX_BYTES:
            self._refuse(413, f"the body is larger than {REQUEST_MAX_BYTES} bytes")

    def on_message_complete(self) -> None:
        """All of it; what comes after is not read."""
        self._complete = True
