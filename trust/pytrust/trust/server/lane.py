"""Blocking work of one kind, on threads of its own, so that one kind never takes the threads of another.

Work that waits is bounded in number: beyond it the caller hears at once that the server is busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pytrust.trust.server.refusals import Code, Refusal

_Result = TypeVar("_Result")


class Lane:
    """Threads for work called ``name``, with places for those who work and those who wait."""

    def __init__(self, name: str, threads: int, places: int) -> None:
        self._pool = ThreadPoolExecutor(threads, f"pytrust-{name}")
        self._free = places

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """What ``work`` gives or raises; raises ``Refusal`` (503) where no place is free.

        Work that began is done to its end, whatever becomes of the caller.
        """
        if self._free == 0:
            raise Refusal(Code.UNAVAILABLE, "the server is busy")
        loop = asyncio.get_running_loop()
        self._free -= 1
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: self._leave(loop))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Wait for what was begun."""
        self._pool.shutdown(wait=True)

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._give_back)

    def _give_back(self) -> None:
        self._free += 1
