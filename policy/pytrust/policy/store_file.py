"""An embedded trust store as a running process needs it: what lies at the path now, not what lay there at the start.

An open SQLite file goes on answering after it was moved away, deleted or replaced by a restored copy. Here each
question looks first whether the path still leads to the open file.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from pytrust.trust.client.source import StoreSource
from pytrust.trust.errors import PytrustError, Unreachable
from pytrust.trust.http import Deadline
from pytrust.trust.names import CollectionName
from pytrust.trust.store.sqlite import SqliteReader


class StoreFile:
    """A ``Source`` of the store at ``path``, opened when first asked; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._reader: SqliteReader | None = None
        self._identity: tuple[int, int] | None = None

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``Source``; raises ``Unreachable`` while nothing lies at the path, besides what ``SqliteReader`` does."""
        with self._lock:
            return StoreSource(self._current()).fetch(name, file, deadline)

    def generation(self) -> tuple[int, ...] | None:
        """A value that stays the same as long as the store does; None where that cannot be told without waiting."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return (*self._look(), self._current().generation())
        except PytrustError:
            return None
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the file, until asked again."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._identity = None

    def _current(self) -> SqliteReader:
        identity = self._look()
        if self._reader is None or identity != self._identity:
            self.close()
            self._reader, self._identity = SqliteReader(self._path), identity
        return self._reader

    def _look(self) -> tuple[int, int]:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - half the price of Path.stat, for every question
        except OSError as error:
            reason = (error.strerror or "it cannot be looked at").lower()
            raise Unreachable(f"the trust store {self._path}: {reason}", hint="put it back, or restore it") from error
        return found.st_dev, found.st_ino
