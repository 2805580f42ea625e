"""One connection of dockerd: calls in, replies out, in the order of the calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, cast

from pytrust.policy.plugin.limits import CALL_TIMEOUT, CONNECTIONS_MAX, WAITING_MAX, WRITE_HIGH_BYTES
from pytrust.policy.plugin.routes import BAD, CONTENT_TYPE, Reply, failure
from pytrust.policy.plugin.wire import Message, MessageReader
from pytrust.trust.errors import BadMetadata

_PHRASES: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}

Answer = Callable[[Message], Reply | Awaitable[Reply]]
"""Gives the reply, now or later; never raises."""


class Callers:
    """All connections: a bounded number, the longest silent one making room."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._known: dict[Connection, None] = {}  # the longest silent one first

    def __len__(self) -> int:
        return len(self._known)

    def heard(self, connection: Connection) -> None:
        """``connection`` is new, or has said something."""
        self._known.pop(connection, None)
        self._known[connection] = None
        if len(self._known) > CONNECTIONS_MAX:
            next(iter(self._known)).abort()

    def gone(self, connection: Connection) -> None:
        """``connection`` has ended."""
        self._known.pop(connection, None)

    def sweep(self) -> None:
        """Cut those that began a call and do not end it."""
        now = self.clock()
        for connection in tuple(self._known):
            connection.swept(now)

    def end(self) -> None:
        """Cut all."""
        for connection in tuple(self._known):
            connection.abort()


class Connection(asyncio.Protocol):
    """What the listener makes for each connection."""

    def __init__(self, callers: Callers, answer: Answer, body_max: int) -> None:
        self._callers, self._answer = callers, answer
        self._transport: asyncio.Transport
        self._reader = MessageReader(body_max)
        self._waiting: deque[Message] = deque()
        self._later: asyncio.Future[Reply] | None = None
        self._begun: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._callers.heard(self)

    def data_received(self, data: bytes) -> None:
        """A call, or a piece of one."""
        if self._transport.is_closing():
            return
        self._callers.heard(self)
        try:
            self._waiting.extend(self._reader.feed(data))
            self._work()
        except BadMetadata as error:
            self._reject(str(error))
        if not self._reader.begun:
            self._begun = None
        elif self._begun is None:
            self._begun = self._callers.clock()

    def connection_lost(self, _: Exception | None) -> None:
        """The end."""
        self._callers.gone(self)
        if self._later is not None:
            self._later.cancel()

    def pause_writing(self) -> None:
        """Answers are not read: nor are calls."""
        self._transport.pause_reading()
        self._begun = self._callers.clock()

    def resume_writing(self) -> None:
        """Answers are read again."""
        self._begun = None
        self._transport.resume_reading()

    def abort(self) -> None:
        """Cut the connection."""
        self._callers.gone(self)
        self._transport.abort()

    def swept(self, now: float) -> None:
        """Look at the clock."""
        if self._begun is not None and now - self._begun > CALL_TIMEOUT:
            self.abort()

    def _work(self) -> None:
        """Answer calls, up to one whose reply takes a while."""
        while self._waiting and self._later is None and not self._transport.is_closing():
            message = self._waiting.popleft()
            reply = self._answer(message)
            if isinstance(reply, tuple):
                self._reply(*reply, keep_alive=message.keep_alive)
            else:
                self._later = asyncio.ensure_future(reply)
                self._later.add_done_callback(partial(self._done, keep_alive=message.keep_alive))
        if len(self._waiting) > WAITING_MAX:
            self.abort()

    def _done(self, reply: asyncio.Future[Reply], *, keep_alive: bool) -> None:
        self._later = None
        if reply.cancelled() or reply.exception() is not None:
            self.abort()
        elif not self._transport.is_closing():
            self._reply(*reply.result(), keep_alive=keep_alive)
            self._work()

    def _reject(self, text: str) -> None:
        """Answer what is no call; not before a call that was one."""
        if self._later is not None:
            self.abort()
        else:
            self._reply(BAD, failure(text), keep_alive=False)

    def _reply(self, status: int, body: bytes, *, keep_alive: bool) -> None:
        close = "" if keep_alive else "Connection: close\r\n"
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\nContent-Type: {CONTENT_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\n{close}\r\n"
        )
        self._transport.write(head.encode() + body)
        if not keep_alive:
            self._transport.close()
