"""The store in one SQLite file, through the standard library alone (ADR 0017).

WAL mode with full synchronisation: what was acknowledged survives a power cut, and readers never wait. Writers of all
processes queue for one lock (``writer_lock``), those of one process also share commits (``group``).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pytrust.trust.errors import Busy, Damaged, PytrustError, Unsound
from pytrust.trust.files import PRIVATE, check_owned
from pytrust.trust.limits import LOCK_TIMEOUT
from pytrust.trust.names import CollectionName
from pytrust.trust.store import statements
from pytrust.trust.store.group import GroupCommit
from pytrust.trust.store.reading import Rows, SqlReading
from pytrust.trust.store.rows import require_layout
from pytrust.trust.store.transaction import SqlTransaction
from pytrust.trust.store.writer_lock import WriterLock

_TABLES: Final = "SELECT name FROM sqlite_master WHERE type='table'"


class SqliteReader(SqlReading):
    """Reads the store at ``path``, which it cannot change; safe to share between threads.

    Raises:
        NotSetUp, BadPermissions: it may not be trusted.
        Damaged: it is no store, or one of another layout.
    """

    def __init__(self, path: Path, *, timeout: float = LOCK_TIMEOUT) -> None:
        check_owned(path, forbidden=0o077)
        self.path = path
        self._timeout = timeout
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        with guarded(path):
            self._watching = self._connect("ro")
        with self._closing_on_failure():
            check_layout(path, self._watching)

    def generation(self) -> int:
        """A number that stays the same as long as nobody writes to the store."""
        with guarded(self.path):  # one connection for all, since another would count from elsewhere
            return int(self._watching.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._closed = True
        self._watching.close()
        while self._idle:
            self._idle.pop().close()

    def _rows(self, statement: str, values: Sequence[object]) -> Rows:
        """On a connection that no other thread uses meanwhile."""
        connection = self._take()
        try:
            return connection.execute(statement, values).fetchall()
        except (OverflowError, UnicodeEncodeError):
            return []
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise failure(self.path, error) from error
        finally:
            self._put_back(connection)

    def _take(self) -> sqlite3.Connection:
        with suppress(IndexError):
            return self._idle.pop()
        with guarded(self.path):
            return self._connect("ro")

    def _put_back(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _connect(self, mode: str, *pragmas: str) -> sqlite3.Connection:
        return connect(self.path, mode, self._timeout, *pragmas)

    @contextmanager
    def _closing_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise


class SqliteStore(SqliteReader):
    """The same for reading and writing; created (mode 0600) when missing."""

    def __init__(self, path: Path, *, timeout: float = LOCK_TIMEOUT) -> None:
        _make_private(path)
        self._writer = _Writer(path, timeout)
        try:
            super().__init__(path, timeout=timeout)
        except BaseException:
            self._writer.close()
            raise
        self._group = GroupCommit(str(path), self._writer)

    @contextmanager
    def writing(self, name: CollectionName) -> Iterator[SqlTransaction]:  # noqa: ARG002 - one writer, whatever the name
        """See ``Store``; a second one inside the block, by the same thread, can only be ``Busy``."""
        with self._group.block(self._timeout), self._writer.savepoint():
            transaction = SqlTransaction(self._writer, int(time.time()))
            yield transaction
            self._writer.each(statements.ADD_CHANGE, transaction.changes)

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._writer.close()


class _Writer:
    """The connection that writes: a ``Database`` for batches, a ``Session`` for transactions."""

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self._lock = WriterLock(path, timeout)
        with guarded(path):
            self._connection = connect(path, "rw", timeout, "PRAGMA synchronous=FULL")
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def begin(self) -> None:
        self._lock.acquire()
        try:
            with guarded(self.path):
                self._connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._lock.release()
            raise

    def commit(self) -> None:
        try:
            with guarded(self.path):
                self._connection.execute("COMMIT")
        finally:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            self._lock.release()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did, and nothing else, if it raises."""
        self.rows("SAVEPOINT block", ())
        try:
            yield
        except BaseException:
            self._undo()
            raise
        self.rows("RELEASE block", ())

    def rows(self, statement: str, values: Sequence[object]) -> Rows:
        with guarded(self.path):
            return self._connection.execute(statement, values).fetchall()

    def each(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        with guarded(self.path):
            self._connection.executemany(statement, values)

    def close(self) -> None:
        self._connection.close()
        self._lock.close()

    def _prepare(self) -> None:
        """Tables where there are none, and WAL mode: by whoever comes first. What is no store stays as it is."""
        if not self.rows(_TABLES, ()):
            self.begin()
            for statement in [] if self.rows(_TABLES, ()) else statements.schema(statements.SQLITE):
                self.rows(statement, ())
            self.commit()
        check_layout(self.path, self._connection)
        if self.rows("PRAGMA journal_mode", ()) != [("wal",)]:
            self._lock.acquire()
            try:
                self.rows("PRAGMA journal_mode=WAL", ())
            finally:
                self._lock.release()

    def _undo(self) -> None:
        try:
            self._connection.execute("ROLLBACK TO block")
            self._connection.execute("RELEASE block")
        except sqlite3.Error:  # or SQLite did so by itself; then the commit fails
            with suppress(sqlite3.Error):
                self._connection.rollback()


def check_layout(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse what is no store of this layout; raises ``Damaged``."""
    with guarded(path):
        if ("layout",) not in connection.execute(_TABLES).fetchall():
            raise Damaged(
                f"{path} is not a metadata store", hint="it belongs to another program, or another version of pytrust"
            )
        found = connection.execute(statements.READ_LAYOUT).fetchall()
    require_layout(found, str(path))


def failure(path: Path, error: BaseException | None) -> PytrustError:
    """What SQLite's complaint means for the store: busy, no room for it, or damage."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Busy(f"{path} is locked by another process", hint="wait for it, or end it")
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return Unsound(f"{path}: {error}", hint="free space, or check permissions: what is stored is unchanged")
    return Damaged(f"{path}: {error}")


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Let no complaint of SQLite about ``path`` out of the block but as ``failure`` puts it."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where a damaged file's schema is no text
        raise failure(path, error) from error


def connect(path: Path, mode: str, timeout: float, *pragmas: str) -> sqlite3.Connection:
    """A connection for any thread, each statement its own transaction; a schema put there is not trusted."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        for statement in ("PRAGMA trusted_schema=OFF", *pragmas):
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    try:
        if not path.exists():
            path.touch(PRIVATE)
    except OSError as error:
        raise Unsound(f"{path}: {error.strerror}", hint="make its folder, or check permissions") from error
    check_owned(path, forbidden=0o077)
