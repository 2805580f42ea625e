"""What files say, kept up to date: the last good value stays until newer files are good."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from pytrust.policy.threads import start
from pytrust.trust.errors import PytrustError, Unsound

RETRY_SECONDS: Final = 5.0  # until files that could not be used are tried again: nothing in them need have changed
PATIENCE_SECONDS: Final = 10.0  # with a file system that does not answer, before the operator is told

T = TypeVar("T")


class Kept(Generic[T]):
    """A value that was read from files, and the files' state at that time.

    Args:
        identity: another value whenever a file was replaced or rewritten.
        read: raises ``PytrustError`` where the files cannot be used.

    Raises:
        PytrustError: as ``read`` does, without which there is no first value.
    """

    def __init__(self, identity: Callable[[], object], read: Callable[[], T]) -> None:
        self._identify, self._read = identity, read
        self._identity = identity()
        self.value = read()
        self._fault, self._retry_at = "", math.inf
        self._work: asyncio.Future[bool | PytrustError] | None = None
        self._hangs = False

    async def look(self, *, anew: bool = False) -> bool | PytrustError:
        """Read again, on a thread, where a file has changed, what was read last failed, or ``anew`` asks for it.

        Returns:
            True where there is a new value. An error where there is none for a reason that was not told yet.
        """
        if self._work is None:
            self._work = asyncio.wrap_future(start(lambda: self._renew(anew)))
        done, _ = await asyncio.wait({self._work}, timeout=PATIENCE_SECONDS)
        if not done:
            told, self._hangs = self._hangs, True
            return False if told else Unsound("the file system does not answer", hint="see where the folder lies")
        work, self._work, self._hangs = self._work, None, False
        return work.result()

    def _renew(self, anew: bool) -> bool | PytrustError:
        identity = self._identify()  # taken before the files are read: what changes meanwhile is read again
        changed = anew or identity != self._identity
        if not changed and time.monotonic() < self._retry_at:
            return False
        self._identity = identity
        try:
            self.value = self._read()
        except Exception as error:  # noqa: BLE001 - whatever it is, the old value stays, and newer files are awaited
            return self._failed(error, changed)
        self._fault, self._retry_at = "", math.inf
        return True

    def _failed(self, error: Exception, changed: bool) -> bool | PytrustError:
        """The error where it is news."""
        if not isinstance(error, PytrustError):
            error = Unsound(f"internal: {type(error).__name__} while reading")
        told = not changed and str(error) == self._fault
        self._fault, self._retry_at = str(error), time.monotonic() + RETRY_SECONDS
        return False if told else error
