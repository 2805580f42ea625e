"""One file of the journal: a SQLite database to which rows can only be added, and that is sealed when it is full.

A file is named after its first entry and says what hash stood before it, so that files make one chain. A new file is
there, whole, before the one before it is sealed; so a sealed file is never the last.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pytrust.policy.journal.coding import ENTRY_MAX_BYTES, Coded
from pytrust.policy.journal.documents import DOCUMENT_MAX_BYTES
from pytrust.trust.chain import Link, Row, extend
from pytrust.trust.database import connect, guarded, make_private
from pytrust.trust.errors import BadPermissions, Busy, Damaged, NotSetUp
from pytrust.trust.files import sync_folder

_NAME: Final = re.compile(r"[0-9]{12}\.db")
_UNFINISHED: Final = ".new.db"
_SEALED: Final = 0o400
_SEAL_TIMEOUT: Final = 0.2  # seconds; readers hold a file for milliseconds, and the next rotation tries again
_ROW_MAX_BYTES: Final = max(ENTRY_MAX_BYTES, DOCUMENT_MAX_BYTES) + 1024  # with number, hash and SQLite's own
_ENTRIES: Final = (
    "CREATE TABLE entries (seq INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB NOT NULL, hash BLOB NOT NULL)"
)
_DOCUMENTS: Final = "CREATE TABLE documents (sha256 TEXT PRIMARY KEY NOT NULL, content BLOB NOT NULL)"
_ORIGIN: Final = "CREATE TABLE origin (seq INTEGER NOT NULL, hash BLOB NOT NULL, begun INTEGER NOT NULL)"
_TABLES: Final = {(_ENTRIES,), (_DOCUMENTS,), (_ORIGIN,), ("CREATE TABLE sqlite_sequence(name,seq)",)}
_TRIGGERS: Final = (
    """CREATE TRIGGER entries_at_the_end BEFORE INSERT ON entries
    WHEN new.seq IS NOT (SELECT seq + 1 FROM sqlite_sequence WHERE name = 'entries')
    BEGIN SELECT raise(ABORT, 'entries are added at the end'); END""",
    "CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN SELECT raise(ABORT, 'entries are never deleted'); END",
    "CREATE TRIGGER entries_are_final BEFORE UPDATE ON entries BEGIN SELECT raise(ABORT, 'entries never change'); END",
    """CREATE TRIGGER documents_are_new BEFORE INSERT ON documents
    WHEN EXISTS (SELECT 1 FROM documents WHERE sha256 = new.sha256)
    BEGIN SELECT raise(ABORT, 'documents never change'); END""",
    """CREATE TRIGGER documents_stay BEFORE DELETE ON documents
    BEGIN SELECT raise(ABORT, 'documents are never deleted'); END""",
    """CREATE TRIGGER documents_are_final BEFORE UPDATE ON documents
    BEGIN SELECT raise(ABORT, 'documents never change'); END""",
    "CREATE TRIGGER origin_stays BEFORE DELETE ON origin BEGIN SELECT raise(ABORT, 'the origin is never deleted'); END",
    "CREATE TRIGGER origin_is_final BEFORE UPDATE ON origin BEGIN SELECT raise(ABORT, 'the origin never changes'); END",
)
HINT: Final = "somebody changed it, or the disk fails: keep it as it is, and compare it with a copy"
END: Final = 2**63 - 1  # SQLite's greatest number
_PUT: Final = "INSERT INTO documents VALUES (?, ?)"
_ROWS: Final = "SELECT seq, entry, hash FROM entries"


class Gone(Exception):
    """The file was deleted since its folder was looked at."""


def paths(folder: Path) -> list[Path]:
    """The files of a journal, oldest first; raises ``NotSetUp`` where there is none."""
    try:
        found = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        found = []
    except PermissionError as error:
        raise BadPermissions(f"{folder} cannot be read by this user", hint="run as its owner") from error
    if not found:
        raise NotSetUp(
            f"there is no journal in {folder}", hint="it is written while pytrust proxy, or authz-plugin, runs"
        )
    return found


def first_of(path: Path) -> int:
    """The number of a file's first entry."""
    return int(path.stem)


