"""Answers to peers that may read slowly, or not at all.

Whatever is handed to the server whole is kept in memory for each peer until it is read: sixty that read nothing of a
3 MB file held 180 MB in our trials, for as long as they liked. Larger answers go out in pieces, each when there is room
for it, and within a time that depends on their length; then the connection ends.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from pytrust.trust.limits import ANSWER_BYTES_PER_SECOND, ANSWER_GRACE

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_PIECE_BYTES: Final = 64 * 1024


class Pieces(Response):
    """An answer of any length; what is small goes out at once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if len(self.body) <= _PIECE_BYTES:
            await super().__call__(scope, receive, send)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_GRACE + len(self.body) / ANSWER_BYTES_PER_SECOND):
                await self._send_pieces(send)

    async def _send_pieces(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        whole = memoryview(self.body)
        for start in range(0, len(whole), _PIECE_BYTES):
            end = start + _PIECE_BYTES
            await send({"type": "http.response.body", "body": bytes(whole[start:end]), "more_body": end < len(whole)})
