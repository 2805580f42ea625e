"""What dockerd sends on one connection, cut into calls. No I/O: bytes are fed in, calls come out.

Parsed by httptools. The proxy's own reader is too strict here: dockerd's plugin client sends an empty ``Host``. That
of the enrolment server (trust/pki/enrol/http.py) takes one small request of a stranger and then no more.
"""

from __future__ import annotations

from typing import NamedTuple

import httptools

from pytrust.policy.plugin.limits import HEAD_MAX_BYTES
from pytrust.trust.errors import BadMetadata


class Message(NamedTuple):
    """One HTTP request; ``keep_alive`` says whether another may follow on the connection."""

    method: bytes
    path: str
    body: bytes
    keep_alive: bool


class MessageReader:
    """Reads the requests of one connection, bodies of at most ``body_max`` bytes.

    After ``BadMetadata`` it can only be answered and closed.
    """

    def __init__(self, body_max: int) -> None:
        self._body_max = body_max
        self._parser = httptools.HttpRequestParser(self)
        self._messages: list[Message] = []
        self._url = b""
        self._body: list[bytes] = []
        self._size = self._head_size = 0
        self._in_head = self._begun = False

    @property
    def begun(self) -> bool:
        """Whether the rest of a request is awaited."""
        return self._begun

    def feed(self, data: bytes) -> list[Message]:
        """The requests that are complete with ``data``; raises ``BadMetadata``."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise BadMetadata(f"not HTTP as dockerd speaks it: {str(error)[:100]}") from error
        self._check(len(data))
        messages, self._messages = self._messages, []
        return messages

    def _check(self, fed: int) -> None:
        self._head_size = self._head_size + fed if self._in_head else 0
        if self._head_size > HEAD_MAX_BYTES:
            raise BadMetadata(f"the head of a call is larger than {HEAD_MAX_BYTES} bytes")
        if self._size > self._body_max:
            raise BadMetadata(f"the body of a call is larger than {self._body_max} bytes")

    # called by httptools

    def on_message_begin(self) -> None:
        """A first byte."""
        self._begun = self._in_head = True
        self._url, self._body, self._size = b"", [], 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._url += url

    def on_headers_complete(self) -> None:
        """The end of the head."""
        self._in_head = False

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._size += len(data)
        if self._size <= self._body_max:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """The end of the body."""
        self._begun = False
        message = Message(
            self._parser.get_method(),
            self._url.decode("latin-1"),
            b"".join(self._body),
            self._parser.should_keep_alive(),
        )
        self._messages.append(message)
