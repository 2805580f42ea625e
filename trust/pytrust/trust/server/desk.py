"""What becomes of a request whose caller was let in: each route to its answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, assert_never

from starlette.responses import Response

from pytrust.trust.limits import LOGIN_THREADS, LOGINS_MAX
from pytrust.trust.server import answers
from pytrust.trust.server.asking import authorization_of, form_of, peer_of
from pytrust.trust.server.exposition import exposition
from pytrust.trust.server.lane import Lane
from pytrust.trust.server.reading import Reading
from pytrust.trust.server.routes import (
    BadName,
    ByChecksum,
    ByVersion,
    Current,
    Delete,
    Feed,
    GetKey,
    Health,
    Metrics,
    Moved,
    NoSuchMethod,
    Nowhere,
    Page,
    Ping,
    Publish,
    RotateKey,
    Route,
    Simple,
    Token,
    TufFile,
)
from pytrust.trust.server.writing import Writing

if TYPE_CHECKING:
    from starlette.requests import Request

    from pytrust.trust.server.auth import TokenService
    from pytrust.trust.server.backend import Backend
    from pytrust.trust.server.rows import Rows

_EMPTY = b"{}"


class Parts(NamedTuple):
    """What a desk works with.

    Args:
        backend: the metadata.
        tokens: gives tokens for passwords; None where nobody needs any, or somebody else does it.
        rows: the counters of all processes.
        note: takes a line of the log; raises nothing.
        now: the clock, UTC.
    """

    backend: Backend
    tokens: TokenService | None
    rows: Rows
    note: Callable[[str], None]
    now: Callable[[], datetime]


class Desk:
    """Answers all that may be answered."""

    def __init__(self, parts: Parts) -> None:
        self._tokens = parts.tokens
        self._rows = parts.rows
        self.logins = Lane("login", LOGIN_THREADS, LOGINS_MAX)
        self._reading = Reading(parts.backend, parts.rows.meter, parts.now)
        self._writing = Writing(parts.backend, parts.rows.meter, parts.note)

    async def answer(self, route: Route, request: Request, user: str) -> Response:
        """The answer; raises ``PytrustError``."""
        match route:
            case Current() | ByChecksum() | ByVersion() | TufFile() | Feed() | Health() | Page():
                return await self._reading.answer(route, request.scope["query_string"])
            case Publish() | GetKey() | RotateKey() | Delete():
                return await self._writing.answer(route, request, user)
            case Token():
                return await self._token(request)
            case _:
                return self._simple(route, request.scope["query_string"])

    def close(self) -> None:
        """Wait for what was begun."""
        for part in (self._writing, self._reading, self.logins):
            part.close()

    def _simple(self, route: Simple, query: bytes) -> Response:
        match route:
            case Ping():
                answer = answers.document(_EMPTY)
            case Metrics():
                answer = answers.counters(exposition(self._rows.counted()))
            case BadName(publish):
                answer = answers.no_such_name() if publish else answers.missing()
            case Moved(location):
                answer = answers.moved(location, query)
            case Nowhere():
                answer = answers.missing()
            case NoSuchMethod():
                answer = answers.no_such_method()
            case _:
                assert_never(route)
        return answer

    async def _token(self, request: Request) -> Response:
        if self._tokens is None:
            return answers.missing()
        form, said = await form_of(request), authorization_of(request)
        ask = partial(self._tokens.answer, request.method, request.scope["query_string"], form, said, peer_of(request))
        status, headers, body = await self.logins.run(ask)
        return Response(body, status, headers=headers)
