"""``pytrust serve`` beside the real notary-server, on the same kind of storage, with the same requests in one run."""

from __future__ import annotations

import http.client
import random
import re
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.rig import notary, notary_build
from tests.rig.notary_repository import Repository, ask
from tests.rig.postgres import Postgres, private_postgres
from tests.rig.processes import RigError, environment
from tests.rig.throwaway import ServerFiles, mint
from tests.rig.trust_server import TrustServer, connect, pytrust_server

from bench.harness import alternate, report
from pytrust.trust.keys.online import load_online_keys
from pytrust.trust.keys.sealing import load_sealer
from pytrust.trust.server.service import TrustService
from pytrust.trust.store.open import open_store

_CONNECTIONS: Final = 16
_ROUNDS: Final = 5
_SECONDS: Final = 2
_TAGS: Final = [f"v{number}" for number in range(20)]
_UPLOADS: Final = 150  # of one writer in one round
_WRITERS: Final = 8
_LIVES: Final = 5
_MEMORY_GOAL: Final = 150.0  # MB
_COLLECTIONS: Final = (10, 1_000, 20_000)
_NAMES: Final = 10
_PEER: Final = "notary-server"
_TURNS: Final = f"""
local n = 0
request = function()
    n = (n + 1) % {_NAMES}
    return wrk.format("GET", "/v2/example.org/other/" .. (n + 1) .. "/_trust/tuf/timestamp.json")
end
"""

Load = Callable[[TrustServer, str], float]


def reads() -> None:
    """What clients get most, on 16 kept-alive connections."""
    with _pair() as (ours, peer):
        repository = _founded("example.org/bench/read", ours, peer)
        for bench, role, goal in (
            ("notary.get_timestamp", "timestamp", 1.0),
            ("notary.get_by_checksum", "targets", 0.5),
        ):
            _compare(bench, goal, _wrk, [(server, _place(server, repository, role)) for server in (ours, peer)])


def fresh() -> None:
    """The same with a TLS connection for each request, as docker and notary do."""
    with _pair() as (ours, peer):
        repository = _founded("example.org/bench/fresh", ours, peer)
        target = f"{repository.base}timestamp.json"
        _compare("notary.get_new_connection", 0.7, _hey, [(server, target) for server in (ours, peer)])


def publish_sqlite() -> None:
    """One writer beside one; eight beside the best that the real server does without losing any, which is one."""
    with _pair() as (ours, peer):
        _publish("notary.publish_sqlite_1", 0.7, (ours, 1), (peer, 1))
        _publish("notary.publish_sqlite_8", 1.5, (ours, _WRITERS), (peer, 1))


def publish_postgresql() -> None:
    """Eight writers, both servers on one PostgreSQL; a round in which the real one dies is done again."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name, ExitStack() as stack:
        folder, database = Path(name), stack.enter_context(private_postgres())
        files = mint(folder / "tls")
        ours = stack.enter_context(pytrust_server(folder / "ours", files, "--store", database.empty()))
        backing = notary.postgresql(_notary_database(database))
        peer = partial(_surviving, folder / "real", files, backing)
        rate, peer_rate = _in_turns([_Writers(ours, _WRITERS).run, peer])
    report(
        "notary.publish_postgresql", "publishes/s", rate, 2.0, peer=peer_rate, peer_name=_PEER, ratio=rate / peer_rate
    )


def memory() -> None:
    """What the largest process of the server holds after reads on many connections and a thousand publishes."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name:
        files = mint(Path(name) / "tls")
        with pytrust_server(Path(name) / "ours", files) as server:
            repository = _founded("example.org/bench/memory", server)
            _wrk(server, f"{repository.base}timestamp.json")
            _hey(server, f"{repository.base}timestamp.json")
            _Writers(server, _WRITERS).run()
            used = max(map(_resident, _family(server.daemon.pid))) / 1e6
    report("serve.memory", "MB", used, 1.0, ratio=_MEMORY_GOAL / used)


