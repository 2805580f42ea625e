"""A store in one file, made while it is in use, and back: from and to SQLite and PostgreSQL alike.

A backup is a SQLite store of its own, as one moment saw it. Restoring is one transaction too: whoever reads meanwhile
sees the old state or the new one, and a crash leaves the old one. It carries a store from one database to the other.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from pytrust.trust.errors import Conflict, Damaged, Unsound, UsageError
from pytrust.trust.files import PRIVATE, check_owned, sync_folder
from pytrust.trust.limits import LOCK_TIMEOUT
from pytrust.trust.store import statements
from pytrust.trust.store.sqlite import SqliteReader, check_layout, connect, guarded
from pytrust.trust.store.writer_lock import WriterLock

if TYPE_CHECKING:
    from pytrust.trust.store.open import OpenStore

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how much is done, of how much."""

_PAGES: Final = 1000  # copied between two words about the progress: 4 MB
_FILE_TO_LOSE: Final = """
SELECT collection || ': ' || role || ' version ' || version || ' (' || format || ')' FROM files WHERE NOT EXISTS (
    SELECT 1 FROM saved.files s WHERE s.collection=files.collection AND s.format=files.format AND s.role=files.role
    AND s.version=files.version AND s.sha256=files.sha256
) LIMIT 1"""
_KEY_TO_LOSE: Final = """
SELECT collection || ': the ' || role || ' key' FROM server_keys WHERE NOT EXISTS (
    SELECT 1 FROM saved.server_keys s WHERE s.collection=server_keys.collection AND s.key=server_keys.key
) LIMIT 1"""
_SCHEMA: Final = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
_COUNTERS: Final = "SELECT seq, name FROM sqlite_sequence"


def silent(done: int, total: int) -> None:
    """Nobody wants to know."""


def backup(source: OpenStore, path: Path, progress: Progress = silent) -> None:
    """Write all of ``source`` to ``path`` (mode 0600), whole or not at all.

    Raises:
        UsageError: there is something at ``path``.
    """
    with _draft(path) as draft:
        if isinstance(source, SqliteReader):
            _copy_pages(source.path, draft, progress)
        else:
            from pytrust.trust.store.postgres_copy import dump

            with guarded(draft), closing(connect(draft, "rw", LOCK_TIMEOUT)) as connection:
                for statement in statements.schema(statements.SQLITE):
                    connection.execute(statement)
                dump(source, connection, progress)


def restore(path: Path, target: OpenStore, *, replace: bool = False, progress: Progress = silent) -> None:
    """Make ``target`` what it was when the backup at ``path`` was made.

    Raises:
        Damaged: the backup is none, or not whole.
        Conflict: the target holds what the backup does not, unless that is to be replaced.
    """
    with _opened(path) as saved:
        if isinstance(target, SqliteReader):
            _restore_pages(path, saved, target.path, replace, progress)
        else:
            from pytrust.trust.store.postgres_copy import load

            with guarded(path):
                load(saved, target, replace, progress)


def would_lose(what: str) -> Conflict:
    """The error for restoring over something that the backup does not hold."""
    return Conflict(f"the backup lacks {what}", hint="to go back to the backup all the same: --replace")


def _copy_pages(source: Path, draft: Path, progress: Progress) -> None:
    with guarded(source), closing(connect(source, "ro", LOCK_TIMEOUT)) as origin:
        origin.execute("BEGIN")  # one moment for all pages, whoever writes meanwhile
        check_layout(source, origin)
        with guarded(draft), closing(connect(draft, "rw", LOCK_TIMEOUT, "PRAGMA synchronous=OFF")) as copy:
            origin.backup(copy, pages=_PAGES, progress=_telling(progress))
            copy.execute("PRAGMA journal_mode=DELETE")  # one file


def _restore_pages(path: Path, saved: sqlite3.Connection, target: Path, replace: bool, progress: Progress) -> None:
    with closing(WriterLock(target, LOCK_TIMEOUT)) as lock, guarded(target):
        lock.acquire()
        with closing(connect(target, "rw", LOCK_TIMEOUT, "PRAGMA synchronous=FULL")) as connection:
            if not replace:
                _refuse_loss(connection, path)
            counters = connection.execute(_COUNTERS).fetchall()
            saved.backup(connection, pages=_PAGES, progress=_telling(progress))
            connection.executemany("UPDATE sqlite_sequence SET seq=MAX(seq, ?) WHERE name=?", counters)


def _refuse_loss(target: sqlite3.Connection, path: Path) -> None:
    target.execute("ATTACH ? AS saved", (f"{path.absolute().as_uri()}?mode=ro",))
    for query in (_FILE_TO_LOSE, _KEY_TO_LOSE):
        for (what,) in target.execute(query).fetchall():
            raise would_lose(str(what)[:300])
    target.execute("DETACH saved")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A backup that is whole, and nothing but a store."""
    check_owned(path, missing="name the file that the backup was written to")
    with guarded(path), closing(connect(path, "ro", LOCK_TIMEOUT)) as connection:
        check_layout(path, connection)
        if connection.execute(_SCHEMA).fetchall() != _plain_schema():
            raise Damaged(f"{path} holds more than a metadata store, or less", hint="use another backup")
        if connection.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
            raise Damaged(f"{path} is damaged", hint="use another backup")
        yield connection


def _plain_schema() -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements.schema(statements.SQLITE):
            connection.execute(statement)
        return connection.execute(_SCHEMA).fetchall()


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place when the block ends well."""
    if path.exists():
        raise UsageError(f"{path} exists already", hint="name a new file")
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        draft.touch(PRIVATE)
        yield draft
        _flush(draft)
        os.link(draft, path)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already", hint="name a new file") from error
    except OSError as error:
        raise Unsound(f"{path}: {error.strerror or error}", hint="free space, or check permissions") from error
    finally:
        draft.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _telling(progress: Progress) -> Callable[[int, int, int], None]:
    return lambda _, remaining, total: progress(total - remaining, total)
