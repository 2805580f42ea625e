"""What every store promises: one suite, run on all of them.

``SqliteReader`` takes part as the reading side of ``SqlStore``.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.keys import NAME, NOW, OTHER

from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from pytrust.trust.errors import BadPermissions, Busy, Conflict, Damaged, NotSetUp
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.store import sql, sqlite
from pytrust.trust.store.interface import Reader, RoleFile, Store
from pytrust.trust.store.memory import MemoryStore
from pytrust.trust.store.sql import SqlStore
from pytrust.trust.store.sqlite import SqliteReader

ORIGINAL = b'{ "odd" :\r\n "spacing\xc3\xa9" }\x00\xff'


@dataclass(frozen=True)
class Kind:
    """A store, and one who reads it."""

    store: Store
    reader: Reader


def _memory(_: Path) -> Kind:
    store = MemoryStore()
    return Kind(store, store)


def _sql(folder: Path) -> Kind:
    store = SqlStore(folder / "store.db")
    return Kind(store, store)


def _sqlite(folder: Path) -> Kind:
    return Kind(SqlStore(folder / "store.db"), SqliteReader(folder / "store.db"))


KINDS: dict[str, Callable[[Path], Kind]] = {"memory": _memory, "sql": _sql, "sqlite reader": _sqlite}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    made = KINDS[request.param](tmp_path)
    yield made
    for part in (made.reader, made.store):
        if isinstance(part, SqlStore | SqliteReader):
            part.close()


def file(role: RoleName, version: int, data: bytes = b"", days: float = 10) -> RoleFile:
    return RoleFile(role, version, NOW + timedelta(days=days), data or f"{role} {version}".encode())


def put(store: Store, *files: RoleFile, name: CollectionName = NAME) -> None:
    with store.writing() as transaction:
        for one in files:
            transaction.put(name, one)


def current(store: Store, name: CollectionName = NAME) -> dict[RoleName, RoleFile]:
    with store.writing() as transaction:
        return transaction.current(name)


def test_nothing_yet(kind: Kind) -> None:
    assert kind.reader.read(NAME, TIMESTAMP) is None
    assert kind.reader.read(NAME, ROOT, 1) is None
    assert kind.reader.collections() == []
    assert kind.store.proposals() == []
    assert kind.store.expiring(NOW + timedelta(days=10_000), 5) == []
    with kind.store.writing() as transaction:
        assert transaction.current(NAME) == {}
        assert transaction.roots(NAME) == []
        assert transaction.proposal(NAME) is None


def test_the_original_bytes_come_back(kind: Kind) -> None:
    put(kind.store, file(TIMESTAMP, 1, ORIGINAL))
    assert kind.reader.read(NAME, TIMESTAMP) == ORIGINAL
    assert kind.reader.read(NAME, TIMESTAMP, 1) == ORIGINAL
    assert current(kind.store) == {TIMESTAMP: file(TIMESTAMP, 1, ORIGINAL)}


def test_every_version_is_kept_and_the_newest_is_the_greatest(kind: Kind) -> None:
    for number in (1, 2, 9, 10):
        put(kind.store, file(RELEASES, number))
    assert kind.reader.read(NAME, RELEASES) == b"releases 10"
    assert [kind.reader.read(NAME, RELEASES, number) for number in (1, 9, 3)] == [b"releases 1", b"releases 9", None]
    assert current(kind.store) == {RELEASES: file(RELEASES, 10)}


def test_roots_in_order(kind: Kind) -> None:
    for number in range(1, 12):
        put(kind.store, file(ROOT, number))
    with kind.store.writing() as transaction:
        assert transaction.roots(NAME) == [f"root {number}".encode() for number in range(1, 12)]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_versions_only_rise(kind: Kind, version: int) -> None:
    put(kind.store, file(RELEASES, 3))
    with pytest.raises(Conflict, match="at version 3 already"):
        put(kind.store, file(RELEASES, version, b"other"))
    assert kind.reader.read(NAME, RELEASES) == b"releases 3"


@pytest.mark.parametrize("version", [1, 2, 4])
def test_roots_rise_by_one(kind: Kind, version: int) -> None:
    put(kind.store, file(ROOT, 1), file(ROOT, 2))
    with pytest.raises(Conflict):
        put(kind.store, file(ROOT, version, b"other"))
    with pytest.raises(Conflict):
        put(kind.store, file(ROOT, 2), name=OTHER)


def test_collections_do_not_touch_each_other(kind: Kind) -> None:
    put(kind.store, file(TIMESTAMP, 5))
    put(kind.store, file(TIMESTAMP, 1, b"other"), name=OTHER)
    assert kind.reader.read(NAME, TIMESTAMP) == b"timestamp 5"
    assert kind.reader.read(OTHER, TIMESTAMP) == b"other"
    assert kind.reader.read(OTHER, TIMESTAMP, 5) is None
    assert kind.reader.collections() == sorted([NAME, OTHER])


@pytest.mark.parametrize("odd", ["x' OR '1'='1", "%", "_", "", "\0", "é"])
def test_odd_names_name_nothing(kind: Kind, odd: str) -> None:
    put(kind.store, file(TIMESTAMP, 1))
    assert kind.reader.read(CollectionName(odd), TIMESTAMP) is None
    assert kind.reader.read(NAME, RoleName(odd)) is None
    assert kind.reader.read(NAME, TIMESTAMP, 10**18 - 1) is None


def test_a_failed_transaction_leaves_nothing(kind: Kind) -> None:
    put(kind.store, file(TIMESTAMP, 1), file(ROOT, 1))

    def half() -> None:
        with kind.store.writing() as transaction:
            transaction.put(NAME, file(TIMESTAMP, 2))
            transaction.put(NAME, file(ROOT, 2))
            transaction.set_proposal(NAME, b"half")
            transaction.put(OTHER, file(TIMESTAMP, 1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert kind.reader.read(NAME, TIMESTAMP) == b"timestamp 1"
    assert kind.reader.read(NAME, ROOT, 2) is None
    assert kind.reader.collections() == [NAME]
    assert kind.store.proposals() == []
    put(kind.store, file(TIMESTAMP, 2))


def test_a_conflict_takes_back_what_went_before(kind: Kind) -> None:
    put(kind.store, file(TIMESTAMP, 1), file(RELEASES, 1))
    with pytest.raises(Conflict):
        put(kind.store, file(TIMESTAMP, 2), file(RELEASES, 1))
    assert set(current(kind.store).values()) == {file(TIMESTAMP, 1), file(RELEASES, 1)}


def test_a_transaction_sees_its_own_writes(kind: Kind) -> None:
    with kind.store.writing() as transaction:
        transaction.put(NAME, file(ROOT, 1))
        transaction.set_proposal(NAME, b"one")
        assert transaction.current(NAME) == {ROOT: file(ROOT, 1)}
        assert transaction.roots(NAME) == [b"root 1"]
        assert transaction.proposal(NAME) == b"one"


def test_proposals(kind: Kind) -> None:
    with kind.store.writing() as transaction:
        transaction.set_proposal(NAME, ORIGINAL)
        transaction.set_proposal(OTHER, b"two")
    assert kind.store.proposals() == sorted([NAME, OTHER])
    with kind.store.writing() as transaction:
        assert transaction.proposal(NAME) == ORIGINAL
        transaction.set_proposal(NAME, b"again")
        transaction.set_proposal(OTHER, None)
        transaction.set_proposal(OTHER, None)
    with kind.store.writing() as transaction:
        assert transaction.proposal(NAME) == b"again"
    assert kind.store.proposals() == [NAME]


def test_what_expires(kind: Kind) -> None:
    for number, (role, days) in enumerate([(TIMESTAMP, 1.0), (SNAPSHOT, 1.0), (TIMESTAMP, 3.0), (RELEASES, 1.0)]):
        put(kind.store, file(role, 1, days=days), name=CollectionName(f"docker.io/a/{number}"))
    both = CollectionName("docker.io/a/both")
    put(kind.store, file(TIMESTAMP, 1, days=1), file(SNAPSHOT, 1, days=1), name=both)

    def due(days: float, limit: int = 10) -> list[str]:
        return [name.rpartition("/")[2] for name in kind.store.expiring(NOW + timedelta(days=days), limit)]

    assert due(1) == []
    assert due(2) == ["0", "1", "both"]
    assert due(2, limit=2) == ["0", "1"]
    assert due(4) == ["0", "1", "2", "both"]


def test_only_the_newest_version_expires(kind: Kind) -> None:
    put(kind.store, file(TIMESTAMP, 1, days=1))
    put(kind.store, file(TIMESTAMP, 2, days=5))
    assert kind.store.expiring(NOW + timedelta(days=2), 10) == []


def test_a_reader_sees_the_old_state_until_all_of_the_new_one_is_there(kind: Kind) -> None:
    put(kind.store, file(TIMESTAMP, 1))
    seen: list[object] = []

    def look() -> None:
        seen.extend([kind.reader.read(NAME, TIMESTAMP), kind.reader.read(NAME, RELEASES), kind.reader.collections()])

    with kind.store.writing() as transaction:
        transaction.put(NAME, file(TIMESTAMP, 2))
        transaction.put(NAME, file(RELEASES, 1))
        reader = threading.Thread(target=look)
        reader.start()
        reader.join(5)
        assert seen == [b"timestamp 1", None, [NAME]]
    look()
    assert seen[3:] == [b"timestamp 2", b"releases 1", [NAME]]


def test_transactions_of_threads_follow_one_another(kind: Kind) -> None:
    def count() -> None:
        for _ in range(5):
            with kind.store.writing() as transaction:
                held = transaction.current(NAME).get(RELEASES)
                transaction.put(NAME, file(RELEASES, held.version + 1 if held else 1))

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert current(kind.store)[RELEASES].version == 15


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from([NAME, OTHER]),
        st.sampled_from([ROOT, TARGETS, TIMESTAMP]),
        st.integers(1, 4),
        st.binary(min_size=1, max_size=3),
        st.booleans(),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(OPERATIONS)
def test_all_stores_agree(tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[object, ...]]) -> None:
    path = tmp_path_factory.mktemp("store") / "store.db"
    memory, database = MemoryStore(), SqlStore(path)
    for name, role, version, data, fails in operations:
        outcomes = [_try(store, name, role, version, data, fails) for store in (memory, database)]
        assert outcomes[0] == outcomes[1]
    with SqlStoreReading(path) as reader:
        for name in (NAME, OTHER):
            for role in (ROOT, TARGETS, TIMESTAMP):
                for version in (None, 1, 2, 3, 4):
                    answers = {each.read(name, role, version) for each in (memory, database, reader)}
                    assert len(answers) == 1
    database.close()


class SqlStoreReading:
    """A reader that closes itself."""

    def __init__(self, path: Path) -> None:
        self._reader = SqliteReader(path)

    def __enter__(self) -> SqliteReader:
        return self._reader

    def __exit__(self, *_: object) -> None:
        self._reader.close()


def _try(store: Store, name: object, role: object, version: object, data: object, fails: object) -> str:
    assert isinstance(version, int)
    assert isinstance(data, bytes)
    try:
        with store.writing() as transaction:
            transaction.put(CollectionName(str(name)), file(RoleName(str(role)), version, data))
            _fail_if(bool(fails))
    except (Conflict, RuntimeError) as error:
        return type(error).__name__
    return "done"


def _fail_if(wanted: bool) -> None:
    if wanted:
        raise RuntimeError


# -- the SQLite file ------------------------------------------------------------------------------------------------


def _publish(path: Path, times: int) -> None:
    store = SqlStore(path)
    for _ in range(times):
        with store.writing() as transaction:
            held = transaction.current(NAME).get(RELEASES)
            transaction.put(NAME, file(RELEASES, held.version + 1 if held else 1))
    store.close()


def test_processes_that_publish_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SqlStore(path).close()
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=_publish, args=(path, 20)) for _ in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert [other.exitcode for other in others] == [0, 0]
    store = SqlStore(path)
    assert current(store)[RELEASES].version == 40
    assert all(store.read(NAME, RELEASES, number) for number in range(1, 41))
    store.close()


def test_new_files_are_secret_whatever_the_umask(tmp_path: Path) -> None:
    import os

    old = os.umask(0)
    try:
        store = SqlStore(tmp_path / "store.db")
        put(store, file(TIMESTAMP, 1))
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        store.close()
    finally:
        os.umask(old)


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
@pytest.mark.parametrize("opening", [SqlStore, SqliteReader])
def test_modes_that_let_others_in(tmp_path: Path, mode: int, opening: Callable[[Path], object]) -> None:
    path = tmp_path / "store.db"
    SqlStore(path).close()
    path.chmod(mode)
    with pytest.raises(BadPermissions):
        opening(path)


def test_a_reader_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp):
        SqliteReader(tmp_path / "store.db")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    SqlStore(tmp_path / "store.db").close()
    with SqlStoreReading(tmp_path / "store.db") as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM files")


@pytest.mark.parametrize("name", ["a b", "a?b=c", "a#b", "a%41", "ü", "a?mode=memory"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    path = tmp_path / name / "store.db"
    store = SqlStore(path)
    put(store, file(TIMESTAMP, 1))
    store.close()
    assert path.stat().st_size > 0
    with SqlStoreReading(path) as reader:
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
    store = SqlStore(path)
    for number in range(1, 50):
        put(store, file(TIMESTAMP, number, b"x" * 1000))
    store.close()
    path.write_bytes(DAMAGE[damage](path.read_bytes()))

    def look() -> None:
        with SqlStoreReading(path) as reader:
            assert reader.read(NAME, TIMESTAMP)
            assert reader.collections()

    with pytest.raises(Damaged):
        look()


@pytest.mark.parametrize("damage", ["junk", "a broken header", "broken pages", "half of it"])
def test_damage_is_called_so_when_writing(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "store.db"
    store = SqlStore(path)
    for number in range(1, 50):
        put(store, file(TIMESTAMP, number, b"x" * 1000))
    store.close()
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(Damaged):
        current(SqlStore(path))


def test_waiting_for_a_writer_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "LOCK_TIMEOUT", 0.05)
    one, other = SqlStore(tmp_path / "store.db"), SqlStore(tmp_path / "store.db")
    with one.writing(), pytest.raises(Busy, match="locked by another process"), other.writing():
        pytest.fail("two writers at once")
    put(other, file(TIMESTAMP, 1))
    one.close()
    other.close()


def test_a_locked_store_is_busy_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT", 0.05)
    SqlStore(tmp_path / "store.db").close()
    holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with SqlStoreReading(tmp_path / "store.db") as reader, pytest.raises(Busy):
        reader.read(NAME, TIMESTAMP)
    holder.close()
