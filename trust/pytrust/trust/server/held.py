"""What a server process has read from the store, believed for as long as nobody wrote to it.

One entry costs a look at the store's generation and one look-up; nothing else is asked. Entries of a past generation
are all dropped at once, and the number of bytes is bounded: the oldest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple

from pytrust.trust.server.backend import Served

_BYTES_MAX: Final = 32 * 1024 * 1024
_ENTRY_BYTES: Final = 500  # what an entry takes besides its data
Key = tuple[str, str, str | None]
"""Collection, role, and sha256, or None for the current file."""


class _Entry(NamedTuple):
    served: Served
    until: datetime | None


class Held:
    """Files by collection, role and sha256 (None: the current one); safe between threads.

    Args:
        generation: stays the same while nobody writes to the store; None where that cannot be told.
        now: the clock, UTC.
    """

    def __init__(self, generation: Callable[[], Hashable], now: Callable[[], datetime]) -> None:
        self._generation = generation
        self._now = now
        self._lock = Lock()
        self._at: Hashable = None
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._size = 0

    def get(self, key: Key) -> Served | None:
        """What was kept, if it still holds."""
        generation = self._generation()
        with self._lock:
            self._move(generation)
            entry = self._entries.get(key)
        if entry is None or (entry.until is not None and self._now() >= entry.until):
            return None
        return entry.served

    def generation(self) -> Hashable:
        """To be asked before reading what is then kept."""
        return self._generation()

    def keep(self, generation: Hashable, key: Key, served: Served, until: datetime | None = None) -> None:
        """Keep what was read after ``generation`` was asked for; ``until`` is when the file's time is over."""
        if generation is None:
            return
        with self._lock:
            self._move(generation)
            self._forget(key)
            self._entries[key] = _Entry(served, until)
            self._size += _size(served)
            while self._size > _BYTES_MAX:
                self._forget(next(iter(self._entries)))

    def _forget(self, key: Key) -> None:
        if (old := self._entries.pop(key, None)) is not None:
            self._size -= _size(old.served)

    def _move(self, generation: Hashable) -> None:
        """Under the lock: what is held is always of the generation ``_at``, and nothing is where that is None."""
        if generation != self._at:
            self._entries, self._size, self._at = OrderedDict(), 0, generation


def _size(served: Served) -> int:
    return len(served.data) + _ENTRY_BYTES
