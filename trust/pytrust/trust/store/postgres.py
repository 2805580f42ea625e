"""The store in PostgreSQL, which several server processes may share; with psycopg 3 (the extra ``postgresql``).

A publish is one transaction that first takes a lock on the name of its collection, so that publishes of different
collections run side by side, and share the waiting for the disk. Every wait has an end, and no message holds the
password of the URL.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from pytrust.trust.errors import Busy, Damaged, PytrustError, Unreachable, Unsound, UsageError
from pytrust.trust.limits import (
    CONNECT_TIMEOUT,
    LOCK_TIMEOUT,
    STORE_CONNECTIONS_MAX,
    STORE_IDLE_TIMEOUT,
    STORE_STATEMENT_TIMEOUT,
)
from pytrust.trust.names import CollectionName
from pytrust.trust.store import postgres_feed, statements
from pytrust.trust.store.interface import Change
from pytrust.trust.store.reading import Rows, SqlReading
from pytrust.trust.store.rows import require_layout
from pytrust.trust.store.transaction import SqlTransaction
from pytrust.trust.store.turns import Turns

Connection = psycopg.Connection[tuple[Any, ...]]

_READERS: Final = 2  # connections that writers, who may wait for one another, leave to readers
_GIVE_UP: Final = 7.0  # seconds; the pool tries ever more rarely, and anew for whoever asks after it gave up
_CONNECTING: Final[
    dict[str, str | int]
] = {  # where the URL says nothing else; a silent network is noticed within a minute
    "application_name": "pytrust",
    "client_encoding": "utf8",
    "connect_timeout": int(CONNECT_TIMEOUT),
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_SETTINGS: Final = (
    "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false),"
    " set_config('idle_in_transaction_session_timeout', %s, false)"
)
_BUSY: Final = frozenset({"55P03", "57014", "40P01", "40001", "25P03"})
"""lock_not_available, query_canceled, deadlock_detected, serialization_failure, idle_in_transaction_session_timeout"""
_UNFIT: Final = frozenset({"25006", "3F000", "42501", "42P07"})
"""read_only_sql_transaction, invalid_schema_name, insufficient_privilege, duplicate_table"""

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # what matters, we raise


class PostgresStore(SqlReading):
    """The store at ``url`` (libpq's form: ``postgresql://user@host/database?sslmode=verify-full``); made when missing.

    Raises:
        UsageError: the URL is none.
        Unreachable: nobody answers there, or not to us.
        Damaged, Unsound: the database is none of ours.
    """

    def __init__(self, url: str, *, timeout: float = LOCK_TIMEOUT) -> None:
        self._place, conninfo = _parse(url)
        self._timeout = timeout
        self._writers = Turns(STORE_CONNECTIONS_MAX - _READERS)
        with self._guarded(), psycopg.connect(conninfo, autocommit=True, row_factory=tuple_row) as connection:
            self._configure(connection)
            self._prepare(connection)
        self._pool = ConnectionPool(
            conninfo,
            kwargs={"autocommit": True, "row_factory": tuple_row},
            configure=self._configure,
            min_size=1,
            max_size=STORE_CONNECTIONS_MAX,
            timeout=timeout,
            reconnect_timeout=_GIVE_UP,
            open=True,
        )

    @contextmanager
    def writing(self, name: CollectionName) -> Iterator[SqlTransaction]:
        """See ``Store``."""
        with self._locked(_lock_number("collection", name)) as session:
            transaction = SqlTransaction(session, int(time.time()))
            yield transaction
            if transaction.changes:
                session.rows(postgres_feed.ANNOUNCE, ())
                session.each(statements.ADD_CHANGE, transaction.changes)

    def changes(self, name: CollectionName | None, after: int, limit: int) -> list[Change]:
        """See ``Reader``."""
        end = postgres_feed.settled(self._rows)
        return [change for change in super().changes(name, after, limit) if change.id <= end]

    def changes_before(self, name: CollectionName | None, before: int | None, limit: int) -> list[Change]:
        """See ``Reader``."""
        end = postgres_feed.settled(self._rows) + 1
        return super().changes_before(name, end if before is None else min(before, end), limit)

    def generation(self) -> None:
        """Whether somebody wrote cannot be told without asking the server."""
        return

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection for a copy of all; what is left open is rolled back."""
        with self._guarded(), self._pool.connection() as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _rows(self, statement: str, values: Sequence[object]) -> Rows:
        try:
            return self._ask(statement, values)
        except (psycopg.DataError, UnicodeEncodeError):  # NUL, or half of a character: there is no such row
            return []
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _ask(self, statement: str, values: Sequence[object]) -> Rows:
        try:
            with self._pool.connection() as connection:
                return _run(connection, statement, values)
        except psycopg.OperationalError as error:
            if not _is_lost(error):
                raise
        self._pool.check()  # the server was restarted: all connections are old ones
        with self._pool.connection() as connection:
            return _run(connection, statement, values)

    @contextmanager
    def _locked(self, number: int) -> Iterator[_Session]:
        """A transaction under a lock."""
        if not self._writers.take(self._timeout):
            raise Busy(f"{self._place} is locked by other publishes", hint="try again")
        try:
            with self._guarded():
                connection = self._begin(number)
            try:
                yield _Session(self, connection)
                self._commit(connection)
            finally:
                with suppress(psycopg.Error):
                    connection.rollback()
                self._pool.putconn(connection)
        finally:
            self._writers.give_back()

    def _begin(self, number: int) -> Connection:
        try:
            return self._try_begin(number)
        except psycopg.OperationalError as error:
            if not _is_lost(error):
                raise
        self._pool.check()
        return self._try_begin(number)

    def _try_begin(self, number: int) -> Connection:
        connection = self._pool.getconn()
        try:
            connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({number})".encode())
        except BaseException:
            with suppress(psycopg.Error):
                connection.rollback()
            self._pool.putconn(connection)
            raise
        return connection

    def _commit(self, connection: Connection) -> None:
        """PostgreSQL answers a COMMIT after a failed statement with a rollback, and calls that no error."""
        with self._guarded():
            answer = connection.execute("COMMIT").statusmessage
        if answer != "COMMIT":
            raise Unsound(f"{self._place}: nothing was published, since a statement failed", hint="try again")

    def _configure(self, connection: Connection) -> None:
        waits = (self._timeout, STORE_STATEMENT_TIMEOUT, STORE_IDLE_TIMEOUT)
        connection.execute(_SETTINGS, [f"{int(wait * 1000)}ms" for wait in waits])

    def _prepare(self, connection: Connection) -> None:
        """Make the tables where there are none; refuse those of another layout."""
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise Unsound(f"{self._place} does not keep text as UTF-8", hint="create it with: ENCODING 'UTF8'")
        with connection.transaction():
            _run(connection, "SELECT pg_advisory_xact_lock(?)", (_lock_number("layout"),))
            if _run(connection, "SELECT to_regclass('layout')", ()) == [(None,)]:
                for statement in statements.schema(statements.POSTGRES):
                    connection.execute(statement.encode())
        require_layout(_run(connection, statements.READ_LAYOUT, ()), self._place)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: psycopg.Error) -> PytrustError:
        """What a complaint means: others are at it, nobody there, no right to it, or damage."""
        state, text = error.sqlstate or "", str(error).partition("\n")[0]
        if state in _BUSY:
            return Busy(f"{self._place} is locked by another process", hint="wait for it, or end it")
        if isinstance(error, PoolTimeout) or _is_lost(error) or state[:2] in {"08", "28", "3D", "53", "57"}:
            return Unreachable(f"{self._place}: {text}")
        if state in _UNFIT:
            return Unsound(f"{self._place}: {text}", hint="give pytrust a database of its own that it may write to")
        return Damaged(f"{self._place}: {text}")


