"""What ``pytrust serve`` keeps when it is killed, restored or left alone for a year, on SQLite and on PostgreSQL.

Every look is one of a strict reader, or of the stock client.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.notary_repository import certify, seal
from tests.rig import clock, notary
from tests.rig.clock import Clock
from tests.rig.needs import need
from tests.rig.notary_client import NotaryClient, Said
from tests.rig.notary_repository import Repository, ask
from tests.rig.postgres import Postgres
from tests.rig.processes import environment, start
from tests.rig.publishing import (
    Author,
    Team,
    acknowledged,
    asking,
    authors_of,
    examine,
    feed,
    kill,
    teams,
    wait_until,
    whole,
    working,
)
from tests.rig.throwaway import ServerFiles
from tests.rig.trust_server import TrustServer, pytrust_server, well

from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.signers import signer_of
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.open import open_store

PYTRUST = Path(sys.executable).with_name("pytrust")
TEAMS, AUTHORS, VERSIONS = 8, 2, 13  # 16 who write, 208 publishes
CROWD, MANY = 100, 60  # teams, so that 200 write; and more versions of each author than there is time for


def test_sixteen_writers_lose_nothing(tmp_path: Path, tls: ServerFiles, store: list[str]) -> None:
    made = teams(TEAMS, AUTHORS, VERSIONS)
    authors = authors_of(made)
    with pytrust_server(tmp_path, tls, *store) as server, asking(server) as connection:
        for team in made:
            team.found(connection)
        with working(authors, server):
            pass
        assert [author.refused for author in authors] == [[]] * len(authors)
        assert [author.known for author in authors] == [VERSIONS] * len(authors)
        for team in made:
            examine(connection, team)


def test_killed_while_two_hundred_publish(tmp_path: Path, tls: ServerFiles, store: list[str]) -> None:
    """All of them have been told of a publish, and wait for the next. Whoever comes afterwards goes on."""
    need(notary.missing())
    made = teams(CROWD, AUTHORS, MANY)
    authors = authors_of(made)
    words = [*store, "--workers", "2"]
    with pytrust_server(tmp_path, tls, *words) as server:
        with asking(server) as connection:
            for team in made:
                team.found(connection)
        with working(authors, server):
            wait_until(lambda: all(author.known for author in authors) and acknowledged(authors) >= CROWD * 3, 60)
            kill(server.daemon)
    assert acknowledged(authors) < CROWD * AUTHORS * MANY
    assert [author.refused for author in authors] == [[]] * len(authors)
    with pytrust_server(tmp_path, tls, *words) as server, asking(server) as connection:
        for team in made:
            examine(connection, team)
        for team in made[::20]:
            said = listed(server, tmp_path, team.repository.gun)
            assert said.code == 0, said
            assert [line.split()[-1] for line in said.out.splitlines()[2:]] == [author.role for author in team.authors]
        for author in authors:
            go_on(connection, author)


def test_one_process_is_killed_while_sixteen_publish(tmp_path: Path, tls: ServerFiles) -> None:
    """Whoever spoke with the other one notices nothing, although they share one file and its lock."""
    made = teams(TEAMS, AUTHORS, VERSIONS * 3)
    authors = authors_of(made)
    with pytrust_server(tmp_path, tls, "--workers", "2") as server, asking(server) as connection:
        for team in made:
            team.found(connection)
        time.sleep(6)  # granian takes a death that comes sooner for a loop
        with working(authors, server):
            wait_until(lambda: acknowledged(authors) >= TEAMS * AUTHORS * 2)
            os.kill(min(processes_of(server)), signal.SIGKILL)
        assert [author.refused for author in authors] == [[]] * len(authors)
        assert 0 < sum(author.known == VERSIONS * 3 for author in authors) < len(authors)
        with asking(server) as fresh:
            for team in made:
                examine(fresh, team)


def processes_of(server: TrustServer) -> list[int]:
    """Those that answer: multiprocessing's own helper does not."""
    tasks = Path(f"/proc/{server.daemon.pid}/task").glob("*/children")
    children = [int(pid) for task in tasks for pid in task.read_text().split()]
    return [pid for pid in children if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_the_database_is_killed_while_six_publish(tmp_path: Path, tls: ServerFiles, database: Postgres) -> None:
    """The server stays, says no in time, and goes on once the database is back."""
    made = teams(3, 2, 200)
    authors = authors_of(made)
    with pytrust_server(tmp_path, tls, "--store", database.empty()) as server:
        with asking(server) as connection:
            for team in made:
                team.found(connection)
        with working(authors, server):
            wait_until(lambda: acknowledged(authors) > 60)
            database.crash()
            crashed = time.monotonic()
        assert time.monotonic() - crashed < 15
        assert all("status 503" in refusal for author in authors for refusal in author.refused)
        assert [len(author.refused) for author in authors] == [1] * len(authors)
        database.start()
        wait_until(lambda: well(server.port, tls))
        with asking(server) as connection:
            for team in made:
                examine(connection, team)
                go_on(connection, team.authors[0])


def go_on(connection: http.client.HTTPConnection, author: Author) -> None:
    """Publish the version after the one that is there, if the author has one."""
    served = ask(connection, "GET", f"{author.repository.base}{author.role}.json")
    author.known = int(json.loads(served)["signed"]["version"])
    if author.known < len(author.files):
        author.publish(connection)


# -- backups ------------------------------------------------------------------------------------------------------------


def serve_words(home: Path, store: list[str], *words: str | Path) -> list[str | Path]:
    return [PYTRUST, "--home", home, "serve", *store, *words]


def serve(home: Path, store: list[str], *words: str | Path) -> None:
    """``pytrust serve WORDS``, which has to work."""
    command = serve_words(home, store, *words)
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_backup_while_eight_publish(
    tmp_path: Path, tls: ServerFiles, store: list[str], request: pytest.FixtureRequest
) -> None:
    """It is restored to the other kind of database, and is one moment: all that was acknowledged before it began."""
    database: Postgres = request.getfixturevalue("database")
    other = [] if store else ["--store", database.empty("other")]
    made = teams(4, 2, 200)
    authors = authors_of(made)
    with pytrust_server(tmp_path / "old", tls, *store) as server, asking(server) as connection:
        for team in made:
            team.found(connection)
        with working(authors, server):
            wait_until(lambda: acknowledged(authors) > 20)
            before = [author.known for author in authors]
            serve(tmp_path / "old" / "home", store, "backup", tmp_path / "saved.db")
            after = [author.tried for author in authors]
            for author in authors:
                author.leaving = True
    serve(tmp_path / "new" / "home", other, "restore", tmp_path / "saved.db")
    shutil.copytree(tmp_path / "old" / "home" / "store" / "online", tmp_path / "new" / "home" / "store" / "online")
    with pytrust_server(tmp_path / "new", tls, *other) as server, asking(server) as connection:
        for author, known, tried in zip(authors, before, after, strict=True):
            author.known, author.tried = known, tried
        for team in made:
            examine(connection, team)


State = tuple[dict[str, dict[str, bytes]], list[tuple[str, int, str]]]


def state(connection: http.client.HTTPConnection) -> State:
    """All that a server shows: what each collection is, and all changes."""
    told = [(change["GUN"], change["Version"], change["SHA256"]) for change in feed(connection, "")]
    return {gun: whole(connection, Repository(gun)) for gun, _, _ in told}, told


def add_ballast(home: Path, store: list[str]) -> None:
    """So much that copying takes a while."""
    (home / "store").mkdir(mode=0o700, parents=True, exist_ok=True)
    name = CollectionName("example.org/ballast")
    with closing(open_store(store[1] if store else home / "store" / "store.db")) as opened:
        for number in range(1, 41):
            expires = datetime.now(UTC) + timedelta(days=9)
            with opened.writing(name) as transaction:
                transaction.put(name, RoleFile(RoleName("targets"), number, expires, b"%d" % number * 500_000))


def is_copying(home: Path, database: Postgres | None) -> Callable[[], bool]:
    """Whether anything has been written since now."""
    if database is not None:
        query = "SELECT 1 FROM pg_locks WHERE mode='ExclusiveLock' AND relation='files'::regclass"
        return lambda: bool(database.run(query, database="store"))
    log = home / "store" / "store.db-wal"
    before = log.stat().st_mtime_ns
    return lambda: log.stat().st_mtime_ns != before


def test_killed_while_restoring(
    tmp_path: Path, tls: ServerFiles, store: list[str], request: pytest.FixtureRequest
) -> None:
    """A server goes on meanwhile. Later and later is it killed, until it was too late."""
    database: Postgres | None = request.getfixturevalue("database") if store else None
    home, saved = tmp_path / "home", tmp_path / "saved.db"
    add_ballast(home, store)
    with pytrust_server(tmp_path, tls, *store) as server, asking(server) as connection:
        for team in teams(3, 1, 0):
            team.found(connection)
        serve(home, store, "backup", saved)
        new = state(connection)
        survived = 0
        for delay in (0, 0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 3.2):
            Team.of(f"example.org/later/{survived}", [], 0).found(connection)
            old = state(connection)
            code = restore_and_kill(tmp_path, home, store, is_copying(home, database), delay)
            found = state(connection)
            assert found == new or (code and found == old)
            survived += found == old
            if not code:
                break
        assert code == 0
        assert survived > 1


def restore_and_kill(folder: Path, home: Path, store: list[str], begun: Callable[[], bool], delay: float) -> int:
    """Kill it so long after it began to write; its exit code."""
    words = serve_words(home, store, "restore", "--replace", folder / "saved.db")
    restoring = start(words, log=folder / "restore.log")
    try:
        wait_until(lambda: begun() or not restoring.alive)
        restoring.process.wait(delay)
    except subprocess.TimeoutExpired:
        pass
    finally:
        kill(restoring)
    return restoring.process.returncode


# -- time ---------------------------------------------------------------------------------------------------------------

LEFT = "example.org/left/alone"


def test_a_year_without_a_server(tmp_path: Path, tls: ServerFiles) -> None:
    """All is made under a clock that is a year behind; that of the stock client is right."""
    need(clock.missing() or notary.missing())
    watch = Clock.at(tmp_path / "clock")
    watch.move(-365)
    with pytrust_server(tmp_path, tls, env=watch.environment) as server:
        found_long_ago(server, Repository(LEFT))
        said = listed(server, tmp_path, LEFT)
        assert said.code == 1
        assert "expired" in said.out + said.err
    with pytrust_server(tmp_path, tls) as server:
        said = listed(server, tmp_path, LEFT)
        assert said.code == 0, said
        assert [line.split()[0] for line in said.out.splitlines()[-1:]] == ["v1"]


def found_long_ago(server: TrustServer, repository: Repository) -> None:
    """With a root certificate that is older than any clock here shows."""
    root_key = signer_of(repository.root_key)
    made = datetime.now(UTC) - timedelta(days=400)
    carried = WireKey.carried(certify(root_key, repository.gun, now=made, life=timedelta(days=3650)))
    with asking(server) as connection:
        kept = [
            json.loads(ask(connection, "GET", f"{repository.base}{role}.key")) for role in ("timestamp", "snapshot")
        ]
        signed = json.loads(repository.root(*kept))["signed"]
        (young,) = signed["roles"]["root"]["keyids"]
        del signed["keys"][young]
        signed["keys"][carried.id] = carried.document()
        signed["roles"]["root"]["keyids"] = [carried.id]
        files = {"root": seal(signed, [(carried.id, root_key)]), "targets": repository.targets(2, ["v1"])}
        repository.upload(connection, files)


def listed(server: TrustServer, folder: Path, gun: str) -> Said:
    """What the stock client believes."""
    return NotaryClient(folder / "client", server.url, server.files.ca).attempt("list", gun)
