"""The suite of all stores on a real PostgreSQL, and what is its own: restarts, crashes, waits, secrets in messages."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from tests.contract.backup_suite import BackupSuite, everything, fill
from tests.contract.store_suite import NAME, OTHER, Kind, StoreSuite, count_up, current, file, in_threads, note, put
from tests.rig import postgres as rig
from tests.rig.needs import need
from tests.rig.postgres import Postgres

from pytrust.trust.collection.model import RELEASES, TIMESTAMP
from pytrust.trust.errors import Busy, Damaged, PytrustError, Unreachable, Unsound
from pytrust.trust.names import CollectionName
from pytrust.trust.store import postgres_feed
from pytrust.trust.store.backup import backup, restore
from pytrust.trust.store.open import OpenStore, open_store
from pytrust.trust.store.postgres import PostgresStore


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    need(rig.missing())
    with rig.private_postgres() as running:
        yield running


@pytest.fixture
def url(server: Postgres) -> str:
    return server.empty()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(url)
    yield store
    store.close()


@pytest.fixture
def kind(store: PostgresStore) -> Kind:
    return Kind(store, store)


class TestPostgres(StoreSuite):
    pass


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, server: Postgres, tmp_path: Path) -> Iterator[OpenStore]:
    with closing(open_store(tmp_path / "s.db" if request.param == "sqlite" else server.empty("another"))) as store:
        yield store


class TestPostgresBackup(BackupSuite):
    pass


def test_from_sqlite_to_postgres(store: PostgresStore, tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "s.db")) as old:
        fill(old)
        backup(old, tmp_path / "saved")
        restore(tmp_path / "saved", store)
        assert everything(store) == everything(old)
    note(store, 3)
    assert [change.id for change in store.changes(None, 0, 9)] == [1, 2, 3, 4]


# -- many who write -----------------------------------------------------------------------------------------------------


def test_collections_are_published_side_by_side(store: PostgresStore) -> None:
    with store.writing(NAME) as one:
        one.put(NAME, file(RELEASES, 1))
        with store.writing(OTHER) as two:
            two.put(OTHER, file(RELEASES, 1))
        assert store.read(OTHER, RELEASES) is not None
        assert store.read(NAME, RELEASES) is None
    assert store.read(NAME, RELEASES) is not None


def test_waiting_for_a_writer_has_an_end(url: str) -> None:
    with closing(PostgresStore(url, timeout=0.1)) as one, closing(PostgresStore(url, timeout=0.1)) as other:
        with one.writing(NAME), pytest.raises(Busy, match="locked by another process"), other.writing(NAME):
            pytest.fail("two writers at once")
        put(other, file(TIMESTAMP, 1))


def test_writers_who_wait_leave_room_for_readers(url: str, server: Postgres) -> None:
    with closing(PostgresStore(url, timeout=3)) as store, closing(PostgresStore(url)) as other:
        put(store, file(RELEASES, 1))
        outcomes: list[str] = []

        def write() -> None:
            try:
                count_up(store, 1)
            except Busy:
                outcomes.append("busy")
            else:
                outcomes.append("done")

        with other.writing(NAME):
            threads = [threading.Thread(target=write) for _ in range(20)]
            for thread in threads:
                thread.start()
            while len(server.run("SELECT 1 FROM pg_locks WHERE locktype='advisory' AND NOT granted")) < 6:
                time.sleep(0.01)
            start = time.monotonic()
            assert store.read(NAME, RELEASES) == b"releases 1"
            assert time.monotonic() - start < 1
        for thread in threads:
            thread.join()
        assert outcomes.count("done") > 0
        assert current(store)[RELEASES].version == 1 + outcomes.count("done")


WRITER = """
import sys
from datetime import UTC, datetime
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.postgres import PostgresStore
store = PostgresStore(sys.argv[1], timeout=60)
for _ in range(10):
    with store.writing("docker.io/foo/web") as transaction:
        held = transaction.current("docker.io/foo/web")
        version = held["releases"].version + 1 if held else 1
        transaction.put("docker.io/foo/web", RoleFile("releases", version, datetime.now(UTC), b"x"))
        transaction.note_change("docker.io/foo/web", datetime.now(UTC), version, "a" * 64)
store.close()
"""


def test_processes_that_publish_at_once_lose_nothing(url: str) -> None:
    """All of them find no tables, too."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url]) for _ in range(16)]
    assert [writer.wait(120) for writer in writers] == [0] * 16
    with closing(PostgresStore(url)) as store:
        assert current(store)[RELEASES].version == 160
        assert [change.version for change in store.changes(None, 0, 999)] == list(range(1, 161))


