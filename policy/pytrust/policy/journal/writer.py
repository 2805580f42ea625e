"""Writing the journal: one process, an entry at a time, a new file when one is full.

What kill -9 can leave behind is looked after when the journal is opened again: a file begun and not finished, a full
file not sealed, an old file announced as deleted and still there. None of it touches an entry.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Final, Self

from pytrust.policy.journal import file
from pytrust.policy.journal.coding import Coded, encode
from pytrust.policy.journal.entry import Entry, Event
from pytrust.policy.journal.reader import JournalReader
from pytrust.policy.journal.verify import TRIMMED, check_newest, trimmed_text
from pytrust.trust.chain import ORIGIN, broken
from pytrust.trust.database import guarded
from pytrust.trust.errors import Busy, NotSetUp, Unsound
from pytrust.trust.files import PRIVATE_FOLDER, check_owned, locked

MAX_BYTES: Final = 64 * 1024 * 1024  # one file: some 30,000 decisions, read through in a second
MAX_AGE: Final = timedelta(days=30)  # one file
KEEP: Final = 12  # full files: a year of a quiet host, 800 MB of a busy one
_LOCK_TIMEOUT: Final = 1.0  # seconds; another proxy does not go away by waiting


class Journal(JournalReader):
    """The journal of the one proxy that runs on this home."""

    def __init__(self, folder: Path, held: ExitStack, max_bytes: int, max_age: timedelta, keep: int) -> None:
        super().__init__(folder)
        self._held = held
        self._max_bytes, self._max_age, self._keep = max_bytes, max_age, keep
        self._lock = Lock()
        self._current: file.GrowingFile | None = None
        self._last = 0
        self._closed = False

    @classmethod
    def open(cls, folder: Path, *, max_bytes: int = MAX_BYTES, max_age: timedelta = MAX_AGE, keep: int = KEEP) -> Self:
        """Open the journal for writing; the first entry makes its first file.

        Args:
            folder: created (0700), with its parent, where it is missing.
            max_bytes: a file of this size gets no more entries.
            max_age: nor does a file that was begun this long ago.
            keep: how many full files there may be; older ones are deleted, and an event says so.

        Raises:
            Busy: another process has it open.
            BadPermissions: others could have written it.
            Damaged: the newest file is not what was written.
        """
        with guarded(folder), ExitStack() as stack:
            for path in (folder.parent, folder):
                path.mkdir(PRIVATE_FOLDER, exist_ok=True)
            check_owned(folder, forbidden=0o077)
            _lock(folder, stack)
            with suppress(NotSetUp):
                check_newest(file.paths(folder)[-1])
            return cls(folder, stack.pop_all(), max_bytes, max_age, keep)

    def append(self, entry: Entry) -> int:
        """Add an entry; gives its number. When this returns, the entry survives the death of this process.

        Raises:
            Unsound: it was not written; nothing may be done that had to be written down first.
        """
        coded = encode(entry)
        with self._lock, guarded(self._folder):
            try:
                return self._add(coded, entry.at)
            except BaseException:
                self._let_go()
                raise

    def close(self) -> None:
        """Close the journal, and let another process open it."""
        with self._lock:
            self._closed = True
            self._let_go()
            self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, coded: Coded, at: datetime) -> int:
        if self._closed:
            raise Unsound("the journal is closed")
        current = self._current = self._current or self._newest(at)
        if current.full(at, self._max_bytes, self._max_age):
            current = self._rotate(current, at)
        self._last = current.append(coded)
        return self._last

    def _newest(self, at: datetime) -> file.GrowingFile:
        """The file to go on with, found on the disk: after a start, and after a failure."""
        try:
            *full, newest = file.paths(self._folder)
        except NotSetUp:
            full, newest = [], self._first(at)
        _seal(full)
        current = file.GrowingFile(newest)
        if current.last.seq < self._last:
            current.close()
            raise broken(current.last.seq + 1, "is missing")
        return current

    def _first(self, at: datetime) -> Path:
        if self._last:
            raise broken(1, "is missing")
        return file.create(self._folder, ORIGIN, at)

    def _rotate(self, current: file.GrowingFile, at: datetime) -> file.GrowingFile:
        current.flush()  # the new file names the hash of an entry that must not vanish any more
        newest = file.create(self._folder, current.last, at)
        self._let_go()
        fresh = self._current = file.GrowingFile(newest)
        full = file.paths(self._folder)[:-1]
        _seal(full)
        self._trim(fresh, full, at)
        return fresh

    def _trim(self, current: file.GrowingFile, full: list[Path], at: datetime) -> None:
        """Delete the oldest files, each after it was written down that it is deleted."""
        surplus = max(0, len(full) - self._keep)
        for oldest, kept in pairwise(full[: surplus + 1]):
            text = trimmed_text(file.first_of(kept) - 1)
            current.append(encode(Event(at=at, what=TRIMMED, text=text)))
            current.flush()
            oldest.unlink()

    def _let_go(self) -> None:
        """What lies on the disk decides where to go on."""
        if self._current is not None:
            self._current.close()
        self._current = None


def _lock(folder: Path, stack: ExitStack) -> None:
    try:
        stack.enter_context(locked(folder / "lock", timeout=_LOCK_TIMEOUT))
    except Busy as error:
        raise Busy(
            f"another proxy writes the journal in {folder}",
            hint="end it first, or give this one a home of its own: --home DIR",
        ) from error


def _seal(full: list[Path]) -> None:
    for path in full:
        if not file.is_sealed(path):
            file.seal(path)
