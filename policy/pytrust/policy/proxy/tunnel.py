"""A stream after the engine's own 101: bytes in both directions, each direction ended by itself.

A half-close travels: when the client ends its side, the process in the container sees the end of its input while its
output still flows (``docker run -i``). Nothing in here is read as HTTP, and neither connection is used again.
"""

from __future__ import annotations

import asyncio
import select
import socket
from contextlib import suppress

from pytrust.policy.proxy.connection import EngineConnection
from pytrust.policy.proxy.limits import KEEPALIVE_SECONDS


class Tunnel:
    """Two transports joined; ``Stream`` for the engine's side, the ``client_*`` methods for the other."""

    __slots__ = ("_client", "_client_done", "_engine", "_engine_done")

    def __init__(self, client: asyncio.Transport, engine: EngineConnection) -> None:
        self._client, self._engine = client, engine
        self._client_done = self._engine_done = False
        engine.stream = self

    def begin(self, rest: bytes, early: bytes) -> None:
        """``rest``: the engine's bytes behind its 101; ``early``: those the client sent before it."""
        if rest:
            self._client.write(rest)
        if early:
            self._engine.transport.write(early)

    # from the engine

    def received(self, data: bytes) -> None:
        """Output."""
        self._client.write(data)

    def finished(self) -> None:
        """The end of the output."""
        self._engine_done = True
        if self._client_done:
            self._client.close()
        else:
            self._end(self._client)

    def lost(self) -> None:
        """The engine has gone; what it said before is still delivered."""
        self._client.close()

    def pause(self) -> None:
        """The engine does not keep up with the client."""
        self._client.pause_reading()

    def resume(self) -> None:
        """It has kept up."""
        self._client.resume_reading()

    # from the client

    def client_sent(self, data: bytes) -> None:
        """Input."""
        if not self._engine_done:
            self._engine.transport.write(data)

    def client_finished(self) -> None:
        """The end of the input."""
        self._client_done = True
        if self._engine_done:
            self._client.close()
        else:
            self._end(self._engine.transport)

    def client_lost(self) -> None:
        """The client has gone."""
        self._engine.abort()

    def client_slow(self, slow: bool) -> None:
        """The client does not keep up with the engine, or has kept up."""
        if slow:
            self._engine.transport.pause_reading()
        else:
            self._engine.transport.resume_reading()

    def swept(self) -> None:
        """Now and then: a client that is not read may have vanished; one that was told the end need not close."""
        told = self._engine_done and not self._client.get_write_buffer_size()
        if told or vanished(self._client):
            self._client.abort()

    @staticmethod
    def _end(transport: asyncio.Transport) -> None:
        with suppress(OSError, RuntimeError, NotImplementedError):
            transport.write_eof()


def vanished(transport: asyncio.Transport) -> bool:
    """Whether the peer has closed both directions; one on TCP that closed is only noticed when it is written to."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


def watch(sock: socket.socket) -> None:
    """Have the kernel notice, within about a minute, that the peer of a TCP connection is no longer there."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