def test_a_failed_statement_that_is_swallowed_publishes_nothing(store: PostgresStore) -> None:
    """PostgreSQL would answer the COMMIT with a rollback, and no error."""
    with pytest.raises(Unsound, match="nothing was published"), store.writing(NAME) as transaction:
        transaction.put(NAME, file(RELEASES, 1))
        with pytest.raises(Damaged):
            transaction._session.rows("SELECT 1/0", ())
    assert store.read(NAME, RELEASES) is None
    put(store, file(RELEASES, 1))


@pytest.mark.parametrize("last", [0, 1, 5, 2**31 - 2, 2**31 - 1, 2**31, 2**31 + 1, 2**40])
def test_the_feed_ends_before_a_change_that_is_not_committed(
    store: PostgresStore, url: str, server: Postgres, last: int
) -> None:
    """Else whoever saw the greater id would never see the smaller one."""
    if last:
        server.run(f"SELECT setval('changes_id_seq', {last})", database="store")
    note(store, 1)
    with psycopg.connect(url) as late:
        late.execute(postgres_feed.ANNOUNCE.encode())
        late.execute(b"INSERT INTO changes (at, collection, version, sha256) VALUES (0, 'late', 0, '')")
        note(store, 2, OTHER)
        note(store, 3)
        for feed in (store.changes(None, 0, 9), store.changes_before(None, None, 9), store.changes(NAME, 0, 9)):
            assert [change.version for change in feed] in ([], [1])  # the one just before is hidden to be safe
        late.commit()
    note(store, 4)
    assert [change.version for change in store.changes(None, 0, 9)] == [1, 0, 2, 3, 4]
    assert [change.version for change in store.changes_before(None, None, 2)] == [3, 4]


# -- when the server goes away --------------------------------------------------------------------------------------------


def test_a_restart_is_not_noticed(store: PostgresStore, server: Postgres) -> None:
    in_threads(*[lambda: count_up(store, 3)] * 8)  # so that there are many old connections
    for restart in range(2):
        server.stop()
        server.start()
        if restart:
            assert store.read(NAME, RELEASES) == b"releases 24"
        else:
            put(store, file(TIMESTAMP, 1))
    assert current(store)[TIMESTAMP].version == 1


def test_while_it_is_away(url: str, server: Postgres) -> None:
    with closing(PostgresStore(url, timeout=1)) as store:
        put(store, file(RELEASES, 1))
        server.stop()
        try:
            with pytest.raises(Unreachable, match=f"127.0.0.1:{server.port}"):
                store.read(NAME, RELEASES)
            with pytest.raises(Unreachable):
                put(store, file(RELEASES, 2))
            with pytest.raises(Unreachable):
                PostgresStore(url)
            time.sleep(12)  # long enough that whoever tries ever more rarely would try too rarely
        finally:
            server.start()
        end = time.monotonic() + 6
        while store_is_away(store):
            assert time.monotonic() < end
        put(store, file(RELEASES, 2))


def store_is_away(store: PostgresStore) -> bool:
    try:
        store.read(NAME, RELEASES)
    except Unreachable:
        return True
    return False


def test_a_transaction_that_loses_its_server(store: PostgresStore, server: Postgres) -> None:
    def publish() -> None:
        with store.writing(NAME) as transaction:
            transaction.put(NAME, file(RELEASES, 1))
            server.stop()
            server.start()

    with pytest.raises(Unreachable):
        publish()
    assert store.read(NAME, RELEASES) is None
    put(store, file(RELEASES, 1))


def test_a_crash_loses_nothing_that_was_acknowledged(url: str, server: Postgres) -> None:
    acknowledged: list[tuple[CollectionName, int]] = []
    for crash in range(3):
        store = PostgresStore(url, timeout=1)

        def publish(number: int, store: PostgresStore = store) -> None:
            name = CollectionName(f"docker.io/foo/{number}")
            held = store.kept(name, RELEASES)
            with suppress(Unreachable, Busy):
                for version in itertools.count(held.version + 1 if held else 1):
                    put(store, file(RELEASES, version), file(TIMESTAMP, version), name=name)
                    acknowledged.append((name, version))

        before = len(acknowledged)
        threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < before + 50:
            time.sleep(0.01)
        time.sleep(0.03 * crash)
        server.crash()
        for thread in threads:
            thread.join()
        store.close()
        server.start()
        with closing(PostgresStore(url)) as again:
            for name, version in acknowledged:
                assert again.read(name, RELEASES, version)
                assert again.read(name, TIMESTAMP, version)
            for name in again.collections():
                held = current(again, name)
                assert held[RELEASES].version == held[TIMESTAMP].version