def create(folder: Path, after: Link, at: datetime) -> Path:
    """Begin a file that goes on after ``after`` at the moment ``at``; it takes its name when it is complete."""
    fresh, path = folder / _UNFINISHED, folder / f"{after.seq + 1:012d}.db"
    fresh.unlink(missing_ok=True)
    make_private(fresh)
    unlogged = "PRAGMA journal_mode = MEMORY"  # leaves no second file behind; a half-made one is thrown away
    with closing(connect(fresh, unlogged, "BEGIN", _ENTRIES, _DOCUMENTS, _ORIGIN, *_TRIGGERS)) as connection:
        connection.execute("INSERT INTO origin VALUES (?, ?, ?)", (*after, int(at.timestamp())))
        connection.execute("INSERT INTO sqlite_sequence VALUES ('entries', ?)", (after.seq,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    fresh.rename(path)
    sync_folder(folder)
    return path


def seal(path: Path) -> None:
    """Make a full file one plain file that nobody adds to; while somebody reads it, leave it for the next time."""
    with suppress(Busy), guarded(path):
        with closing(connect(path, timeout=_SEAL_TIMEOUT)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        path.chmod(_SEALED)


def is_sealed(path: Path) -> bool:
    """Whether ``seal`` finished with it."""
    return stat.S_IMODE(path.stat().st_mode) == _SEALED


class GrowingFile:
    """The newest file. For one process, and one thread at a time; ``last`` is the end of the chain."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = connect(path, "PRAGMA synchronous = NORMAL")
        try:
            self._origin = _origin(self._connection)
            self.last = _last(self._connection) or self._origin
            (self._begun,) = self._connection.execute("SELECT begun FROM origin").fetchone()
            self._held = {name for (name,) in self._connection.execute("SELECT sha256 FROM documents")}
            self._inode = _identity(path)
            (self._page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
        except BaseException:
            self.close()
            raise

    def append(self, coded: Coded) -> int:
        """Add an entry; when this returns, it survives the death of this process.

        SQLite would go on writing to a file that was deleted or moved away, so that is looked at first.
        """
        if _identity(self._path) != self._inode:
            raise Damaged(f"{self._path} was replaced while it was written", hint=HINT)
        link = extend(self.last, coded.data)
        new = [name for name in coded.documents if name not in self._held]
        if new:  # all or nothing: an entry never stands without its documents, nor they without it
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_PUT, [(name, coded.documents[name]) for name in new])
        self._connection.execute("INSERT INTO entries VALUES (?, ?, ?)", (link.seq, coded.data, link.hash))
        if new:
            self._connection.execute("COMMIT")
            self._held.update(new)
        self.last = link
        return link.seq

    def full(self, at: datetime, max_bytes: int, max_age: timedelta) -> bool:
        """Whether an entry of the moment ``at`` belongs into a new file; an empty file is never full."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        old = at.timestamp() - self._begun > max_age.total_seconds()
        return self.last != self._origin and (old or pages * self._page_bytes >= max_bytes)

    def flush(self) -> None:
        """Take everything to the disk, so that it survives a power cut, too."""
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA user_version = 1")  # a commit, which now waits for all that came before it
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class ReadFile:
    """A file that is read; all of it as it was at the first look."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection

    @property
    def origin(self) -> Link:
        """What stands before the first entry; raises ``Damaged`` where that does not fit the file's name."""
        link = _origin(self._connection)
        if link.seq + 1 != first_of(self._path):
            raise Damaged(f"{self._path} does not begin with entry {first_of(self._path)}", hint=HINT)
        return link

    @property
    def given(self) -> int:
        """The greatest number that SQLite ever gave to an entry."""
        row = self._connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'entries'").fetchone()
        return row[0] if isinstance(row[0], int) else 0

    def rows(self) -> Iterator[Row]:
        """All entries, oldest first, up to one that cannot be read; then raises ``sqlite3.DatabaseError``."""
        last = self.origin.seq
        try:
            for row in self._connection.execute(f"{_ROWS} ORDER BY seq"):
                last = row[0]
                yield row
        except sqlite3.DatabaseError:  # sqlite3 looks one row ahead, so the row after ``last`` may be fine
            yield from self.between(last, END, 1, newest_first=False)
            raise

    def between(self, after: int, before: int, limit: int, *, newest_first: bool) -> list[Row]:
        """At most ``limit`` of the entries with numbers above ``after`` and below ``before``."""
        order = "DESC" if newest_first else "ASC"
        query = f"{_ROWS} WHERE seq > ? AND seq < ? ORDER BY seq {order} LIMIT ?"
        return self._connection.execute(query, (after, before, limit)).fetchall()

    def document(self, name: str) -> bytes | None:
        """What lies under that name, which need not be what was written."""
        row = self._connection.execute("SELECT content FROM documents WHERE sha256 = ?", (name,)).fetchone()
        return row[0] if row is not None and isinstance(row[0], bytes) else None

    def document_count(self) -> int:
        """How many there are."""
        (count,) = self._connection.execute("SELECT count(*) FROM documents").fetchone()
        return int(count)


@contextmanager
def reading(path: Path) -> Iterator[ReadFile]:
    """Open a file for reading while the proxy writes it; raises ``Gone``."""
    try:
        connection = connect(path, "BEGIN", read_only=True)
    except sqlite3.OperationalError:
        if not path.exists():
            raise Gone from None
        raise
    with closing(connection):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _ROW_MAX_BYTES)
        _check_tables(connection, path)
        yield ReadFile(path, connection)


def _check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """A view in place of a table can be a query without an end."""
    found = connection.execute("SELECT sql FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    if set(found) != _TABLES:
        raise Damaged(f"{path} does not hold the tables of a journal", hint=HINT)


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - half the price of Path.stat, for every entry
    return found.st_dev, found.st_ino


def _origin(connection: sqlite3.Connection) -> Link:
    rows = connection.execute("SELECT seq, hash FROM origin").fetchall()
    if len(rows) != 1:
        raise Damaged("a file of the journal has not one origin", hint=HINT)
    return _link(rows[0])


def _last(connection: sqlite3.Connection) -> Link | None:
    row = connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else _link(row)


def _link(row: tuple[object, object]) -> Link:
    seq, digest = row
    if not isinstance(seq, int) or not isinstance(digest, bytes):
        raise Damaged("a file of the journal holds a hash that is none", hint=HINT)
    return Link(seq, digest)
