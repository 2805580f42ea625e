"""The store in a SQLite file: whose it is, what is wrong with it, and many who write at once."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.store_suite import KEY, NAME, NOW, OTHER, count_up, current, file, in_threads, note, put

from pytrust.trust.collection.model import RELEASES, TIMESTAMP
from pytrust.trust.errors import BadPermissions, Busy, Damaged, NotSetUp, Unsound
from pytrust.trust.names import CollectionName
from pytrust.trust.store import statements
from pytrust.trust.store.sqlite import SqliteReader, SqliteStore

SPAWN = multiprocessing.get_context("spawn")


def test_new_files_are_secret_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "store.db")
        put(store, file(TIMESTAMP, 1))
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        store.close()
    finally:
        os.umask(old)


def test_where_no_store_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(Unsound, match="No such file"):
        SqliteStore(tmp_path / "nothing" / "store.db")
    (tmp_path / "folder").mkdir(0o700)
    with pytest.raises(Unsound, match="unable to open"):
        SqliteStore(tmp_path / "folder")


@pytest.mark.parametrize("beside", ["store.db.lock", "store.db.turn"])
def test_a_lock_that_leads_elsewhere(tmp_path: Path, beside: str) -> None:
    (tmp_path / beside).symlink_to(tmp_path / "precious")
    with pytest.raises(BadPermissions, match=beside):
        SqliteStore(tmp_path / "store.db")
    assert not (tmp_path / "precious").exists()


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


def test_another_programs_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(_empty_database())
    path.chmod(0o600)
    with pytest.raises(Damaged, match="not a metadata store"):
        SqliteStore(path)
    assert path.read_bytes() == _empty_database()


@pytest.mark.parametrize("opening", [SqliteStore, SqliteReader])
@pytest.mark.parametrize("change", ["UPDATE layout SET version=2", "DELETE FROM layout", "INSERT INTO layout SELECT 1"])
def test_another_layout(tmp_path: Path, opening: Callable[[Path], object], change: str) -> None:
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(change)
        connection.commit()
    with pytest.raises(Damaged, match="layout"):
        opening(path)


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """What a crash leaves that came before the tables."""
    path = tmp_path / "store.db"
    path.touch(0o600)
    with pytest.raises(Damaged, match="not a metadata store"):
        SqliteReader(path)
    with closing(SqliteStore(path)) as store:
        put(store, file(TIMESTAMP, 1))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("changes", "sha256", "no digest"),
        ("changes", "collection", "a\nb"),
        ("changes", "at", "yesterday"),
        ("server_keys", "key", "x"),
        ("server_keys", "role", "targets/../x"),
        ("server_keys", "sealed", "text"),
        ("current", "role", "../x"),
        ("current", "version", "x"),
        ("proposals", "collection", "a*b"),
        ("proposals", "document", 5),
    ],
)
def test_rows_that_nobody_could_have_written(tmp_path: Path, table: str, column: str, value: object) -> None:
    path = tmp_path / "store.db"
    with closing(SqliteStore(path)) as store, store.writing(NAME) as transaction:
        transaction.put(NAME, file(TIMESTAMP, 1))
        transaction.note_change(NAME, NOW, 1, "a" * 64)
        transaction.add_server_key(NAME, KEY)
        transaction.set_proposal(NAME, b"x")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {table} SET {column}=?", (value,))
        connection.commit()

    def look() -> None:
        with closing(SqliteStore(path)) as store, store.writing(NAME) as transaction:
            store.changes(None, 0, 9)
            transaction.server_keys(NAME)
            store.proposals()
            transaction.proposal(NAME)
            transaction.put(NAME, file(TIMESTAMP, 2))

    with pytest.raises(Damaged):
        look()


FILE = "(collection=? AND format=? AND role=?"


@pytest.mark.parametrize(
    ("statement", "plan"),
    [
        (statements.NEWEST, [f"files {FILE})"]),
        (statements.EXACT, [f"files {FILE} AND version=?)"]),
        (statements.BY_SHA256, [f"files {FILE} AND sha256=?)"]),
        (statements.CURRENT, ["c (collection=? AND format=?)", f"f {FILE} AND version=?)"]),
        (statements.VERSIONS, ["current (collection=? AND format=?)"]),
        (statements.CHANGES_OF, ["changes (collection=? AND id>?)"]),
        (statements.CHANGES_BEFORE_OF, ["changes (collection=? AND id<?)"]),
    ],
)
def test_what_is_read_for_a_request_is_looked_up_not_searched(tmp_path: Path, statement: str, plan: list[str]) -> None:
    """Neither other collections nor old versions cost anything."""
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        steps = [step[3] for step in store._rows(f"EXPLAIN QUERY PLAN {statement}", (None,) * statement.count("?"))]
    assert [re.sub(r"SEARCH (\w+) USING (COVERING )?INDEX \w+", r"\1", step) for step in steps] == plan


def test_ids_of_changes_are_never_used_again(tmp_path: Path) -> None:
    """Whoever follows the feed would take the new change for one that was seen."""
    path = tmp_path / "store.db"
    with closing(SqliteStore(path)) as store:
        note(store, 1)
        note(store, 2)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DELETE FROM changes WHERE version=2")
            connection.commit()
        note(store, 3)
        assert [change.id for change in store.changes(None, 0, 9)] == [1, 3]


# -- many who write -----------------------------------------------------------------------------------------------------


def test_threads_read_while_others_write(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        put(store, file(RELEASES, 1))
        wrong: list[bytes | None] = []

        def look() -> None:
            for _ in range(300):
                found = store.kept(NAME, RELEASES)
                if found is None or found.data != f"releases {found.version}".encode():
                    wrong.append(found.data if found else None)

        in_threads(*[look] * 6, lambda: count_up(store, 60))
        assert wrong == []


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]), timeout=60)
for _ in range(10):
    with store.writing("docker.io/foo/web") as transaction:
        held = transaction.current("docker.io/foo/web")
        version = held["releases"].version + 1 if held else 1
        transaction.put("docker.io/foo/web", RoleFile("releases", version, datetime.now(UTC), b"x"))
"""


