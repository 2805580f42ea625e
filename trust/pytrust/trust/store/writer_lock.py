"""One writing process at a time, first come first served.

SQLite's own waiting sleeps ever longer, up to 0.1 s, and whoever comes next when the lock is free gets it: of 16
writers some starve. Here a process first takes its turn, with all others who want to write, and waits with short
sleeps only when it is the next one. Both locks (flock) end with the process, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final
from weakref import finalize

from pytrust.trust.errors import BadPermissions, Busy
from pytrust.trust.files import PRIVATE

_NEXT_POLL: Final = 0.0003  # seconds; one process waits so
_QUEUE_POLL: Final = 0.004  # seconds; all others


class WriterLock:
    """The lock of the store at ``path``: two empty files beside it."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._turn, self._lock = _open(path, "turn"), _open(path, "lock")
        self.close = finalize(self, _close, self._turn, self._lock)
        """Close the files; again and again, if need be."""

    def acquire(self) -> None:
        """Wait for the lock; raises ``Busy`` where others held it for too long."""
        end = time.monotonic() + self._timeout
        self._wait(self._turn, _QUEUE_POLL, end)
        try:
            self._wait(self._lock, _NEXT_POLL, end)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def release(self) -> None:
        """Let the next process write."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _wait(self, descriptor: int, poll: float, end: float) -> None:
        while not _try(descriptor):
            if time.monotonic() >= end:
                raise Busy(f"{self._path} is locked by another process", hint="wait for it, or end it")
            time.sleep(poll)


def _open(path: Path, what: str) -> int:
    beside = path.with_name(f"{path.name}.{what}")
    try:
        return os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    except OSError as error:
        raise BadPermissions(f"{beside}: {error.strerror}", hint="run as the owner of the store") from error


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
