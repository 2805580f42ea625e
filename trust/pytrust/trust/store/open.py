"""A store by its address: a path, ``sqlite:///PATH``, or a URL of PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from pytrust.trust.errors import UsageError

if TYPE_CHECKING:
    from pytrust.trust.store.postgres import PostgresStore
    from pytrust.trust.store.sqlite import SqliteStore

OpenStore: TypeAlias = "SqliteStore | PostgresStore"
_SQLITE: Final = "sqlite:///"
_POSTGRES: Final = ("postgresql://", "postgres://")


def open_store(where: Path | str) -> OpenStore:
    """Open the store for reading and writing, creating it when missing; whoever opens it closes it.

    Raises:
        UsageError: the address is none, or PostgreSQL's driver is not installed.
        BadPermissions, Damaged, Unreachable: see ``SqliteStore`` and ``PostgresStore``.
    """
    if isinstance(where, str) and where.startswith(_POSTGRES):
        return _open_postgres(where)
    if isinstance(where, str) and "://" in where and not where.startswith(_SQLITE):
        scheme = where.partition("://")[0]
        raise UsageError(
            f"no store is opened by {scheme[:40]}://", hint="sqlite:///PATH or postgresql://USER@HOST/NAME"
        )
    from pytrust.trust.store.sqlite import SqliteStore

    return SqliteStore(Path(str(where).removeprefix(_SQLITE)))


def _open_postgres(url: str) -> PostgresStore:
    try:
        from pytrust.trust.store.postgres import PostgresStore
    except ImportError as error:
        raise UsageError(
            "PostgreSQL needs a driver that is not installed", hint="pip install 'pytrust[postgresql]'"
        ) from error
    return PostgresStore(url)
