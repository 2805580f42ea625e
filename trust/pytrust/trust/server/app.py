"""The ASGI application of the trust server: who may come in, around what is answered.

Starlette reads requests, writes answers and runs the lifespan; which route a path is, is decided by ``routes`` alone.
What the backend remembers is answered on the event loop; all else that may wait is done on threads. Nothing that is
raised leaves here: what nobody foresaw is a 500 without detail, and a line in the log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.routing import Router

from pytrust.trust.errors import PytrustError
from pytrust.trust.server import answers
from pytrust.trust.server.asking import authorization_of, peer_of
from pytrust.trust.server.auth import AuthSettings, Caller, Gate, realm_of
from pytrust.trust.server.auth.access import PULL
from pytrust.trust.server.desk import Desk, Parts
from pytrust.trust.server.gun import is_ours
from pytrust.trust.server.needs import access_of
from pytrust.trust.server.refusals import Code, Refusal
from pytrust.trust.server.routes import BadName, Page, Publish, Route, TufFile, match

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send


class Door(NamedTuple):
    """Who may come in.

    Args:
        settings: of authentication, of which ``gate`` was made.
        gate: decides.
        prefixes: collections are kept only under these; none means any.
    """

    settings: AuthSettings
    gate: Gate
    prefixes: tuple[str, ...] = ()


def make_app(door: Door, parts: Parts, close: Callable[[], None]) -> ASGIApp:
    """The application; when its lifespan ends, what was begun is done, and then ``close`` is called."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        desk.close()
        close()

    desk = Desk(parts)
    return Router(default=_Shell(door, parts, desk), lifespan=lifespan, redirect_slashes=False)


class _Shell:
    def __init__(self, door: Door, parts: Parts, desk: Desk) -> None:
        self._door = door
        self._meter = parts.rows.meter
        self._note = parts.note
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        began = perf_counter()
        route = _ours(match(scope["method"], scope["raw_path"]), self._door.prefixes)
        try:
            response = await self._answer(route, Request(scope, receive))
        except ClientDisconnect:
            return
        await response(scope, receive, send)
        size = int(response.headers.get("content-length", 0))
        self._meter.request(route.operation, response.status_code, perf_counter() - began, size)

    async def _answer(self, route: Route, request: Request) -> Response:
        try:
            outcome = await self._admit(route, request)
            if isinstance(outcome, Caller):
                return await self._desk.answer(route, request, outcome.user)
        except Refusal as refusal:
            return answers.refused(refusal)
        except PytrustError as error:
            self._note(f"error: {route.operation}: {error}")
            return answers.unavailable()
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - a peer hears 500, and the next request is served
            self._note(f"error: {route.operation}: internal: {type(error).__name__}: {str(error)[:300]}")
            return answers.refused(Refusal(Code.UNKNOWN, "an unforeseen failure"))
        return outcome

    async def _admit(self, route: Route, request: Request) -> Caller | Response:
        """Who it is, or the answer to somebody who may not."""
        access = access_of(route)
        if access is None:
            return Caller("")
        said = authorization_of(request)
        realm = realm_of(self._door.settings, request.scope["scheme"], request.headers.get("host", ""))
        if realm is None:
            raise Refusal(Code.INVALID_PARAMETERS, "the Host header is not the name of a server")
        judge = partial(self._door.gate.judge, said, access, realm, peer=peer_of(request))
        outcome = await self._desk.logins.run(judge) if self._door.gate.slow(said) else judge()
        if isinstance(outcome, Caller):
            return outcome
        if said is not None and access.actions not in {(), (PULL,)}:
            self._note(f"refused: {route.operation} of {access.name}: not allowed, from {peer_of(request)}")
        return answers.challenged(outcome, basic=isinstance(route, Page))


def _ours(route: Route, prefixes: tuple[str, ...]) -> Route:
    """The route, or that for a name that this server does not keep."""
    name = route.name if isinstance(route, TufFile) else getattr(route, "gun", None)
    return route if name is None or is_ours(name, prefixes) else BadName(publish=isinstance(route, Publish))
