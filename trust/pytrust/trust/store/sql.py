"""The store in a SQL database, through SQLAlchemy Core: SQLite by default.

SQLite runs in WAL mode with full synchronisation, so that an acknowledged publish survives a power cut and readers
never wait. A write transaction takes the write lock at its start (BEGIN IMMEDIATE): publishes to one store follow one
another, and the version check is made under the lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP
from pytrust.trust.errors import PytrustError
from pytrust.trust.files import PRIVATE, check_owned
from pytrust.trust.limits import LOCK_TIMEOUT
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.store.interface import RoleFile, check_version, stored_bytes, stored_name, stored_time
from pytrust.trust.store.sqlite import failure

_tables = sa.MetaData()
_files = sa.Table(
    "files",
    _tables,
    sa.Column("collection", sa.String, primary_key=True),
    sa.Column("format", sa.String, primary_key=True),
    sa.Column("role", sa.String, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("expires", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
_current = sa.Table(
    "current",
    _tables,
    sa.Column("collection", sa.String, primary_key=True),
    sa.Column("format", sa.String, primary_key=True),
    sa.Column("role", sa.String, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("expires", sa.Integer, nullable=False),
    sa.Index("current_expires", "role", "expires"),
    sqlite_with_rowid=False,
)
_proposals = sa.Table(
    "proposals",
    _tables,
    sa.Column("collection", sa.String, primary_key=True),
    sa.Column("document", sa.LargeBinary, nullable=False),
)
TUF = "tuf"
_READING = "pytrust_reading"  # marks connections that take no write lock


class SqlStore:
    """A store in one SQLite file (mode 0600, created when missing)."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.touch(PRIVATE)
        check_owned(path, forbidden=0o077)
        self._path = path
        self._engine = _open(path)
        self._reading = self._engine.execution_options(**{_READING: True})
        with self._guarded():
            _tables.create_all(self._engine)

    def read(self, name: CollectionName, role: RoleName, version: int | None = None) -> bytes | None:
        """See ``Reader``."""
        with self._guarded(), self._reading.connect() as connection:
            return _read(connection, name, role, version)

    def collections(self) -> list[CollectionName]:
        """See ``Reader``."""
        query = sa.select(_current.c.collection).where(_current.c.role == TIMESTAMP).order_by(_current.c.collection)
        return self._names(query)

    def proposals(self) -> list[CollectionName]:
        """See ``Store``."""
        return self._names(sa.select(_proposals.c.collection).order_by(_proposals.c.collection))

    def expiring(self, before: datetime, limit: int) -> list[CollectionName]:
        """See ``Store``."""
        online = _current.c.role.in_([SNAPSHOT, TIMESTAMP])
        due = online & (_current.c.expires < int(before.timestamp()))
        return self._names(sa.select(_current.c.collection).where(due).distinct().order_by("collection").limit(limit))

    @contextmanager
    def writing(self) -> Iterator[_SqlTransaction]:
        """See ``Store``."""
        with self._guarded(), self._engine.connect() as connection, connection.begin():
            yield _SqlTransaction(connection)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _names(self, query: sa.Select[Any]) -> list[CollectionName]:
        with self._guarded(), self._reading.connect() as connection:
            return [stored_name(name) for (name,) in connection.execute(query)]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except PytrustError:
            raise
        except sa.exc.DBAPIError as error:
            raise failure(self._path, error.orig) from error


class _SqlTransaction:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def current(self, name: CollectionName) -> dict[RoleName, RoleFile]:
        same = sa.and_(
            *(getattr(_files.c, key) == getattr(_current.c, key) for key in ("collection", "format", "role", "version"))
        )
        query = (
            sa.select(_files.c.role, _files.c.version, _files.c.expires, _files.c.data)
            .join(_current, same)
            .where(_current.c.collection == name, _current.c.format == TUF)
        )
        rows = self._connection.execute(query)
        return {
            RoleName(role): RoleFile(RoleName(role), version, stored_time(expires), stored_bytes(data))
            for role, version, expires, data in rows
        }

    def roots(self, name: CollectionName) -> list[bytes]:
        query = sa.select(_files.c.data).where(*_is(_files, name, ROOT)).order_by(_files.c.version)
        return [stored_bytes(data) for (data,) in self._connection.execute(query)]

    def put(self, name: CollectionName, file: RoleFile) -> None:
        newest = self._connection.scalar(sa.select(_current.c.version).where(*_is(_current, name, file.role)))
        check_version(name, file, newest)
        row = {
            "collection": name,
            "format": TUF,
            "role": file.role,
            "version": file.version,
            "expires": int(file.expires.timestamp()),
        }
        self._connection.execute(sa.insert(_files).values(**row, data=file.data))
        self._connection.execute(sa.delete(_current).where(*_is(_current, name, file.role)))
        self._connection.execute(sa.insert(_current).values(**row))

    def proposal(self, name: CollectionName) -> bytes | None:
        query = sa.select(_proposals.c.document).where(_proposals.c.collection == name)
        found = self._connection.scalar(query)
        return None if found is None else stored_bytes(found)

    def set_proposal(self, name: CollectionName, document: bytes | None) -> None:
        self._connection.execute(sa.delete(_proposals).where(_proposals.c.collection == name))
        if document is not None:
            self._connection.execute(sa.insert(_proposals).values(collection=name, document=document))


def _open(path: Path) -> sa.Engine:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": LOCK_TIMEOUT})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below, not the driver's deferred one
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _is(table: sa.Table, name: CollectionName, role: RoleName) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.collection == name, table.c.format == TUF, table.c.role == role


def _read(connection: sa.Connection, name: CollectionName, role: RoleName, version: int | None) -> bytes | None:
    query = sa.select(_files.c.data).where(*_is(_files, name, role))
    if version is None:
        query = query.order_by(_files.c.version.desc()).limit(1)
    else:
        query = query.where(_files.c.version == version)
    found = connection.scalar(query)
    return None if found is None else stored_bytes(found)
