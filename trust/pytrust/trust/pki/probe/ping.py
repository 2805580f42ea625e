"""The answer to ``GET /_ping``, read from bytes that may come in pieces. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httptools

from pytrust.trust.pki.probe.probed import Answer

_MESSAGE_MAX_CHARS: Final = 300  # of an engine's error; one line for people


class PingReader:
    """Eats bytes until ``answer`` is there."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body = b""
        self._begun = self._complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's call; the last of several counts."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The parser's call."""
        self._begun = True

    def on_body(self, data: bytes) -> None:
        """The parser's call."""
        self._body += data

    def on_message_complete(self) -> None:
        """The parser's call."""
        self._complete = True

    def feed(self, data: bytes) -> None:
        """Take the next bytes; raises ``ValueError`` for what is not HTTP."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise ValueError(f"not an http answer: {error}") from error

    @property
    def answer(self) -> Answer | None:
        """The whole answer, once it is there."""
        return self._answer() if self._complete else None

    def at_end(self) -> Answer | None:
        """What was understood when the connection closed: an answer without a length ends so."""
        return self._answer() if self._begun else None

    def _answer(self) -> Answer:
        return Answer(
            status=self._parser.get_status_code(),
            date=_date(self._headers.get(b"date", b"")),
            api_version=self._headers.get(b"api-version", b"").decode("latin-1"),
            message=_message(self._body),
        )


def ping_request(host: str) -> bytes:
    """The request; ``host`` as a URL has it."""
    return f"GET /_ping HTTP/1.1\r\nHost: {host}\r\nUser-Agent: pytrust\r\nConnection: close\r\n\r\n".encode("ascii")


def _date(value: bytes) -> datetime | None:
    try:
        return parsedate_to_datetime(value.decode("latin-1")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _message(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    said = found.get("message") if isinstance(found, dict) else found
    return " ".join(str(said or "").split())[:_MESSAGE_MAX_CHARS]
