"""Blocking work beside the event loop: bounded in number, and never in the way of ending the process.

The threads are daemons, each for one piece of work: a look at a dead network drive cannot be ended by anybody, and an
executor would wait for it when the process ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def start(work: Callable[[], T]) -> Future[T]:
    """Do ``work`` on a thread of its own; the future tells how it went, and cannot be cancelled."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()
    Thread(target=_fulfil, args=(future, work), daemon=True).start()
    return future


class Threads:
    """At most ``count`` pieces of work at once. Who gives up waiting for a thread leaves nothing behind."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` gives or raises; cancelled, it leaves the thread to finish by itself."""
        await self._free.acquire()
        try:
            future = asyncio.wrap_future(start(work))
        except BaseException:
            self._free.release()
            raise
        future.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(future)


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - raised again where the result is wanted
        future.set_exception(error)
    else:
        future.set_result(result)
