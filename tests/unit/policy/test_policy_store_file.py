"""An embedded store under a process that runs on: moved away, brought back, replaced, damaged."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.keys import ALICE, NAME, House, target
from tests.fakes.notary_repository import FakeNotary

from pytrust.policy.store_file import StoreFile
from pytrust.trust.errors import BadPermissions, Damaged, Unreachable
from pytrust.trust.http import Deadline
from pytrust.trust.names import Format, RoleName
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


@pytest.fixture
def house(store: SqliteStore, tmp_path: Path) -> House:
    (tmp_path / "house").mkdir(mode=0o700)
    house = House(tmp_path / "house", store)
    house.owner().sign(NAME, [target("v1")], [ALICE])
    return house


@pytest.fixture
def source(house: House, path: Path) -> Iterator[StoreFile]:
    source = StoreFile(path)
    yield source
    source.close()


def timestamp(source: StoreFile) -> bytes | None:
    return source.fetch(NAME, "timestamp.json", Deadline(5))


def test_what_is_published_is_seen(source: StoreFile, house: House) -> None:
    before = timestamp(source)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    assert timestamp(source) != before
    assert source.fetch(NAME, "99.root.json", Deadline(5)) is None


def test_what_docker_published_is_served_beside_it(source: StoreFile, store: SqliteStore) -> None:
    """Files of Notary v1, by version, by hash and newest; the same names in the other format are other files."""
    web = FakeNotary(NAME)
    expires = datetime.now(UTC) + timedelta(days=9)
    with store.writing(NAME) as transaction:
        for role, data in web.current.items():
            transaction.put(NAME, RoleFile(RoleName(role), web.versions[role], expires, data), form=Format.NOTARY)
    served = {file: source.fetch(NAME, f"notary/{file}", Deadline(5)) for file in web.files}
    assert {file: data for file, data in web.files.items() if served[file] != data} == {
        file: data for file, data in web.files.items() if data not in web.current.values()
    }
    assert source.fetch(NAME, "notary/9.root.json", Deadline(5)) is None
    assert source.fetch(NAME, f"notary/targets.{'0' * 64}.json", Deadline(5)) is None
    assert timestamp(source) != web.current["timestamp"]


def test_moved_away_and_back(source: StoreFile, path: Path) -> None:
    """The open file would go on answering."""
    held = timestamp(source)
    path.rename(path.with_suffix(".away"))
    for _ in range(2):
        with pytest.raises(Unreachable, match="no such file"):
            timestamp(source)
    path.with_suffix(".away").rename(path)
    assert timestamp(source) == held


def test_missing_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="no such file"):
        timestamp(StoreFile(tmp_path / "nothing.db"))


def test_replaced_by_an_older_copy(source: StoreFile, house: House, store: SqliteStore, path: Path) -> None:
    """A restored backup must be seen as what it is, not hidden behind the file that was open before."""
    old = timestamp(source)
    copy = path.with_suffix(".copy")
    with closing(sqlite3.connect(path)) as current, closing(sqlite3.connect(copy)) as backup:
        current.backup(backup)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    assert timestamp(source) != old
    store.close()
    for leftover in ("-wal", "-shm"):  # a restored database is not to be read with the journal of another
        path.with_name(path.name + leftover).unlink(missing_ok=True)
    copy.chmod(0o600)
    copy.rename(path)
    assert timestamp(source) == old


def test_replaced_by_what_others_can_write(source: StoreFile, path: Path) -> None:
    timestamp(source)
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    copy.chmod(0o666)
    copy.rename(path)
    with pytest.raises(BadPermissions):
        timestamp(source)


def test_damaged(tmp_path: Path) -> None:
    path = tmp_path / "bad.db"
    path.write_bytes(b"no database " * 1000)
    path.chmod(0o600)
    with pytest.raises(Damaged):
        timestamp(StoreFile(path))


def test_shared_between_threads(source: StoreFile) -> None:
    expected = timestamp(source)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: timestamp(source), range(400))) == {expected}


def test_replaced_while_others_read(source: StoreFile, store: SqliteStore, path: Path, tmp_path: Path) -> None:
    """No reader is left with a file that was closed under its hands."""
    expected = timestamp(source)
    store.close()
    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(lambda: {timestamp(source) for _ in range(200)}) for _ in range(4)]
        for number in range(50):
            copy = tmp_path / f"{number}.copy"
            shutil.copy(path, copy)
            copy.chmod(0o600)
            copy.rename(path)
    assert [reader.result() for reader in readers] == [{expected}] * 4


def test_the_generation_changes_with_every_publish_and_with_the_file(
    source: StoreFile, house: House, path: Path, tmp_path: Path
) -> None:
    first = source.generation()
    assert first is not None
    assert source.generation() == first
    house.owner().sign(NAME, [target("v2")], [ALICE])
    second = source.generation()
    assert second not in {None, first}
    shutil.copy(path, tmp_path / "copy.db")
    path.rename(tmp_path / "away.db")
    assert source.generation() is None
    (tmp_path / "copy.db").rename(path)
    assert source.generation() not in {None, second}
