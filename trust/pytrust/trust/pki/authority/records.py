"""The file of an index: opened, read and changed by several processes and threads, a whole change at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Final

from pytrust.trust.database import connect, guarded, make_private
from pytrust.trust.errors import NotSetUp
from pytrust.trust.files import check_owned
from pytrust.trust.limits import LOCK_TIMEOUT
from pytrust.trust.pki.authority.tables import RULES, TABLES

_DURABLE: Final = "PRAGMA synchronous = FULL"
_HINT: Final = "make an authority with: pytrust ca init"

Values = Sequence[str | int | bytes | None]


class Records:
    """The open file.

    Raises:
        NotSetUp: there is none.
        BadPermissions: others could read or write it.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._lock = RLock()
        try:
            check_owned(path, forbidden=0o077)
        except NotSetUp:
            raise NotSetUp(f"there is no authority in {path.parent}", hint=_HINT) from None
        with guarded(path):
            self._connection = connect(path, _DURABLE, read_only=read_only, timeout=LOCK_TIMEOUT)

    @staticmethod
    def create(path: Path) -> None:
        """Make an empty file, its owner's alone."""
        with guarded(path):
            make_private(path)
            with closing(connect(path, "BEGIN", *TABLES, *RULES, "COMMIT")) as connection:
                connection.execute("PRAGMA journal_mode = WAL")

    def rows(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """All answers to a question; raises ``Damaged`` or ``Busy``."""
        with self._lock, guarded(self._path):
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, values: Values = ()) -> tuple[Any, ...] | None:
        """The first answer."""
        return next(iter(self.rows(query, values)), None)

    def run(self, statement: str, values: Values = ()) -> None:
        """Change something; within ``change`` only."""
        with self._lock, guarded(self._path):
            self._connection.execute(statement, values)

    @contextmanager
    def change(self) -> Iterator[None]:
        """All of the block is written, durably, when it ends, or nothing; other threads wait."""
        with self._lock:
            with guarded(self._path):
                self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                with guarded(self._path):
                    self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Let all questions of the block see the same state."""
        with self._lock:
            with guarded(self._path):
                self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._roll_back()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with guarded(self._path):
                self._connection.execute("ROLLBACK")
