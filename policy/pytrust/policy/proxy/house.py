"""Who is connected: a bounded number, the longest idle one making room, and a regular look at every clock.

Those who have not shown yet who they are make room first: they cost honest clients nothing but that.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pytrust.policy.proxy.limits import CONNECTIONS_MAX

if TYPE_CHECKING:
    from pytrust.policy.proxy.client import Client

_PEER: Final = struct.Struct("3i")  # struct ucred, unix(7): pid, uid, gid


class House:
    """All connections of one proxy."""

    def __init__(self, now: Callable[[], float], limit: int = CONNECTIONS_MAX) -> None:
        self.now = now
        self.ending = False
        self._limit = limit
        self._clients: set[Client] = set()
        self._idle: dict[Client, None] = {}  # the longest idle one first, as below
        self._strangers: dict[Client, None] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def admit(self, client: Client) -> str:
        """Let somebody in; gives a name for the caller, such as ``uid 1000``."""
        if len(self._clients) >= self._limit and not self._make_room():
            client.abort()
        else:
            self._clients.add(client)
            self.rest(client)
        return _caller(client.transport)

    def leave(self, client: Client) -> None:
        """Somebody has gone."""
        self._clients.discard(client)
        self.wake(client)

    def rest(self, client: Client) -> None:
        """Nothing is going on with ``client`` from now on."""
        self.wake(client)
        (self._strangers if client.stranger else self._idle)[client] = None

    def wake(self, client: Client) -> None:
        """Something is going on again."""
        self._idle.pop(client, None)
        self._strangers.pop(client, None)

    def sweep(self) -> None:
        """Tell everybody what time it is."""
        now = self.now()
        for client in tuple(self._clients):
            client.swept(now)

    async def empty(self, within: float) -> None:
        """No new requests; wait ``within`` seconds for those that run, then cut every connection."""
        self.ending = True
        end = self.now() + within
        for client in (*self._strangers, *self._idle):
            client.close()
        while self._clients and self.now() < end:
            await asyncio.sleep(0.05)
        for client in tuple(self._clients):
            client.abort()

    def _make_room(self) -> bool:
        """Cut the longest idle one; false where all are busy."""
        oldest = next(iter(self._strangers or self._idle), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.abort()
        return True


def _caller(transport: asyncio.Transport) -> str:
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family == socket.AF_UNIX:
        _, uid, _ = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        return f"uid {uid}"
    peer = transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if peer else "unknown"
