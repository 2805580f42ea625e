"""One connection to the engine, and the answers that come on it.

    idle ──send──> waiting ──head──> body ──end──> idle again
                      └──101, where one was asked for──> tunnel: raw bytes until both sides are done

Anything that is not HTTP, more than was announced, or a 101 that nobody asked for, is ``EngineFailed``.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, cast

from pytrust.policy.proxy.answers import SWITCHING, Answer, Chunks, EngineFailed, Framing, read_head, split_head
from pytrust.policy.proxy.limits import WRITE_HIGH_BYTES

_FINAL: Final = 200  # below, an answer announces another


class Sink(Protocol):
    """Who an answer is for; ``flush`` follows every burst of the other calls."""

    def answered(self, answer: Answer) -> None:
        """First: the head."""

    def body(self, data: bytes) -> None:
        """Then: a piece of the body; may raise ``EngineFailed`` to have no more."""

    def ended(self) -> None:
        """Last: the answer was whole."""

    def switched(self, answer: Answer, connection: EngineConnection, rest: bytes) -> None:
        """Instead of all this: a 101 that was asked for, and what came behind it."""

    def failed(self, error: EngineFailed) -> None:
        """At any time, and then the last: there is no answer, or no more of it."""

    def flush(self) -> None:
        """Nothing more for the moment."""


class Stream(Protocol):
    """The other end of a tunnel."""

    def received(self, data: bytes) -> None:
        """Output."""

    def finished(self) -> None:
        """The end of the output."""

    def lost(self) -> None:
        """The connection is gone."""

    def pause(self) -> None:
        """The engine does not keep up."""

    def resume(self) -> None:
        """The engine has kept up."""


class EngineConnection(asyncio.Protocol):
    """One connection; give it to ``Engines.release`` after ``ended``."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.closed = False
        self.stream: Stream | None = None
        self._sink: Sink | None = None
        self._answer: Answer | None = None
        self._head = b""
        self._left = 0
        self._chunks: Chunks | None = None
        self._upgrade = self._bodiless = False

    @property
    def reusable(self) -> bool:
        """Whether the next request may be sent on it."""
        return not self.closed and self._sink is None and self.stream is None

    def send(self, request: bytes, sink: Sink, *, upgrade: bool = False, bodiless: bool = False) -> None:
        """Send one request; the answer goes to ``sink``.

        Args:
            request: all of it.
            sink: see ``Sink``.
            upgrade: a 101 is what it asks for.
            bodiless: it is HEAD.
        """
        self._sink, self._upgrade, self._bodiless, self._answer = sink, upgrade, bodiless, None
        self.transport.write(request)

    def abort(self) -> None:
        """Hang up; nobody is told."""
        self._sink = self.stream = None
        self.closed = True
        self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer, or of a stream."""
        if self.stream is not None:
            self.stream.received(data)
        elif self._sink is None:
            self.abort()  # nobody asked
        else:
            self._answered(self._sink, data)

    def eof_received(self) -> bool:
        """The engine has no more to say; in a tunnel the other direction may go on."""
        if self.stream is not None:
            self.stream.finished()
            return True
        return False

    def connection_lost(self, _: Exception | None) -> None:
        """The end, expected or not."""
        self.closed = True
        stream, self.stream = self.stream, None
        sink, self._sink = self._sink, None
        if stream is not None:
            stream.lost()
        elif sink is not None:
            self._broke_off(sink)

    def pause_writing(self) -> None:
        """The engine does not keep up."""
        if self.stream is not None:
            self.stream.pause()

    def resume_writing(self) -> None:
        """The engine has kept up."""
        if self.stream is not None:
            self.stream.resume()

    # an answer

    def _answered(self, sink: Sink, data: bytes) -> None:
        try:
            if self._answer is None:
                data = self._read_head(sink, data)
            if (answer := self._answer) is None:
                return
            if self._read_body(sink, answer, data):
                self._complete(sink, answer)
        except EngineFailed as error:
            self.abort()
            sink.failed(error)
            return
        sink.flush()

    def _read_head(self, sink: Sink, data: bytes) -> bytes:
        """What follows the head; ``_answer`` stays None where it is not complete, or HTTP is over."""
        if self._head:
            data = self._head + data
        start = split_head(data)
        if start < 0:
            self._head = data
            return b""
        self._head = b""
        answer = read_head(data[:start], bodiless=self._bodiless)
        if answer.status == SWITCHING and self._upgrade:
            self._sink = None
            sink.switched(answer, self, data[start:])
            return b""
        if answer.status < _FINAL:
            raise EngineFailed(f"it answered {answer.status}, which nobody asked for")
        self._answer, self._left = answer, answer.length
        self._chunks = Chunks() if answer.framing is Framing.CHUNKED else None
        sink.answered(answer)
        return data[start:]

    def _read_body(self, sink: Sink, answer: Answer, data: bytes) -> bool:
        """Pass a piece on; whether the body is complete."""
        if self._chunks is not None:
            for piece in self._chunks.decode(data):
                sink.body(piece)
            return self._chunks.complete
        if answer.framing is Framing.CLOSE:
            if data:
                sink.body(data)
            return False
        if len(data) > self._left:
            raise EngineFailed("its answer is longer than it said")
        if data:
            self._left -= len(data)
            sink.body(data)
        return self._left == 0

    def _complete(self, sink: Sink, answer: Answer) -> None:
        self._sink = None
        if not answer.keep_alive:
            self.abort()
        sink.ended()

    def _broke_off(self, sink: Sink) -> None:
        """An answer without a length ends with the connection; any other is cut short."""
        if self._answer is not None and self._answer.framing is Framing.CLOSE:
            sink.ended()
            sink.flush()
        else:
            sink.failed(EngineFailed("it broke off in the middle of its answer" if self._answer else "it hung up"))
