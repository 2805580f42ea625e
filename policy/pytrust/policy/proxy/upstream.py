"""The connections to one engine: kept open, used by one request at a time, given back only after a whole answer."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from pytrust.policy.engine.address import EngineAddress
from pytrust.policy.proxy.answers import Answer, EngineFailed
from pytrust.policy.proxy.connection import EngineConnection
from pytrust.policy.proxy.limits import ANSWER_MAX_BYTES, ASK_TIMEOUT, CONNECT_TIMEOUT, IDLE_ENGINES_MAX

_CROWDED: Final = 0.02  # seconds until the engine will have accepted some


class Collected:
    """A sink that keeps the whole answer; awaited through ``result``."""

    def __init__(self, limit: int = ANSWER_MAX_BYTES) -> None:
        self.result: asyncio.Future[tuple[Answer, bytes]] = asyncio.get_running_loop().create_future()
        self._limit = limit
        self._answer: Answer | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    def answered(self, answer: Answer) -> None:
        """Keep the head."""
        self._answer = answer

    def body(self, data: bytes) -> None:
        """Keep a piece, within the limit."""
        self._size += len(data)
        if self._size > self._limit:
            raise EngineFailed(f"its answer is larger than {self._limit} bytes")
        self._pieces.append(data)

    def ended(self) -> None:
        """All there."""
        assert self._answer is not None
        if not self.result.done():
            self.result.set_result((self._answer, b"".join(self._pieces)))

    def switched(self, answer: Answer, connection: EngineConnection, rest: bytes) -> None:  # noqa: ARG002
        """Not asked for."""
        connection.abort()
        self.failed(EngineFailed("it switched protocols though nobody asked"))

    def failed(self, error: EngineFailed) -> None:
        """Not to be had."""
        if not self.result.done():
            self.result.set_exception(error)

    def flush(self) -> None:
        """Nothing is buffered."""


class Engines:
    """The connections to one engine."""

    def __init__(self, address: EngineAddress) -> None:
        self.address = address
        self._idle: deque[EngineConnection] = deque()

    def at_hand(self) -> EngineConnection | None:
        """An open connection that waits, or None."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and not connection.transport.is_closing():
                return connection
        return None

    async def acquire(self) -> EngineConnection:
        """A connection for one request; raises ``EngineFailed``."""
        if (held := self.at_hand()) is not None:
            return held
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                connection = await self._connected()
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or "it does not accept"
            raise EngineFailed(f"no engine answers at {self.address}: {why}") from error
        if connection.closed:
            raise EngineFailed("it hung up at once")
        return connection

    def release(self, connection: EngineConnection) -> None:
        """Give a connection back after a whole answer."""
        if connection.reusable and len(self._idle) < IDLE_ENGINES_MAX:
            self._idle.append(connection)
        elif not connection.closed:
            connection.abort()

    async def ask(self, request: bytes, timeout: float | None = ASK_TIMEOUT) -> tuple[Answer, bytes]:
        """One request of our own, answered whole; raises ``EngineFailed``."""
        connection = await self.acquire()
        sink = Collected()
        connection.send(request, sink)
        try:
            async with asyncio.timeout(timeout):
                result = await sink.result
        except TimeoutError as error:
            raise EngineFailed("it does not answer") from error
        finally:
            if not sink.result.done() or sink.result.cancelled():
                connection.abort()
        self.release(connection)
        return result

    def close(self) -> None:
        """Hang up on every idle connection."""
        while self._idle:
            self._idle.pop().abort()

    async def _connected(self) -> EngineConnection:
        """Wait while too many others wait to be accepted: a unix socket does not queue us behind them."""
        while True:
            try:
                return await self._connect()
            except BlockingIOError:
                await asyncio.sleep(_CROWDED)

    async def _connect(self) -> EngineConnection:
        loop, address = asyncio.get_running_loop(), self.address
        if address.socket is not None:
            _, connection = await loop.create_unix_connection(EngineConnection, str(address.socket))
        else:
            _, connection = await loop.create_connection(EngineConnection, address.host, address.port)
        return connection
