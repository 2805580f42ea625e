"""Reading a SQLite store without SQLAlchemy, whose import alone costs more than a whole verification (ADR 0003).

Opened read-only, so that a reader cannot change trust data even by mistake. Writing is ``sql.py``'s.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytrust.trust.errors import Busy, Damaged, PytrustError, Unsound
from pytrust.trust.files import check_owned
from pytrust.trust.limits import LOCK_TIMEOUT
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.store.interface import stored_bytes, stored_name

_NEWEST = "SELECT data FROM files WHERE collection=? AND format='tuf' AND role=? ORDER BY version DESC LIMIT 1"
_EXACT = "SELECT data FROM files WHERE collection=? AND format='tuf' AND role=? AND version=?"
_NAMES = "SELECT collection FROM current WHERE role='timestamp' ORDER BY collection"


class SqliteReader:
    """Reads the store at ``path``; raises ``NotSetUp`` or ``BadPermissions`` where it may not be trusted."""

    def __init__(self, path: Path) -> None:
        check_owned(path, forbidden=0o077)
        self._path = path
        with self._guarded():
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_TIMEOUT, check_same_thread=False
            )

    def read(self, name: CollectionName, role: RoleName, version: int | None = None) -> bytes | None:
        """See ``Reader``."""
        query, values = (_NEWEST, (name, role)) if version is None else (_EXACT, (name, role, version))
        with self._guarded():
            row = self._connection.execute(query, values).fetchone()
        return None if row is None else stored_bytes(row[0])

    def collections(self) -> list[CollectionName]:
        """See ``Reader``."""
        with self._guarded():
            return [stored_name(name) for (name,) in self._connection.execute(_NAMES)]

    def generation(self) -> int:
        """A number that stays the same as long as nobody writes to the store."""
        with self._guarded():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise failure(self._path, error) from error


def failure(path: Path, error: BaseException | None) -> PytrustError:
    """What SQLite's complaint means for the store: busy, no room for it, or damage."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Busy(f"{path} is locked by another process", hint="wait for it, or end it")
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return Unsound(f"{path}: {error}", hint="free space, or check permissions: what is stored is unchanged")
    return Damaged(f"{path}: {error}")
