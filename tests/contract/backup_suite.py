"""What a backup promises, whichever database it is made of: one suite for the fixture ``fill``, a store of any kind."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.contract.store_suite import GUN, KEY, NAME, NOW, ORIGINAL, OTHER, count_up, current, file, note, put

from pytrust.trust.collection.model import RELEASES, ROOT, TIMESTAMP
from pytrust.trust.errors import BadPermissions, Conflict, Damaged, NotSetUp, UsageError
from pytrust.trust.names import Format
from pytrust.trust.store.backup import backup, restore
from pytrust.trust.store.interface import Store
from pytrust.trust.store.open import OpenStore
from pytrust.trust.store.sqlite import SqliteReader, SqliteStore


def fill(store: Store) -> None:
    put(store, file(ROOT, 1), file(TIMESTAMP, 7, ORIGINAL))
    put(store, file(TIMESTAMP, 8, days=1))
    put(store, file(TIMESTAMP, 2, b"x" * 300_000), name=GUN, form=Format.NOTARY)
    for version in (1, 0, 2):
        note(store, version)
    with store.writing(NAME) as transaction:
        transaction.set_proposal(NAME, ORIGINAL)
        transaction.add_server_key(NAME, KEY)


def everything(store: Store) -> list[object]:
    """All that can be asked."""
    with store.writing(NAME) as transaction:
        inside = transaction.current(NAME), transaction.roots(NAME), transaction.proposal(NAME)
        keys = transaction.server_keys(NAME)
    names = store.collections(), store.proposals(), store.expiring(NOW + timedelta(days=2), 9)
    old = store.kept(NAME, TIMESTAMP, 7), store.kept(GUN, TIMESTAMP, form=Format.NOTARY)
    return [inside, keys, names, old, store.changes(None, 0, 99)]


class BackupSuite:
    def test_all_of_it_comes_back(self, store: OpenStore, empty: OpenStore, tmp_path: Path) -> None:
        fill(store)
        told: list[tuple[int, int]] = []
        backup(store, tmp_path / "saved", lambda done, total: told.append((done, total)))
        assert told
        assert told[-1][0] == told[-1][1] > 0
        restore(tmp_path / "saved", empty, progress=lambda done, total: told.append((done, total)))
        assert told[-1][0] == told[-1][1] > 0
        assert everything(empty) == everything(store)
        note(empty, 3)
        assert empty.changes(None, 0, 99)[-1].id > store.changes(None, 0, 99)[-1].id
        put(empty, file(TIMESTAMP, 9))
        count_up(empty, 2)

    def test_it_is_one_file_for_its_owner(self, store: OpenStore, tmp_path: Path) -> None:
        fill(store)
        (tmp_path / "out").mkdir()
        backup(store, tmp_path / "out" / "saved")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["saved"]
        assert (tmp_path / "out" / "saved").stat().st_mode & 0o777 == 0o600

    def test_it_is_a_store_itself(self, store: OpenStore, tmp_path: Path) -> None:
        fill(store)
        backup(store, tmp_path / "saved")
        with closing(SqliteStore(tmp_path / "saved")) as copy:
            assert everything(copy) == everything(store)

    def test_nothing_is_written_over(self, store: OpenStore, tmp_path: Path) -> None:
        (tmp_path / "saved").write_bytes(b"precious")
        with pytest.raises(UsageError, match="exists already"):
            backup(store, tmp_path / "saved")
        assert [path.read_bytes() for path in tmp_path.glob("*saved*")] == [b"precious"]

    def test_one_moment_while_others_publish(self, store: OpenStore, tmp_path: Path) -> None:
        put(store, file(RELEASES, 1, b"x" * 20_000_000))
        done = threading.Event()

        def publish() -> None:
            version = 1
            while not done.is_set():
                version += 1
                put(store, file(RELEASES, version), file(TIMESTAMP, version))

        publisher = threading.Thread(target=publish)
        publisher.start()
        try:
            for number in range(3):
                path = tmp_path / f"saved {number}"
                backup(store, path)
                with closing(SqliteReader(path)) as copy:
                    releases, timestamp = copy.kept(NAME, RELEASES), copy.kept(NAME, TIMESTAMP)
                assert releases is not None
                assert releases.version == (timestamp.version if timestamp else 1)
        finally:
            done.set()
            publisher.join()

    def test_going_back_must_be_wanted(self, store: OpenStore, tmp_path: Path) -> None:
        fill(store)
        before = everything(store)
        backup(store, tmp_path / "saved")
        put(store, file(TIMESTAMP, 9))
        note(store, 9)
        last = store.changes(None, 0, 99)[-1].id
        with pytest.raises(Conflict, match="the backup lacks"):
            restore(tmp_path / "saved", store)
        assert store.read(NAME, TIMESTAMP) == b"timestamp 9"
        restore(tmp_path / "saved", store, replace=True)
        assert everything(store) == before
        note(store, 10)
        assert store.changes(None, 0, 99)[-1].id > last

    def test_keys_are_not_lost_unasked(self, store: OpenStore, tmp_path: Path) -> None:
        backup(store, tmp_path / "saved")
        with store.writing(NAME) as transaction:
            transaction.add_server_key(NAME, KEY)
        with pytest.raises(Conflict, match="key"):
            restore(tmp_path / "saved", store)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 // 4096 * 4096]),
            lambda path: path.write_bytes(b"junk" * 5000),
            lambda path: path.write_bytes(b""),
            lambda path: sql(path, "UPDATE layout SET version=9"),
            lambda path: sql(path, "DROP INDEX files_sha256"),
            lambda path: sql(path, "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM files; END"),
        ],
        ids=["half", "junk", "empty", "another layout", "without an index", "with a trigger"],
    )
    def test_a_spoilt_backup(self, store: OpenStore, tmp_path: Path, spoil: Callable[[Path], object]) -> None:
        fill(store)
        before = everything(store)
        backup(store, tmp_path / "saved")
        spoil(tmp_path / "saved")
        with pytest.raises(Damaged):
            restore(tmp_path / "saved", store, replace=True)
        assert everything(store) == before

    def test_a_backup_that_others_could_write(self, store: OpenStore, tmp_path: Path) -> None:
        with pytest.raises(NotSetUp):
            restore(tmp_path / "saved", store)
        backup(store, tmp_path / "saved")
        (tmp_path / "saved").chmod(0o622)
        with pytest.raises(BadPermissions):
            restore(tmp_path / "saved", store)

    def test_readers_see_the_old_state_or_the_new_one(self, store: OpenStore, empty: OpenStore, tmp_path: Path) -> None:
        put(store, *(file(RELEASES, number, b"new" * 50_000) for number in range(1, 60)))
        put(empty, file(RELEASES, 1, b"old"), name=NAME)
        backup(store, tmp_path / "saved")
        seen: set[tuple[int, bytes]] = set()
        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                found = empty.kept(NAME, RELEASES)
                seen.add((found.version, found.data[:3]) if found else (0, b""))

        reader = threading.Thread(target=look)
        reader.start()
        restore(tmp_path / "saved", empty, replace=True)
        done.set()
        reader.join()
        assert seen <= {(1, b"old"), (59, b"new")}
        assert current(empty)[RELEASES].version == 59
        assert empty.read(OTHER, RELEASES) is None


def sql(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()