def collections() -> None:
    """Timestamps that a server process has not read yet, and ten that it has, beside a server that has only ten."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        files = mint(folder / "tls")
        homes = [_crowded(folder / str(count), files, count) for count in _COLLECTIONS]
        looks = alternate(*(stack.enter_context(_cold(home, n)) for home, n in zip(homes, _COLLECTIONS, strict=True)))
        servers = [stack.enter_context(pytrust_server(home.parent, files)) for home in homes]
        rates = _in_turns([partial(_wrk_turns, folder, server) for server in servers])
    peer = f"{_COLLECTIONS[0]} collections"
    for count, look, rate in zip(_COLLECTIONS[1:], looks[1:], rates[1:], strict=True):
        few = looks[0] * 1e6 / _NAMES
        report(f"serve.look_{count}", "us", look * 1e6 / _NAMES, 0.833, peer=few, peer_name=peer, ratio=looks[0] / look)
        report(f"serve.read_{count}", "req/s", rate, 0.833, peer=rates[0], peer_name=peer, ratio=rate / rates[0])


BENCHES: Final[dict[str, Callable[[], None]]] = {
    "notary.reads": reads,
    "notary.fresh": fresh,
    "notary.publish_sqlite": publish_sqlite,
    "notary.publish_postgresql": publish_postgresql,
    "serve.memory": memory,
    "serve.collections": collections,
}


@contextmanager
def _pair() -> Iterator[tuple[TrustServer, TrustServer]]:
    """Ours and the real one, both with SQLite."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        files = mint(folder / "tls")
        backing = notary.sqlite(folder / "notary.db", notary_build.sqlite_notary_server())
        ours = stack.enter_context(pytrust_server(folder / "ours", files))
        yield ours, stack.enter_context(notary.notary_server(folder / "real", files, backing))


def _notary_database(database: Postgres) -> str:
    """The URL of a database with the real server's tables."""
    database.run("CREATE DATABASE notary")
    database.run(notary.POSTGRESQL_TABLES, database="notary")
    return f"postgresql://pytrust@127.0.0.1:{database.port}/notary?sslmode=disable"


def _founded(gun: str, *servers: TrustServer) -> Repository:
    """A collection of twenty tags on each server."""
    repository = Repository(gun)
    for server in servers:
        with closing(connect(server.port, server.files)) as connection:
            repository.found(connection, _TAGS)
    return repository


def _place(server: TrustServer, repository: Repository, role: str) -> str:
    """Where clients get a file: the timestamp by its name, all others by checksum."""
    if role == "timestamp":
        return f"{repository.base}timestamp.json"
    with closing(connect(server.port, server.files)) as connection:
        digest = sha256(ask(connection, "GET", f"{repository.base}{role}.json")).hexdigest()
    return f"{repository.base}{role}.{digest}.json"


def _compare(bench: str, goal: float, load: Load, places: Sequence[tuple[TrustServer, str]]) -> None:
    ours, peer = _in_turns([partial(load, server, target) for server, target in places])
    report(bench, "req/s", ours, goal, peer=peer, peer_name=_PEER, ratio=ours / peer)


def _publish(bench: str, goal: float, ours: tuple[TrustServer, int], peer: tuple[TrustServer, int]) -> None:
    loads = [_Writers(*ours), _Writers(*peer)]
    rate, peer_rate = _in_turns([load.run for load in loads])
    name = f"{_PEER}, {peer[1]} writer" if peer[1] != ours[1] else _PEER
    report(bench, "publishes/s", rate, goal, peer=peer_rate, peer_name=name, ratio=rate / peer_rate)


def _surviving(folder: Path, files: ServerFiles, backing: notary.Backing) -> float:
    """Publishes a second of the real server with eight writers, which may kill it: its cache is a map without lock."""
    for _ in range(_LIVES):
        with notary.notary_server(folder, files, backing) as server, suppress(LostPublish):
            return _Writers(server, _WRITERS).run()
    raise LostPublish(f"the real server died {_LIVES} times")


def _in_turns(loads: Sequence[Callable[[], float]]) -> list[float]:
    """The median rate of each, after one round to warm up."""
    rates: list[list[float]] = [[] for _ in loads]
    for number in range(_ROUNDS + 1):
        for found, load in zip(rates, loads, strict=True):
            rate = load()
            if number:
                found.append(rate)
    return [statistics.median(found) for found in rates]


