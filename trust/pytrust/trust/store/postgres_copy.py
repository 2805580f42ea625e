# ruff: noqa: S608 - what is put together here are names of our own tables
"""All rows of a PostgreSQL store into a SQLite file, and back: each way in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from pytrust.trust.store import statements
from pytrust.trust.store.backup import Progress, would_lose
from pytrust.trust.store.postgres import Connection, PostgresStore
from pytrust.trust.store.statements import TABLES

_ROWS: Final = 50  # held in memory at once; the largest file has 5 MB
_COUNTED: Final = ("changes", "server_keys")
_SNAPSHOT: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_PATIENT: Final = b"SET LOCAL statement_timeout = '1h'"  # the rows of a whole table go in one statement
_ALONE: Final = f"LOCK TABLE {', '.join(TABLES)} IN EXCLUSIVE MODE"  # readers go on


def dump(source: PostgresStore, copy: sqlite3.Connection, progress: Progress) -> None:
    """Copy all rows as one moment saw them; ``copy`` has empty tables."""
    with source.connected() as connection:
        connection.execute(_SNAPSHOT)
        total = sum(_count(connection, table) for table in TABLES)
        copy.execute("BEGIN")
        done = 0
        for table in TABLES:
            for rows in _batches(connection, table):
                copy.executemany(statements.insert(table), rows)
                done += len(rows)
                progress(done, total)
        copy.execute("COMMIT")


def load(saved: sqlite3.Connection, target: PostgresStore, replace: bool, progress: Progress) -> None:
    """Make ``target`` hold what ``saved`` does; raises ``Conflict`` where it holds anything that is not to go."""
    total = sum(saved.execute(statements.count(table)).fetchone()[0] for table in TABLES)
    with target.connected() as connection, connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_PATIENT)
        cursor.execute(_ALONE.encode())
        for table in TABLES:
            if not replace and (held := _count(connection, table)):
                raise would_lose(f"the {held} rows of {table} that are in the database")
            cursor.execute(f"DELETE FROM {table}".encode())
        done = 0
        for table in TABLES:
            rows = saved.execute(statements.select(table))
            while batch := list(islice(rows, _ROWS)):
                cursor.executemany(statements.insert(table).replace("?", "%s").encode(), batch)
                done += len(batch)
                progress(done, total)
        for table in _COUNTED:
            _count_on(connection, table, saved)


def _batches(connection: Connection, table: str) -> Iterator[list[tuple[Any, ...]]]:
    with connection.cursor(f"copy_{table}") as cursor:
        cursor.execute(statements.select(table).encode())
        while rows := cursor.fetchmany(_ROWS):
            yield rows


def _count(connection: Connection, table: str) -> int:
    (number,) = connection.execute(statements.count(table).encode()).fetchone() or (0,)
    return int(number)


def _count_on(connection: Connection, table: str, saved: sqlite3.Connection) -> None:
    """New ids are greater than all that were ever given, here and there."""
    (seen,) = saved.execute("SELECT MAX(seq) FROM sqlite_sequence WHERE name=?", (table,)).fetchone()
    sequence = f"pg_get_serial_sequence('{table}', 'id')"
    query = f"SELECT setval({sequence}, GREATEST(%s, (SELECT last_value FROM {table}_id_seq)))"
    connection.execute(query.encode(), (seen or 1,))
