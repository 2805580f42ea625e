"""Questions to an engine at a unix socket, put plainly: one connection each."""

from __future__ import annotations

import asyncio
import http.client
import io
from pathlib import Path

from pytrust.policy.engine_facts import Ask


def asking(path: Path) -> Ask:
    """Asks whoever listens at ``path``; raises ``OSError``."""

    async def ask(target: str) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_unix_connection(str(path))
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n".encode())
            return _parse(await reader.read())
        finally:
            writer.close()

    return ask


class _Wire:
    """Bytes where ``http.client`` wants a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


def _parse(data: bytes) -> tuple[int, bytes]:
    answer = http.client.HTTPResponse(_Wire(data))  # type: ignore[arg-type]
    try:
        answer.begin()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"no answer: {error!r}") from error
