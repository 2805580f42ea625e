"""One connection of a client: strict reading, one request at a time, in the order in which they came.

    reading a head ──> reading a body ──> working ──> reading a head ...
                                            ├──> a tunnel, for good
                                            └──> refused: what still comes is thrown away for a moment, then closed

Requests that follow before an answer is complete wait, unread, in a buffer of bounded size.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from pytrust.policy.engine.body import BODY_MAX_BYTES
from pytrust.policy.engine.call import Call, Malformed
from pytrust.policy.engine.wire import RequestHead, RequestReader
from pytrust.policy.proxy.limits import (
    BODY_TIMEOUT,
    HEAD_TIMEOUT,
    LINGER_TIMEOUT,
    PENDING_MAX_BYTES,
    WRITE_HIGH_BYTES,
)
from pytrust.policy.proxy.relay import Relay
from pytrust.policy.proxy.tunnel import Tunnel, vanished, watch
from pytrust.policy.proxy.words import CONTINUE, message, own

if TYPE_CHECKING:
    from pytrust.policy.proxy.credentials import Credentials, Introduce
    from pytrust.policy.proxy.handler import Handler
    from pytrust.policy.proxy.house import House
    from pytrust.policy.proxy.upstream import Engines
    from pytrust.trust.pki.clients.standing import Bad

_TIMED_OUT: Final = 408


class Client(asyncio.Protocol):
    """What a listener makes for each connection; ``caller`` says who it is, for the journal."""

    def __init__(self, house: House, handler: Handler, introduce: Introduce | None = None) -> None:
        self._house, self._handler, self._introduce = house, handler, introduce
        self.engines: Engines = handler.engines
        self.transport: asyncio.Transport
        self.caller = ""
        self.on_port = False
        self.credentials: Credentials | None = None
        self._reader = RequestReader()
        self._head: RequestHead | None = None
        self._call: Call | None = None
        self._busy = self._slow = self._paused = self._lingering = self._eof = False
        self._deadline: float | None = None
        self._relay: Relay | None = None
        self._tunnel: Tunnel | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self.caller = self._house.admit(self)
        peer = transport.get_extra_info("socket")
        self.on_port = peer.family != socket.AF_UNIX
        if self.on_port:
            watch(peer)

    def introduced(self, leaf: bytes) -> None:
        """The client has shown a certificate, and holds its key."""
        assert self._introduce is not None
        self.credentials = self._introduce(leaf)
        self._house.rest(self)
        self.caller = f"{self.credentials} at {self.caller}"

    def data_received(self, data: bytes) -> None:
        """Requests, or the input of a stream."""
        if self._tunnel is not None:
            self._tunnel.client_sent(data)
        elif not self._lingering:
            self._reader.feed(data)
            self._advance()
            if self._waiting and self._reader.pending > PENDING_MAX_BYTES and not self._paused:
                self._paused = True
                self.transport.pause_reading()

    def eof_received(self) -> bool:
        """The client has no more to say; whoever is owed something may still listen."""
        self._eof = True
        if self._tunnel is not None:
            self._tunnel.client_finished()
            return True
        return self._waiting and not self._gone()

    def connection_lost(self, _: Exception | None) -> None:
        """The client has gone."""
        self._house.leave(self)
        if self._tunnel is not None:
            self._tunnel.client_lost()
        elif self._relay is not None:
            self._relay.cancel()

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._set_slow(True)

    def resume_writing(self) -> None:
        """The client has kept up."""
        self._set_slow(False)

    # what others do with it

    @property
    def stranger(self) -> bool:
        """Whether it still has to show a certificate."""
        return self._introduce is not None and self.credentials is None

    @property
    def bad(self) -> Bad | None:
        """Why its certificate does not count at this moment; None if it does, or where nobody needs one."""
        return None if self.credentials is None else self.credentials.bad

    def passes(self, relay: Relay) -> None:
        """``relay`` answers the request that is worked on."""
        self._relay = relay
        if self._eof and self._gone():
            self.transport.abort()
        if self.transport.is_closing():
            relay.cancel()

    def become(self, tunnel: Tunnel, rest: bytes) -> None:
        """HTTP is over; ``rest`` is what the engine has sent already."""
        self._relay, self._tunnel = None, tunnel
        if self.transport.is_closing():
            tunnel.client_lost()
            return
        self._read_on()
        tunnel.begin(rest, self._reader.take_rest())
        if self._eof:
            tunnel.client_finished()

    def write(self, data: bytes) -> None:
        """Send a piece of an answer, unless the client has gone."""
        if not self._lingering and not self.transport.is_closing():
            self.transport.write(data)

    def done(self, *, close: bool) -> None:
        """The answer is out: next request, or the end."""
        self._relay, self._busy = None, False
        if close or self._house.ending or self.transport.is_closing():
            self._lingering = True
            self.transport.close()
            return
        self._house.rest(self)
        self._go_on()

    def answer(self, status: int, body: bytes, *, head_only: bool = False, close: bool = False) -> None:
        """An answer of our own to the request that is worked on."""
        self.write(own(status, body, close=close, head_only=head_only))
        self.done(close=close)

    def refuse(self, status: int, text: str) -> None:
        """A refusal after which nothing of this connection is believed; it is closed once it had time to be read."""
        self.write(own(status, message(text), close=True))
        self._relay, self._busy, self._lingering = None, False, True
        self._deadline = self._house.now() + LINGER_TIMEOUT
        if self._eof:
            self.transport.close()
        else:
            self._drain()

    def close(self) -> None:
        """End the connection, once what was said has been sent."""
        self.transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self.transport.abort()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Work on behalf of this client; it ends by itself, even if the client goes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def swept(self, now: float) -> None:
        """Look at the clock, and whether the client's certificate still counts."""
        if self._streaming and (bad := self.bad):
            self._handler.barring.cut(self, bad)
        elif self._tunnel is not None:
            self._tunnel.swept()
        elif self._deadline is not None and now > self._deadline:
            self._too_late()
        elif self._waiting and (self._eof or self._paused) and vanished(self.transport):
            self.transport.abort()

    # reading

    @property
    def _streaming(self) -> bool:
        """Whether an answer is on its way, which may have no end."""
        return self._tunnel is not None or self._relay is not None

    @property
    def _waiting(self) -> bool:
        """Whether the next request has to wait: for an answer, or until the client has read what it got."""
        return self._busy or self._slow

    def _advance(self) -> None:
        try:
            while not (self._waiting or self._lingering or self.transport.is_closing()):
                if not self._read_request():
                    break
        except Malformed as error:
            self.refuse(error.status, f"pytrust: {error}")
        if self._eof and not self._waiting and not self._lingering:
            self.transport.close()

    def _read_request(self) -> bool:
        """Whether one more request is under way."""
        if self._head is None and not self._read_head():
            return False
        return self._head is not None and self._call is not None and self._read_body(self._head, self._call)

    def _read_head(self) -> bool:
        head = self._reader.next_head()
        if head is None:
            if self._reader.pending == 0:
                self._deadline = None
            elif self._deadline is None:
                self._deadline = self._house.now() + HEAD_TIMEOUT
                self._house.wake(self)
            return False
        self._house.wake(self)
        self._deadline = self._house.now() + BODY_TIMEOUT
        self._call = self._handler.open(self, head)
        if self._call is None:
            self._busy, self._deadline = True, None
            return False
        self._head = head
        if head.expect_continue:
            self.write(CONTINUE)
        return True

    def _read_body(self, head: RequestHead, call: Call) -> bool:
        body = self._reader.read_body(BODY_MAX_BYTES)
        if body is None:
            return False
        self._head, self._deadline, self._busy = None, None, True
        self._handler.handle(self, head, call, body)
        return True

    def _drain(self) -> None:
        """End our side and keep reading, so that the refusal is not lost in a reset; what is read goes nowhere."""
        with suppress(OSError, RuntimeError):
            self.transport.write_eof()
        self._read_on()

    def _go_on(self) -> None:
        self._read_on()
        self._advance()

    def _read_on(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def _too_late(self) -> None:
        if self._lingering:
            self.transport.abort()
        else:
            self.refuse(_TIMED_OUT, "pytrust: the request did not arrive in time")

    def _gone(self) -> bool:
        """Whether a client that has no more to say is taken to have gone.

        What was begun is finished. A stream ends with its reader; one on a port may or may not still be there.
        """
        return self._relay is not None and (self.on_port or vanished(self.transport))

    def _set_slow(self, slow: bool) -> None:
        self._slow = slow
        if self._tunnel is not None:
            self._tunnel.client_slow(slow)
        elif self._relay is not None:
            self._relay.pause(slow)
        elif not self._waiting:
            self._go_on()
