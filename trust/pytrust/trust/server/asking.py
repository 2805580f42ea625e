"""What a request says besides its route: who sends it, from where, and its small bodies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pytrust.trust.limits import TOKEN_FORM_MAX_BYTES, UPLOAD_GRACE
from pytrust.trust.server.refusals import Code, Refusal

if TYPE_CHECKING:
    from starlette.requests import Request


def authorization_of(request: Request) -> str | None:
    """The one ``Authorization`` header; raises ``Refusal`` where there are two."""
    values = request.headers.getlist("authorization")
    if len(values) > 1:
        raise Refusal(Code.INVALID_PARAMETERS, "the Authorization header stands twice")
    return values[0] if values else None


def peer_of(request: Request) -> str:
    """The address of the client."""
    return request.client.host if request.client else ""


async def form_of(request: Request) -> bytes:
    """The body, up to one byte more than a form may have; raises ``Refusal`` for one that comes too slowly."""
    found = bytearray()
    try:
        async with asyncio.timeout(UPLOAD_GRACE):
            async for data in request.stream():
                found += data
                if len(found) > TOKEN_FORM_MAX_BYTES:
                    break
    except TimeoutError:
        raise Refusal(Code.TIMEOUT, "the form came too slowly") from None
    return bytes(found[: TOKEN_FORM_MAX_BYTES + 1])