def test_processes_that_publish_at_once_lose_nothing(tmp_path: Path) -> None:
    """All of them find no store, too."""
    path = tmp_path / "store.db"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path]) for _ in range(16)]
    assert [writer.wait(120) for writer in writers] == [0] * 16
    with closing(SqliteStore(path)) as store:
        assert current(store)[RELEASES].version == 160
        assert all(store.read(NAME, RELEASES, number) for number in range(1, 161))


def test_no_writer_starves(tmp_path: Path) -> None:
    """One that waits gets its turn although another takes the lock again at once, for ever."""
    path = tmp_path / "store.db"
    with closing(SqliteStore(path)) as busy, closing(SqliteStore(path)) as patient:
        done = threading.Event()

        def hold() -> None:
            while not done.is_set():
                with busy.writing(NAME):
                    time.sleep(0.01)

        holder = threading.Thread(target=hold)
        holder.start()
        waits = []
        for number in range(1, 21):
            start = time.monotonic()
            put(patient, file(TIMESTAMP, number), name=OTHER)
            waits.append(time.monotonic() - start)
        done.set()
        holder.join()
    assert max(waits) < 2


def test_threads_share_commits_and_a_failed_block_takes_only_itself_back(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "store.db", timeout=60)) as store:

        def publish(number: int) -> None:
            name = CollectionName(f"docker.io/foo/{number}")
            for version in range(1, 21):
                put(store, file(RELEASES, version), name=name)
                with pytest.raises(RuntimeError), store.writing(name) as transaction:
                    transaction.put(name, file(TIMESTAMP, version))
                    raise RuntimeError

        begun = _count_calls(store)
        in_threads(*[lambda number=number: publish(number) for number in range(16)])
        for number in range(16):
            held = current(store, CollectionName(f"docker.io/foo/{number}"))
            assert {role: one.version for role, one in held.items()} == {RELEASES: 20}
        assert begun[0] < 16 * 40 / 2


