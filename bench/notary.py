"""``pytrust serve`` beside the real notary-server, on the same kind of storage, with the same requests in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from tests.rig import notary, notary_build
from tests.rig.postgres import Postgres, private_postgres
from tests.rig.throwaway import ServerFiles, mint
from tests.rig.trust_server import TrustServer, pytrust_server

from bench import notary_scale, notary_sign
from bench.harness import report
from bench.notary_load import WRITERS, LostPublish, Writers, founded, hey, in_turns, place, wrk

_LIVES: Final = 5
_PEER: Final = "notary-server"

Load = Callable[[TrustServer, str], float]


def reads() -> None:
    """What clients get most, on 16 kept-alive connections."""
    with _pair() as (ours, peer):
        repository = founded("example.org/bench/read", ours, peer)
        for bench, role, goal in (
            ("notary.get_timestamp", "timestamp", 1.0),
            ("notary.get_by_checksum", "targets", 0.5),
        ):
            _compare(bench, goal, wrk, [(server, place(server, repository, role)) for server in (ours, peer)])


def fresh() -> None:
    """The same with a TLS connection for each request, as docker and notary do."""
    with _pair() as (ours, peer):
        repository = founded("example.org/bench/fresh", ours, peer)
        target = f"{repository.base}timestamp.json"
        _compare("notary.get_new_connection", 0.7, hey, [(server, target) for server in (ours, peer)])


def publish_sqlite() -> None:
    """One writer beside one; eight beside the best that the real server does without losing any, which is one."""
    with _pair() as (ours, peer):
        _publish("notary.publish_sqlite_1", 0.7, (ours, 1), (peer, 1))
        _publish("notary.publish_sqlite_8", 1.5, (ours, WRITERS), (peer, 1))


def publish_postgresql() -> None:
    """Eight writers, both servers on one PostgreSQL; a round in which the real one dies is done again."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name, ExitStack() as stack:
        folder, database = Path(name), stack.enter_context(private_postgres())
        files = mint(folder / "tls")
        ours = stack.enter_context(pytrust_server(folder / "ours", files, "--store", database.empty()))
        backing = notary.postgresql(_notary_database(database))
        peer = partial(_surviving, folder / "real", files, backing)
        rate, peer_rate = in_turns([Writers(ours, WRITERS).run, peer])
    report(
        "notary.publish_postgresql", "publishes/s", rate, 2.0, peer=peer_rate, peer_name=_PEER, ratio=rate / peer_rate
    )


BENCHES: Final[dict[str, Callable[[], None]]] = {
    "notary.reads": reads,
    "notary.fresh": fresh,
    "notary.publish_sqlite": publish_sqlite,
    "notary.publish_postgresql": publish_postgresql,
    **notary_scale.BENCHES,
    **notary_sign.BENCHES,
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


def _compare(bench: str, goal: float, load: Load, places: Sequence[tuple[TrustServer, str]]) -> None:
    ours, peer = in_turns([partial(load, server, target) for server, target in places])
    report(bench, "req/s", ours, goal, peer=peer, peer_name=_PEER, ratio=ours / peer)


def _publish(bench: str, goal: float, ours: tuple[TrustServer, int], peer: tuple[TrustServer, int]) -> None:
    loads = [Writers(*ours), Writers(*peer)]
    rate, peer_rate = in_turns([load.run for load in loads])
    name = f"{_PEER}, {peer[1]} writer" if peer[1] != ours[1] else _PEER
    report(bench, "publishes/s", rate, goal, peer=peer_rate, peer_name=name, ratio=rate / peer_rate)


def _surviving(folder: Path, files: ServerFiles, backing: notary.Backing) -> float:
    """Publishes a second of the real server with eight writers, which may kill it: its cache is a map without lock."""
    for _ in range(_LIVES):
        with notary.notary_server(folder, files, backing) as server, suppress(LostPublish):
            return Writers(server, WRITERS).run()
    raise LostPublish(f"the real server died {_LIVES} times")
