"""One connection to the agent: requests in, answers out, one at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, cast

from pytrust.trust.limits import (
    AGENT_ANSWER_TIMEOUT,
    AGENT_CONNECTIONS_MAX,
    AGENT_GUEST_CONNECTIONS_MAX,
    AGENT_GUEST_REQUEST_MAX_BYTES,
    AGENT_REQUEST_MAX_BYTES,
    AGENT_REQUEST_TIMEOUT,
)
from pytrust.trust.vault.agent.visitor import Visitor, visitor
from pytrust.trust.vault.agent.wire import LENGTH_BYTES

Work = Callable[[bytes, Visitor], "asyncio.Future[bytes]"]
"""Takes a request and gives its answer, both as on the wire; the answer comes whatever happens."""

_HIGH_BYTES: Final = 64 * 1024  # of answers that are not read, at which the clock starts


class Guests:
    """All connections: a bounded number.

    Where there are too many, one of the user who has most of them makes room, if there is another than the owner; then
    the owner's longest silent one.
    """

    def __init__(self, steady: Callable[[], float]) -> None:
        self.steady = steady
        self._known: dict[Connection, None] = {}  # the longest silent one first

    def __len__(self) -> int:
        return len(self._known)

    def admit(self, connection: Connection) -> None:
        """``connection`` is new; if that is one too many, another makes room."""
        self.heard(connection)
        same = [each for each in self._known if each.uid == connection.uid and not each.owner]
        if len(same) > AGENT_GUEST_CONNECTIONS_MAX:
            same[0].abort()
        elif len(self._known) > AGENT_CONNECTIONS_MAX:
            self._superfluous().abort()

    def _superfluous(self) -> Connection:
        others = [each for each in self._known if not each.owner]
        if not others:
            return next(each for each in self._known if not each.busy)  # the new one is among them
        count = Counter(each.uid for each in others)
        return max(others, key=lambda each: (count[each.uid], not each.busy))

    def heard(self, connection: Connection) -> None:
        """``connection`` has said something."""
        self._known.pop(connection, None)
        self._known[connection] = None

    def gone(self, connection: Connection) -> None:
        """``connection`` has ended."""
        self._known.pop(connection, None)

    def sweep(self) -> None:
        """Cut those that began a request and do not end it, or do not take their answer."""
        now = self.steady()
        for connection in tuple(self._known):
            connection.swept(now)

    def end(self) -> None:
        """Cut all."""
        for connection in tuple(self._known):
            connection.abort()


class Connection(asyncio.Protocol):
    """What the listener makes for each connection."""

    def __init__(self, guests: Guests, work: Work) -> None:
        self._guests, self._work = guests, work
        self._transport: asyncio.Transport
        self._visitor: Visitor
        self._read = bytearray()
        self.busy = False
        """Whether a request is worked on, or its answer on the way."""
        self._working: asyncio.Future[bytes] | None = None
        self._until: float | None = None

    @property
    def uid(self) -> int:
        """Whose it is."""
        return self._visitor.uid

    @property
    def owner(self) -> bool:
        """Whether it is the owner's."""
        return self._visitor.owner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_HIGH_BYTES)
        self._visitor = visitor(transport.get_extra_info("socket"))
        self._guests.admit(self)

    def data_received(self, data: bytes) -> None:
        """A request, or a piece of one."""
        self._read += data
        self._guests.heard(self)
        self._next()

    def connection_lost(self, _: Exception | None) -> None:
        """The end; what the owner asked for is done all the same."""
        self._guests.gone(self)
        self._read.clear()
        if self._working is not None and not self.owner:
            self._working.cancel()

    def pause_writing(self) -> None:
        """The answer is not read."""
        self._until = self._guests.steady() + AGENT_ANSWER_TIMEOUT

    def resume_writing(self) -> None:
        """It is read."""
        self._ready()

    def abort(self) -> None:
        """Cut the connection."""
        self._guests.gone(self)
        self._transport.abort()

    def swept(self, now: float) -> None:
        """Look at the clock."""
        if self._until is not None and now > self._until:
            self.abort()

    def _next(self) -> None:
        """Begin with the next request, if all of it is there."""
        if self.busy or self._transport.is_closing():
            return
        body = self._take()
        if body is not None:
            self.busy, self._until = True, None
            self._transport.pause_reading()
            self._working = self._work(body, self._visitor)
            self._working.add_done_callback(self._answered)
        elif self._read and self._until is None:
            self._until = self._guests.steady() + AGENT_REQUEST_TIMEOUT

    def _take(self) -> bytes | None:
        """The bytes of a request, once all have come."""
        if len(self._read) < LENGTH_BYTES:
            return None
        size = int.from_bytes(self._read[:LENGTH_BYTES], "big")
        if size > (AGENT_REQUEST_MAX_BYTES if self.owner else AGENT_GUEST_REQUEST_MAX_BYTES):
            self.abort()
            return None
        if len(self._read) < LENGTH_BYTES + size:
            return None
        body = bytes(self._read[LENGTH_BYTES : LENGTH_BYTES + size])
        del self._read[: LENGTH_BYTES + size]
        return body

    def _answered(self, work: asyncio.Future[bytes]) -> None:
        if work.cancelled() or self._transport.is_closing():
            return
        self._transport.write(work.result())
        if self._transport.get_write_buffer_size() <= _HIGH_BYTES:
            self._ready()

    def _ready(self) -> None:
        """For the next one."""
        self.busy, self._until = False, None
        self._transport.resume_reading()
        self._next()