class _Session:
    """A ``Session`` on one connection."""

    def __init__(self, store: PostgresStore, connection: Connection) -> None:
        self._guarded = store._guarded  # noqa: SLF001 - a part of the store
        self._connection = connection

    def rows(self, statement: str, values: Sequence[object]) -> Rows:
        with self._guarded():
            return _run(self._connection, statement, values)

    def each(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        with self._guarded(), self._connection.cursor() as cursor:
            cursor.executemany(_translated(statement), values)


def _run(connection: Connection, statement: str, values: Sequence[object]) -> Rows:
    cursor = connection.execute(_translated(statement), values, binary=True)
    return cursor.fetchall() if cursor.description else []


@cache
def _translated(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()


def _is_lost(error: psycopg.Error) -> bool:
    """Whether the connection itself failed: libpq has no code for that. Who waited for one in vain waits no more."""
    if isinstance(error, PoolTimeout) or not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate in {"57P01", "57P02", "57P03"}


def _lock_number(*words: str) -> int:
    """64 bits that stand for these words among PostgreSQL's advisory locks."""
    return int.from_bytes(sha256("\0".join(("pytrust", *words)).encode()).digest()[:8], signed=True)


def _parse(url: str) -> tuple[str, str]:
    """What to call the store in messages, and how to connect."""
    try:
        said: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.Error:
        said = {"port": "?"}
    host, port, database = (str(said.get(key) or "") for key in ("host", "port", "dbname"))
    if (port and not port.replace(",", "").isdecimal()) or "@" in f"{host}{database}":
        raise UsageError(  # without a word of it: what libpq took for a host may be half of a password
            "the URL of the PostgreSQL store is none",
            hint="postgresql://USER@HOST/DATABASE; in a password, write / as %2F, @ as %40 and so on",
        )
    options = {**_CONNECTING, **{key: value for key, value in said.items() if value is not None}}
    return f"postgresql://{host}{':' if port else ''}{port}/{database}", make_conninfo(**options)
