"""The engine's events, as they come: which containers have ended, or are gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from pytrust.policy.engine.answers import read_ended
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine.questions import endings
from pytrust.policy.proxy.answers import Answer, EngineFailed
from pytrust.policy.proxy.connection import EngineConnection
from pytrust.policy.proxy.upstream import Engines
from pytrust.trust.errors import PytrustError

LINE_MAX_BYTES: Final = 4 * 1024 * 1024  # an event repeats the labels of its container: as much as a body may have
_OK: Final = 200


class _Lines:
    """A sink that cuts a stream into lines; None is its end."""

    def __init__(self) -> None:
        self.begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._rest = b""

    def answered(self, answer: Answer) -> None:
        if not self.begun.done():
            self.begun.set_result(answer.status)

    def body(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_MAX_BYTES:
            raise EngineFailed("an event is too long")
        for line in lines:
            if line.strip():
                self.lines.put_nowait(line)

    def ended(self) -> None:
        self.lines.put_nowait(None)

    def switched(self, answer: Answer, connection: EngineConnection, rest: bytes) -> None:  # noqa: ARG002
        connection.abort()
        self.failed(EngineFailed("it switched protocols though nobody asked"))

    def failed(self, error: EngineFailed) -> None:
        if not self.begun.done():
            self.begun.set_exception(error)
        self.lines.put_nowait(None)

    def flush(self) -> None:
        pass


class Endings:
    """One stream of events, from ``open`` on."""

    def __init__(self, connection: EngineConnection, sink: _Lines) -> None:
        self._connection, self._sink = connection, sink

    @classmethod
    async def open(cls, engines: Engines) -> Endings:
        """Nothing that ends after this is missed; raises ``EngineFailed``."""
        connection = await engines.acquire()
        sink = _Lines()
        connection.send(serialise_head("GET", endings(), [], b""), sink)
        stream = cls(connection, sink)
        try:
            status = await sink.begun
        except BaseException:
            stream.close()
            raise
        if status != _OK:
            stream.close()
            raise EngineFailed(f"it tells no events: {status}")
        return stream

    async def __aiter__(self) -> AsyncIterator[str]:
        """The ids, until the stream ends; what cannot be understood ends it, too."""
        while (line := await self._sink.lines.get()) is not None:
            try:
                yield read_ended(line)
            except PytrustError:
                return

    def close(self) -> None:
        """Hang up."""
        self._connection.abort()