KILLED = WRITER.replace("range(10)", "iter(int, 1)").replace('"a" * 64)', '"a" * 64)\n    print(version, flush=True)')


def test_a_killed_writer_loses_nothing_and_holds_up_nobody(url: str) -> None:
    for number in range(3):
        writer = subprocess.Popen([sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        time.sleep(0.01 * number)
        writer.kill()
        told += map(int, writer.stdout.read().split())
        writer.wait()
        writer.stdout.close()
        with closing(PostgresStore(url)) as store:
            assert all(store.read(NAME, RELEASES, version) for version in told)
            count_up(store, 1)


# -- what the database is, and what is said about it --------------------------------------------------------------------


def test_tables_of_another_program(url: str, server: Postgres) -> None:
    server.run("CREATE TABLE files (x text)", database="store")
    with pytest.raises(Unsound, match="already exists"):
        PostgresStore(url)
    assert server.run("SELECT to_regclass('layout')", database="store") == [(None,)]


@pytest.mark.parametrize("change", ["UPDATE layout SET version=2", "DELETE FROM layout"])
def test_another_layout(url: str, server: Postgres, change: str) -> None:
    PostgresStore(url).close()
    server.run(change, database="store")
    with pytest.raises(Damaged, match="layout"):
        PostgresStore(url)


def test_who_may_not_write(url: str, server: Postgres) -> None:
    PostgresStore(url).close()
    server.run("CREATE ROLE guest LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest", database="store")
    with closing(PostgresStore(url.replace("pytrust@", "guest@"))) as store:
        with pytest.raises(Unsound, match="permission denied"):
            put(store, file(RELEASES, 1))
        assert store.read(NAME, RELEASES) is None
    server.run("DROP OWNED BY guest", "DROP ROLE guest", database="store")


def test_another_encoding(server: Postgres) -> None:
    server.run(
        "DROP DATABASE IF EXISTS latin",
        f"CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' {rig.libc()}",
    )
    with pytest.raises(Unsound, match="UTF-8"):
        PostgresStore(f"postgresql://pytrust@127.0.0.1:{server.port}/latin")


@pytest.mark.parametrize("where", ["/nothing", "/store?user=nobody-knows-him"])
def test_who_is_not_let_in(server: Postgres, url: str, where: str) -> None:
    with pytest.raises(Unreachable, match="does not exist"):
        PostgresStore(url.replace("/store", where))


SECRET = "hunter2"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:hunter2@127.0.0.1:1/db",
        "postgresql://u:x/hunter2@127.0.0.1:1/db",
        "postgresql://u:hunter2/x@127.0.0.1:1/db",
        "postgresql://u:hun ter2hunter2@127.0.0.1:1/db",
        "postgresql://u:p@hunter2@127.0.0.1:1/db",
        "postgresql://u:hunter2%zz@127.0.0.1:1/db",
        "postgresql://u@127.0.0.1:1/db?pass=hunter2",
        "postgresql://u@127.0.0.1:1/db?password=hunter2",
        "postgresql://u:?hunter2@127.0.0.1:1/db",
        "postgresql://u:#hunter2@127.0.0.1:1/db",
        "postgresql://u:hunter2@127.0.0.1:port/db",
    ],
)
def test_the_password_is_in_no_message(address: str) -> None:
    with pytest.raises(PytrustError) as caught:
        PostgresStore(address)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in f"{caught.value} {caught.value.hint}"


def test_the_right_password_and_a_wrong_one(server: Postgres, url: str) -> None:
    with closing(PostgresStore(url)) as store:
        put(store, file(RELEASES, 1))
    wrong = url.replace("pytrust@", f"{rig.LOCKED}:hunter23@")
    server.run(f"CREATE ROLE {rig.LOCKED} LOGIN SUPERUSER PASSWORD 'hunter2/@'")
    try:
        with closing(PostgresStore(url.replace("pytrust@", f"{rig.LOCKED}:hunter2%2F%40@"))) as store:
            assert store.read(NAME, RELEASES) == b"releases 1"
        with pytest.raises(Unreachable, match="password authentication failed") as caught:
            PostgresStore(wrong)
    finally:
        server.run(f"DROP ROLE {rig.LOCKED}")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_opened_by_address(url: str) -> None:
    with closing(open_store(url)) as store:
        assert isinstance(store, PostgresStore)
        assert store.collections() == []
