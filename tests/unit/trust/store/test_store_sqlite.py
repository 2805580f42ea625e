"""The store in a SQLite file: whose it is, what is wrong with it, and many who write at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.store_suite import count_up, current, file, in_threads, put
from tests.fakes.keys import NAME, OTHER

from pytrust.trust.collection.model import RELEASES, TIMESTAMP
from pytrust.trust.errors import BadPermissions, Busy, Damaged, NotSetUp, Unsound
from pytrust.trust.names import CollectionName
from pytrust.trust.store import statements
from pytrust.trust.store.sqlite import SqliteReader, SqliteStore

SPAWN = multiprocessing.get_context("spawn")


def test_new_files_are_secret_whatever_the_umask(tmp_path: Path) -> None:
    import os

    old = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "store.db")
        put(store, file(TIMESTAMP, 1))
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        store.close()
    finally:
        os.umask(old)


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
@pytest.mark.parametrize("opening", [SqliteStore, SqliteReader])
def test_modes_that_let_others_in(tmp_path: Path, mode: int, opening: Callable[[Path], object]) -> None:
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    path.chmod(mode)
    with pytest.raises(BadPermissions):
        opening(path)


def test_a_reader_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp):
        SqliteReader(tmp_path / "store.db")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "store.db").close()
    with closing(SqliteReader(tmp_path / "store.db")) as reader, pytest.raises(Unsound, match="readonly"):
        reader._rows("DELETE FROM files", ())


@pytest.mark.parametrize("name", ["a b", "a?b=c", "a#b", "a%41", "ü", "a?mode=memory"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    path = tmp_path / name / "store.db"
    store = SqliteStore(path)
    put(store, file(TIMESTAMP, 1))
    store.close()
    assert path.stat().st_size > 0
    with closing(SqliteReader(path)) as reader:
        assert reader.read(NAME, TIMESTAMP) == b"timestamp 1"
    assert [found.name for found in tmp_path.iterdir()] == [name]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "junk": lambda data: b"junk" * 1000,
    "a broken header": lambda data: b"\xff" * 100 + data[100:],
    "broken pages": lambda data: data[:4096] + b"\xff" * (len(data) - 4096),
    "half of it": lambda data: data[: len(data) // 2 // 4096 * 4096],
    "another database": lambda data: _empty_database(),
}


def _empty_database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE other (x)")
    data = connection.serialize()
    connection.close()
    return data


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_called_so(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    for number in range(1, 50):
        put(store, file(TIMESTAMP, number, b"x" * 1000))
    store.close()
    path.write_bytes(DAMAGE[damage](path.read_bytes()))

    def look() -> None:
        with closing(SqliteReader(path)) as reader:
            assert reader.read(NAME, TIMESTAMP)
            assert reader.collections()

    with pytest.raises(Damaged):
        look()


@pytest.mark.parametrize("damage", ["junk", "a broken header", "broken pages", "half of it"])
def test_damage_is_called_so_when_writing(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    for number in range(1, 50):
        put(store, file(TIMESTAMP, number, b"x" * 1000))
    store.close()
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(Damaged):
        current(SqliteStore(path))


def test_waiting_for_a_writer_has_an_end(tmp_path: Path) -> None:
    one, other = (SqliteStore(tmp_path / "store.db", timeout=0.05) for _ in range(2))
    with one.writing(NAME), pytest.raises(Busy, match="locked by another process"), other.writing(OTHER):
        pytest.fail("two writers at once")
    put(other, file(TIMESTAMP, 1))
    one.close()
    other.close()


def test_a_locked_store_is_busy_not_damaged(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "store.db").close()
    holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Busy):
        SqliteReader(tmp_path / "store.db", timeout=0.05)
    holder.close()
