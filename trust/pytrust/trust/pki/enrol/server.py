"""The enrolment server: TLS with a certificate of the authority itself, one request to a connection.

Whoever connects is counted before the TLS handshake, and has a few seconds for it and for the whole request, so that
many slow peers cost a bounded number of sockets for a bounded time. What is asked is answered by the desk, one after
the other, in a thread of its own: signing writes to the disk.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

import msgspec

from pytrust.trust.errors import Busy, UsageError
from pytrust.trust.pki.enrol.http import Answer, BadRequest, Request, RequestReader
from pytrust.trust.pki.enrol.rate import neighbourhood
from pytrust.trust.pki.enrol.words import Refusal

CONNECTIONS_MAX: Final = 256  # at once; a fleet that starts together waits in the backlog
CONNECTIONS_PER_PEER_MAX: Final = 32  # one address takes no more than an eighth of them
HANDSHAKE_TIMEOUT: Final = 5.0  # seconds
REQUEST_TIMEOUT: Final = 10.0  # seconds from the handshake to the last byte of the request
ANSWER_TIMEOUT: Final = 60.0  # seconds in which an answer is taken; the biggest list over a slow line
DRAIN_TIMEOUT: Final = 5.0  # seconds that running requests get at the end
_BACKLOG: Final = 1024
_READ_BYTES: Final = 16 * 1024
_Result = TypeVar("_Result")
_OUT_OF_FILES: Final = 0.2  # seconds to wait when the kernel has no descriptor left


class Parts(NamedTuple):
    """What the server serves.

    ``answer`` is given a request and the peer's address, ``tend`` is called every ``tend_every`` seconds, both in one
    thread, and neither raises; ``context`` gives the TLS context of the moment.
    """

    answer: Callable[[Request, str], Answer]
    tend: Callable[[], None]
    tend_every: float
    context: Callable[[], ssl.SSLContext]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ``UsageError`` for an address that is not this host's, ``Busy`` for one in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Busy(f"somebody listens at {host}:{port} already", hint="end it, or listen elsewhere") from error
        raise UsageError(f"cannot listen at {host}:{port}: {error.strerror}", hint="give another --listen") from error


def serve(listening: socket.socket, parts: Parts) -> None:
    """Serve until SIGTERM or SIGINT; running requests are answered first."""
    with ThreadPoolExecutor(1, "desk") as thread:
        asyncio.run(_Server(listening, parts, thread).run())


class _Server:
    def __init__(self, listening: socket.socket, parts: Parts, thread: ThreadPoolExecutor) -> None:
        self._listening, self._parts, self._thread = listening, parts, thread
        self._peers: Counter[str] = Counter()
        self._visits: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(CONNECTIONS_MAX)

    async def run(self) -> None:
        """Accept until told to end."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, over.set)
        self._listening.setblocking(False)
        work = [loop.create_task(self._accept()), loop.create_task(self._tend())]
        await over.wait()
        for task in work:
            task.cancel()
        if self._visits:
            await asyncio.wait(self._visits, timeout=DRAIN_TIMEOUT)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._free.acquire()
            try:
                connection, address = await loop.sock_accept(self._listening)
            except OSError:  # no descriptors left, or the peer is gone already
                self._free.release()
                await asyncio.sleep(_OUT_OF_FILES)
                continue
            visit = loop.create_task(self._visit(connection, address[0]))
            self._visits.add(visit)
            visit.add_done_callback(self._visits.discard)

    async def _tend(self) -> None:
        while True:
            await self._in_thread(self._parts.tend)
            await asyncio.sleep(self._parts.tend_every)

    async def _visit(self, connection: socket.socket, peer: str) -> None:
        """One connection, from the first byte to the last."""
        key = neighbourhood(peer)
        self._peers[key] += 1
        try:
            if self._peers[key] <= CONNECTIONS_PER_PEER_MAX:
                await self._converse(connection, peer)
        except (OSError, ssl.SSLError, TimeoutError, asyncio.IncompleteReadError):
            pass  # a peer that fails is none of our business
        finally:
            self._peers[key] -= 1
            if not self._peers[key]:
                del self._peers[key]
            connection.close()
            self._free.release()

    async def _converse(self, connection: socket.socket, peer: str) -> None:
        reader, writer = await self._shake_hands(connection)
        try:
            answer = await self._answer(reader, peer)
            async with asyncio.timeout(ANSWER_TIMEOUT):
                for piece in answer.encode():
                    writer.write(piece)
                    await writer.drain()  # a peer that reads slowly holds a piece, not the whole of a list
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _shake_hands(self, connection: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_READ_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=self._parts.context(),
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
            ssl_shutdown_timeout=HANDSHAKE_TIMEOUT,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _answer(self, reader: asyncio.StreamReader, peer: str) -> Answer:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                request = await _read(reader)
        except BadRequest as error:
            return _refuse(error.status, "bad-request", str(error))
        except TimeoutError:
            return _refuse(408, "too-slow", f"no whole request within {REQUEST_TIMEOUT:g} s")
        return await self._in_thread(lambda: self._parts.answer(request, peer))

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _read(reader: asyncio.StreamReader) -> Request:
    parsing = RequestReader()
    while data := await reader.read(_READ_BYTES):
        if request := parsing.feed(data):
            return request
    raise BadRequest(400, "the request ended before it was whole")


def _refuse(status: int, code: str, text: str) -> Answer:
    return Answer(status, msgspec.json.encode(Refusal(code=code, message=text)))
