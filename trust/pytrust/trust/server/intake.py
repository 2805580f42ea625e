"""Taking in the body of a publish: from peers that may be slow, large or many.

Uploads have a bounded number of places; whoever finds none waits, and hears 503 after a while. Each may hold a small
share of memory without asking; what is larger comes out of one pot, so that large uploads never keep small ones out.
Time is given by what arrives: a peer that sends a byte a second is ended after the grace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from pytrust.trust.limits import (
    UPLOAD_BYTES_PER_SECOND,
    UPLOAD_GRACE,
    UPLOAD_MAX_BYTES,
    UPLOAD_SHARE_BYTES,
    UPLOAD_WAIT,
    UPLOADS_MAX,
    UPLOADS_SHARED_BYTES,
)
from pytrust.trust.server.refusals import Code, Refusal
from pytrust.trust.server.upload import UploadReader

_DRAINED_MAX_BYTES: Final = 2 * UPLOAD_MAX_BYTES


class Pot:
    """Memory that large uploads share."""

    def __init__(self, size: int = UPLOADS_SHARED_BYTES) -> None:
        self._left = size

    def take(self, size: int) -> None:
        """Raises ``Refusal`` (503) where so much is not left."""
        if size > self._left:
            raise Refusal(Code.UNAVAILABLE, "too many large uploads at one time")
        self._left -= size

    def give_back(self, size: int) -> None:
        """What was taken."""
        self._left += size


class Intake:
    """All uploads of one process."""

    def __init__(self, *, wait: float = UPLOAD_WAIT, grace: float = UPLOAD_GRACE, places: int = UPLOADS_MAX) -> None:
        self._wait = wait
        self._grace = grace
        self._places = asyncio.Semaphore(places)
        self._pot = Pot()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one upload, until it is published; raises ``Refusal`` (503)."""
        try:
            async with asyncio.timeout(self._wait):
                await self._places.acquire()
        except TimeoutError:
            raise Refusal(Code.UNAVAILABLE, "too many uploads at one time") from None
        try:
            yield
        finally:
            self._places.release()

    @asynccontextmanager
    async def files(self, content_type: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[Mapping[str, bytes]]:
        """The files of an upload, while they are needed; raises ``Refusal``.

        What is refused is read to its end all the same, and dropped: a peer that still writes would not hear why.
        """
        taken = _Taken(self._pot)
        try:
            try:
                async with asyncio.timeout(self._grace) as limit:
                    found = await _receive(UploadReader(content_type), _paced(body, limit), taken)
            except TimeoutError:
                raise Refusal(Code.TIMEOUT, "the upload came too slowly") from None
            except Refusal:
                taken.give_back()
                await self._drain(body)
                raise
            yield found
        finally:
            taken.give_back()

    async def _drain(self, body: AsyncIterator[bytes]) -> None:
        size = 0
        try:
            async with asyncio.timeout(self._grace):
                async for data in body:
                    size += len(data)
                    if size > _DRAINED_MAX_BYTES:
                        return
        except TimeoutError:
            return


class _Taken:
    """What one upload took out of the pot: all that is beyond its share."""

    def __init__(self, pot: Pot) -> None:
        self._pot = pot
        self._size = 0

    def grow(self, size: int) -> None:
        """So many bytes are held now."""
        more = max(0, size - UPLOAD_SHARE_BYTES) - self._size
        self._pot.take(more)
        self._size += more

    def give_back(self) -> None:
        """All of it; may be called again."""
        self._pot.give_back(self._size)
        self._size = 0


async def _receive(reader: UploadReader, body: AsyncIterator[bytes], taken: _Taken) -> Mapping[str, bytes]:
    async for data in body:
        taken.grow(reader.size + len(data))
        reader.feed(data)
    return reader.finish()


async def _paced(body: AsyncIterator[bytes], limit: asyncio.Timeout) -> AsyncIterator[bytes]:
    """What came, each piece moving the end of the time."""
    async for data in body:
        when = limit.when()
        assert when is not None
        limit.reschedule(when + len(data) / UPLOAD_BYTES_PER_SECOND)
        yield data
