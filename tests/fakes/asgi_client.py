"""A client of an ASGI application in this process: whole requests, their bodies in pieces, and the lifespan."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

Header = tuple[str, str]


@dataclass(frozen=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        (found,) = self.json["errors"]
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True)
class Client:
    """Asks one application; ``pause`` seconds pass before every piece of a body, and ``leaves`` ends it early."""

    app: ASGIApp
    peer: str = "192.0.2.7"

    async def ask(
        self,
        method: str,
        target: str,
        body: Iterable[bytes] = (),
        headers: Sequence[Header] = (),
        *,
        pause: float = 0,
        leaves: bool = False,
    ) -> Answer:
        path, _, query = target.partition("?")
        said = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode("latin-1"),
            "headers": [(b"host", b"trust.example.com:4443"), *said],
            "scheme": "https",
            "client": (self.peer, 1),
            "http_version": "1.1",
            "root_path": "",
        }
        pieces, sent = iter([*body]), _Sent()

        async def receive() -> MutableMapping[str, Any]:
            await asyncio.sleep(pause)
            piece = next(pieces, None)
            if piece is None and leaves:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

        await self.app(scope, receive, sent.take)
        return sent.answer()


class _Sent:
    def __init__(self) -> None:
        self._messages: list[MutableMapping[str, Any]] = []

    async def take(self, message: MutableMapping[str, Any]) -> None:
        self._messages.append(message)

    def answer(self) -> Answer:
        if not self._messages:
            return Answer(0, {}, b"")
        start, *bodies = self._messages
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        assert len(dict(pairs)) == len(pairs), "a header stands twice"
        return Answer(start["status"], dict(pairs), b"".join(message.get("body", b"") for message in bodies))


@asynccontextmanager
async def living(app: ASGIApp) -> AsyncIterator[None]:
    """The application's lifespan, from its first moment to its last."""
    told: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}

    async def live() -> None:
        await app(scope, told.get, said.put)

    running = asyncio.create_task(live())
    await told.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        assert (await said.get())["type"] == "lifespan.shutdown.complete"
        await running