def _count_calls(store: SqliteStore) -> list[int]:
    """How often the store begins a transaction of its database, from now on."""
    counted, begin = [0], store._writer.begin

    def counting() -> None:
        counted[0] += 1
        begin()

    store._writer.begin = counting  # type: ignore[method-assign]
    return counted


def test_what_was_acknowledged_is_committed(tmp_path: Path) -> None:
    """Seen by a process of its own, as it were: another connection, at the moment ``writing`` returns."""
    path = tmp_path / "store.db"
    with closing(SqliteStore(path, timeout=60)) as store, closing(SqliteReader(path)) as reader:
        missing: list[str] = []

        def publish(number: int) -> None:
            name = CollectionName(f"docker.io/foo/{number}")
            for version in range(1, 16):
                put(store, file(RELEASES, version), name=name)
                if reader.read(name, RELEASES, version) is None:
                    missing.append(f"{name} {version}")

        in_threads(*[lambda number=number: publish(number) for number in range(8)])
        assert missing == []


def test_a_failed_commit_fails_for_all_who_shared_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(SqliteStore(path, timeout=60)) as store:
        put(store, file(RELEASES, 1))
        outcomes: dict[int, str] = {}
        gate = threading.Barrier(4)
        store._writer._connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        store._writer._connection.execute("CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
        store._writer._connection.execute("PRAGMA foreign_keys=ON")

        def publish(number: int) -> None:
            gate.wait()
            try:
                with store.writing(NAME) as transaction:
                    transaction.set_proposal(CollectionName(f"docker.io/foo/{number}"), b"x")
                    if number == 0:  # what SQLite finds only when it commits
                        store._writer.rows("INSERT INTO child VALUES (7)", ())
                    time.sleep(0.005)
            except Damaged:
                outcomes[number] = "failed"
            else:
                outcomes[number] = "done"

        in_threads(*[lambda number=number: publish(number) for number in range(4)])
        assert outcomes[0] == "failed"
        done = sorted(f"docker.io/foo/{number}" for number, outcome in outcomes.items() if outcome == "done")
        assert store.proposals() == done
        put(store, file(RELEASES, 2))


def test_a_full_disk_takes_back_the_batch_and_not_more(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        put(store, file(RELEASES, 1))
        (pages,) = store._writer.rows("PRAGMA page_count", ())[0]
        store._writer.rows(f"PRAGMA max_page_count={pages + 4}", ())
        with pytest.raises(Unsound, match="full") as caught:
            put(store, file(TIMESTAMP, 1), file(RELEASES, 2, b"x" * 100_000))
        assert "free space" in caught.value.hint
        assert store.read(NAME, TIMESTAMP) is None
        put(store, file(RELEASES, 2))


def _publish_and_tell(path: Path, told: Path) -> None:
    """In eight threads; what is written to ``told`` was acknowledged."""
    store = SqliteStore(path, timeout=60)
    descriptor = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def publish(number: int) -> None:
        name = CollectionName(f"docker.io/foo/{number}")
        version = current(store, name)[RELEASES].version if store.kept(name, RELEASES) else 0
        while True:
            version += 1
            put(store, file(RELEASES, version), file(TIMESTAMP, version), name=name)
            os.write(descriptor, f"{name} {version}\n".encode())

    in_threads(*[lambda number=number: publish(number) for number in range(8)])


def test_a_killed_writer_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, told = tmp_path / "store.db", tmp_path / "told"
    told.touch()
    for number in range(5):
        size = told.stat().st_size
        writer = SPAWN.Process(target=_publish_and_tell, args=(path, told))
        writer.start()
        while told.stat().st_size <= size:
            time.sleep(0.01)
        time.sleep(0.037 * number)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        with closing(SqliteStore(path)) as store:
            lines = told.read_text().split("\n")[:-1]
            for name, version in (line.rsplit(" ", 1) for line in lines):
                for role in (RELEASES, TIMESTAMP):
                    assert store.read(CollectionName(name), role, int(version)), (name, version)
            for name in store.collections():
                held = current(store, name)
                assert held[RELEASES].version == held[TIMESTAMP].version
