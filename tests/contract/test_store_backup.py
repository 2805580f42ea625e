"""Backups of SQLite stores; PostgreSQL runs the same suite in ``tests/e2e/test_store_postgres.py``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.backup_suite import BackupSuite, everything, fill
from tests.contract.store_suite import NAME, file, put

from pytrust.trust.collection.model import TIMESTAMP
from pytrust.trust.store.backup import backup, restore
from pytrust.trust.store.sqlite import SqliteReader, SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        yield store


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "empty.db")) as store:
        yield store


class TestSqlite(BackupSuite):
    pass


def test_who_has_the_store_open_sees_what_was_restored(store: SqliteStore, tmp_path: Path) -> None:
    """A server goes on with it: in its readers, in its writer, and it can tell that something changed."""
    fill(store)
    backup(store, tmp_path / "saved")
    before = everything(store)
    put(store, file(TIMESTAMP, 9))
    with closing(SqliteReader(store.path)) as reader, closing(SqliteStore(store.path)) as other:
        generation = reader.generation()
        restore(tmp_path / "saved", other, replace=True)
        assert reader.generation() != generation
        assert reader.read(NAME, TIMESTAMP) == b"timestamp 8"
    assert everything(store) == before
    put(store, file(TIMESTAMP, 9, b"anew"))
    assert store.read(NAME, TIMESTAMP) == b"anew"