def _wrk(server: TrustServer, target: str, *words: str | Path) -> float:
    """Requests a second on kept-alive connections."""
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}", *words, f"{server.url}{target}"]
    said = _said(command)
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    return _rate(said)


def _wrk_turns(folder: Path, server: TrustServer) -> float:
    script = folder / "turns.lua"
    script.write_text(_TURNS)
    return _wrk(server, "/", "-s", script)


def _hey(server: TrustServer, target: str) -> float:
    """Requests a second, each on a connection of its own; hey says in its hello what -host says, else host and port."""
    words = ["-z", f"{_SECONDS}s", "-c", f"{_CONNECTIONS}", "-disable-keepalive", "-host", "localhost"]
    said = _said(["hey", *words, f"{server.url}{target}"])
    assert re.search(r"\[200\]\s+\d+ responses", said), said
    assert said.count(" responses") == 1, said
    return _rate(said)


def _said(command: Sequence[str | Path]) -> str:
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout


def _rate(said: str) -> float:
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None, said
    return float(found[1])


class LostPublish(Exception):
    """A publish was not acknowledged."""


class _Writers:
    """Each has a collection and a kept-alive connection; every upload is signed in advance and has to succeed."""

    _count = 0

    def __init__(self, server: TrustServer, writers: int) -> None:
        self._server = server
        _Writers._count += 1
        names = [f"example.org/bench/writer{_Writers._count}-{number}" for number in range(writers)]
        self._repositories = [_founded(name, server) for name in names]
        self._version = 3

    def run(self) -> float:
        """Publishes a second."""
        versions = range(self._version, self._version + _UPLOADS)
        self._version += _UPLOADS
        ready = [[item.targets(version, _TAGS) for version in versions] for item in self._repositories]
        failed: list[Exception] = []
        started = threading.Barrier(len(ready) + 1)
        threads = [
            threading.Thread(target=self._write, args=(repository, files, started, failed))
            for repository, files in zip(self._repositories, ready, strict=True)
        ]
        for thread in threads:
            thread.start()
        started.wait()
        begun = time.perf_counter()
        for thread in threads:
            thread.join()
        if failed:
            raise LostPublish(str(failed))
        return _UPLOADS * len(threads) / (time.perf_counter() - begun)

    def _write(
        self, repository: Repository, files: Sequence[bytes], started: threading.Barrier, failed: list[Exception]
    ) -> None:
        with closing(connect(self._server.port, self._server.files)) as connection:
            ask(connection, "GET", f"{repository.base}timestamp.json")
            started.wait()
            try:
                for data in files:
                    repository.upload(connection, {"targets": data})
            except (RigError, OSError, http.client.HTTPException) as error:
                failed.append(error)


def _crowded(folder: Path, files: ServerFiles, count: int) -> Path:
    """The home of a server that has the same collection under ``count`` names."""
    with pytrust_server(folder, files) as server:
        _founded("example.org/other/0", server)
    _multiply(folder / "home" / "store" / "store.db", count)
    return folder / "home"


@contextmanager
def _cold(home: Path, count: int) -> Iterator[Callable[[], object]]:
    """A look at ten timestamps, anywhere among ``count`` collections, by a service that has read nothing yet."""
    online = home / "store" / "online"
    with closing(open_store(home / "store" / "store.db")) as store:
        keys, sealer = load_online_keys(online), load_sealer(online)

        def look() -> None:
            service = TrustService(store, keys, sealer, now=lambda: datetime.now(UTC))
            for number in random.sample(range(1, count + 1), _NAMES):
                assert service.current(f"example.org/other/{number}", "timestamp") is not None

        yield look


def _multiply(store: Path, times: int) -> None:
    """Copy the rows of the one collection."""
    with closing(sqlite3.connect(store)) as database, database:
        for table in ("files", "current"):
            listed = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            columns = ", ".join(name for name in listed if name != "collection")
            database.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) "
                f"INSERT INTO {table} (collection, {columns}) "
                f"SELECT 'example.org/other/' || i, {columns} FROM {table}, n"
            )


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in _family(int(child)))]


def _resident(pid: int) -> float:
    """Bytes of memory that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return float(found[1]) * 1024 if found else 0.0
