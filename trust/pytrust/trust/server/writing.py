"""Requests that write: taken in within bounds, done on threads of their own, and one line of the log for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, assert_never

from starlette.requests import ClientDisconnect

from pytrust.trust.limits import UPLOADS_MAX, WRITE_THREADS
from pytrust.trust.server import answers
from pytrust.trust.server.asking import peer_of
from pytrust.trust.server.intake import Intake
from pytrust.trust.server.lane import Lane
from pytrust.trust.server.meter import Meter, Tally
from pytrust.trust.server.refusals import Code, Refusal
from pytrust.trust.server.routes import Delete, GetKey, Publish, RotateKey, Write

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pytrust.trust.server.backend import Backend

_PLACES = 2 * UPLOADS_MAX  # uploads have theirs; the others are keys and deletions
_ANONYMOUS = "somebody"


class Writing:
    """Answers to those who may write.

    Args:
        backend: what is written to.
        meter: counts publishes.
        note: takes one line for each write: who, what, from where, and how it ended.
    """

    def __init__(self, backend: Backend, meter: Meter, note: Callable[[str], None]) -> None:
        self._backend = backend
        self._meter = meter
        self._note = note
        self._intake = Intake()
        self._lane = Lane("write", WRITE_THREADS, _PLACES)

    async def answer(self, route: Write, request: Request, user: str) -> Response:
        """The answer; raises ``PytrustError``."""
        match route:
            case Publish(gun):
                with self._told(f"publish {gun}", request, user), self._counted():
                    await self._publish(gun, request, user)
                return answers.done()
            case Delete(gun):
                with self._told(f"delete {gun}", request, user):
                    await self._lane.run(partial(self._backend.delete, gun))
                return answers.done()
            case RotateKey(gun, role):
                with self._told(f"new {role} key for {gun}", request, user):
                    return answers.document(await self._lane.run(partial(self._backend.rotate_key, gun, role)))
            case GetKey(gun, role):
                return answers.document(await self._lane.run(partial(self._backend.key, gun, role)))
        assert_never(route)

    def close(self) -> None:
        """Wait for what was begun."""
        self._lane.close()

    async def _publish(self, gun: str, request: Request, user: str) -> None:
        content_type = request.headers.get("content-type", "").encode("latin-1")
        try:
            async with self._intake.place(), self._intake.files(content_type, request.stream()) as files:
                await self._lane.run(partial(self._backend.publish, gun, files, user))
        except ClientDisconnect:
            raise Refusal(Code.TIMEOUT, "the client went away") from None

    @contextmanager
    def _told(self, what: str, request: Request, user: str) -> Iterator[None]:
        line = f"{what} by {user or _ANONYMOUS} from {peer_of(request)}"
        try:
            yield
        except Refusal as refusal:
            self._note(f"{line}: refused: {refusal.reason.name.lower()}: {refusal}")
            raise
        except Exception as error:
            self._note(f"{line}: failed: {type(error).__name__}")
            raise
        self._note(f"{line}: done")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except Refusal as refusal:
            self._meter.add(Tally.FAILED if refusal.reason.is_ours else Tally.REFUSED)
            raise
        except Exception:
            self._meter.add(Tally.FAILED)
            raise
        self._meter.add(Tally.PUBLISHED)
