"""Reading a SQLite store without SQLAlchemy, whose import alone costs more than a whole verification (ADR 0003).

Opened read-only, so that a reader cannot change trust data even by mistake. Writing is ``sql.py``'s.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytrust.trust.errors import Busy, Damaged
from pytrust.trust.files import check_owned
from pytrust.trust.limits import LOCK_TIMEOUT
from pytrust.trust.names import CollectionName, RoleName

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
        return None if row is None else bytes(row[0])

    def collections(self) -> list[CollectionName]:
        """See ``Reader``."""
        with self._guarded():
            return [CollectionName(name) for (name,) in self._connection.execute(_NAMES)]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise Busy(f"{self._path} is locked by another process", hint="wait for it, or end it") from error
            raise Damaged(f"{self._path}: {error}", hint="restore it from a backup") from error
        except sqlite3.Error as error:
            raise Damaged(f"{self._path}: {error}", hint="restore it from a backup") from error
