"""The agent as a running thing: connections, one thread that works, signals, and an orderly end.

The vault is worked on by one thread, so that a slow disk keeps nobody from connecting, and nothing is done twice at one
time. SIGTERM, SIGINT and SIGHUP close the vault and end the agent.
"""

from __future__ import annotations

import asyncio
import math
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from pytrust.trust.errors import PytrustError
from pytrust.trust.limits import (
    AGENT_BACKLOG,
    AGENT_GUEST_BURST,
    AGENT_GUEST_PATIENCE,
    AGENT_GUEST_RATE,
    AGENT_LOOK_INTERVAL,
    AGENT_REFUSAL_SECONDS,
    AGENT_START_TIMEOUT,
)
from pytrust.trust.vault.agent.connection import Connection, Guests
from pytrust.trust.vault.agent.holder import Holder
from pytrust.trust.vault.agent.pace import Pace
from pytrust.trust.vault.agent.visitor import Visitor
from pytrust.trust.vault.agent.wire import Reply, decode_request, encode_reply, failure
from pytrust.trust.vault.operations import Failure


class Parts(NamedTuple):
    """What an agent is made of.

    Attributes:
        holder: the vault.
        changed: is told whenever the vault was opened (true) or closed, and once at the beginning.
    """

    holder: Holder
    changed: Callable[[bool], None]


def run(listening: socket.socket, parts: Parts) -> bool:
    """Serve until a signal ends it or, where the holder's terms say so, the vault is closed: whether that was it."""
    return asyncio.run(_run(listening, Agent(parts)))


async def _run(listening: socket.socket, agent: Agent) -> bool:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, agent.end)
    await agent.serve(listening)
    return agent.was_locked


class Agent:
    """Serves whoever connects, until its end; to be made in the loop that it runs in, or before."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._over = parts, asyncio.Event()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vault")
        self._pace = Pace(AGENT_GUEST_RATE, AGENT_GUEST_BURST, AGENT_GUEST_PATIENCE)
        self._was = (parts.holder.open, parts.holder.lost)
        self.was_locked = False
        """Whether it ends because the vault was closed."""
        self._patience = AGENT_START_TIMEOUT if parts.holder.terms.once else math.inf

    def end(self) -> None:
        """From within the loop."""
        self._over.set()

    async def serve(self, listening: socket.socket) -> None:
        """Until the end; the vault is closed then."""
        loop = asyncio.get_running_loop()
        guests = Guests(loop.time)
        make = lambda: Connection(guests, self._work)  # noqa: E731 - a factory, as asyncio wants it
        server = await loop.create_unix_server(make, sock=listening, backlog=AGENT_BACKLOG)
        self._parts.changed(self._parts.holder.open)
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
        loop = asyncio.get_running_loop()
        work: asyncio.Future[bytes]
        if visitor.owner:
            work = loop.run_in_executor(self._worker, self._answer, body, visitor)
        else:
            work = loop.create_task(self._answer_guest(body, visitor))
        work.add_done_callback(self._compare)
        return work

    async def _answer_guest(self, body: bytes, visitor: Visitor) -> bytes:
        """In his turn; a refusal always takes the same time, so that it does not tell what was looked at."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._pace.wait(visitor.uid, loop.time()))
        due = loop.time() + AGENT_REFUSAL_SECONDS
        reply = await loop.run_in_executor(self._worker, self._reply, body, visitor)
        if isinstance(reply, Failure):
            await asyncio.sleep(due - loop.time())
        return encode_reply(reply)

    def _answer(self, body: bytes, visitor: Visitor) -> bytes:
        return encode_reply(self._reply(body, visitor))

    def _reply(self, body: bytes, visitor: Visitor) -> Reply:
        try:
            request = decode_request(body)
        except PytrustError as error:
            return failure(error)
        return self._parts.holder.answer(request, visitor)

    async def _look(self, guests: Guests) -> None:
        while True:
            await asyncio.sleep(AGENT_LOOK_INTERVAL)
            guests.sweep()
            looked = asyncio.get_running_loop().run_in_executor(self._worker, self._parts.holder.look)
            looked.add_done_callback(self._compare)
            await looked
            self._patience -= AGENT_LOOK_INTERVAL
            if self._patience < 0:
                self.end()

    def _compare(self, _: object) -> None:
        """Whether the vault was opened or closed just now."""
        holder, was = self._parts.holder, self._was
        is_open, lost = self._was = (holder.open, holder.lost)
        locked = not is_open and not lost and self._was != was
        if is_open:
            self._patience = math.inf
        elif locked and (holder.terms.once or holder.terms.anew):
            self.was_locked = True
            asyncio.get_running_loop().call_soon(self.end)  # the answer goes out first
        if is_open != was[0] and not (locked and holder.terms.anew):  # whoever takes the place says that it is locked
            self._parts.changed(is_open)
