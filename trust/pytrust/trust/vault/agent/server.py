"""The agent as a running thing: connections, one thread that works, signals, and an orderly end.

The vault is worked on by one thread, so that a slow disk keeps nobody from connecting, and nothing is done twice at one
time. SIGTERM, SIGINT and SIGHUP close the vault and end the agent.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from pytrust.trust.errors import PytrustError
from pytrust.trust.limits import AGENT_BACKLOG, AGENT_LOOK_INTERVAL, AGENT_START_TIMEOUT
from pytrust.trust.vault.agent.connection import Connection, Guests
from pytrust.trust.vault.agent.holder import Holder
from pytrust.trust.vault.agent.visitor import Visitor
from pytrust.trust.vault.agent.wire import decode_request, encode_reply, failure


class Parts(NamedTuple):
    """What an agent is made of.

    Attributes:
        holder: the vault.
        changed: is told whenever the vault was opened (true) or closed, and once at the beginning.
        once: whether the agent ends when the vault is closed, other than by new keys, or is not opened at all.
    """

    holder: Holder
    changed: Callable[[bool], None]
    once: bool = False


def run(listening: socket.socket, parts: Parts) -> None:
    """Serve until a signal ends it, or the vault is closed again and ``parts.once``."""
    asyncio.run(_run(listening, Agent(parts)))


async def _run(listening: socket.socket, agent: Agent) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, agent.end)
    await agent.serve(listening)


class Agent:
    """Serves whoever connects, until its end; to be made in the loop that it runs in, or before."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._over = parts, asyncio.Event()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vault")
        self._was_open = parts.holder.open
        self._patience = AGENT_START_TIMEOUT

    def end(self) -> None:
        """From within the loop."""
        self._over.set()

    async def serve(self, listening: socket.socket) -> None:
        """Until the end; the vault is closed then."""
        loop = asyncio.get_running_loop()
        guests = Guests(loop.time)
        make = lambda: Connection(guests, self._work)  # noqa: E731 - a factory, as asyncio wants it
        server = await loop.create_unix_server(make, sock=listening, backlog=AGENT_BACKLOG)
        self._parts.changed(self._was_open)
        looking = loop.create_task(self._look(guests))
        try:
            await self._over.wait()
        finally:
            looking.cancel()
            server.close()
            guests.end()
            await asyncio.to_thread(self._worker.shutdown, cancel_futures=True)
            self._parts.holder.lock()

    def _work(self, body: bytes, visitor: Visitor) -> asyncio.Future[bytes]:
        work = asyncio.get_running_loop().run_in_executor(self._worker, self._answer, body, visitor)
        work.add_done_callback(self._compare)
        return work

    def _answer(self, body: bytes, visitor: Visitor) -> bytes:
        try:
            request = decode_request(body)
        except PytrustError as error:
            return encode_reply(failure(error))
        return encode_reply(self._parts.holder.answer(request, visitor))

    async def _look(self, guests: Guests) -> None:
        while True:
            await asyncio.sleep(AGENT_LOOK_INTERVAL)
            guests.sweep()
            looked = asyncio.get_running_loop().run_in_executor(self._worker, self._parts.holder.look)
            looked.add_done_callback(self._compare)
            await looked
            self._patience -= AGENT_LOOK_INTERVAL
            holder = self._parts.holder
            if self._parts.once and not holder.open and not holder.lost and self._patience < 0:
                self._over.set()

    def _compare(self, _: object) -> None:
        """Tell if the vault was opened or closed."""
        is_open = self._parts.holder.open
        if is_open == self._was_open:
            return
        self._was_open = is_open
        self._parts.changed(is_open)
        self._patience = 0.0
