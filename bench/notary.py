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
    with _servers() as (ours, peer, _):
        repository = founded("example.org/bench/read", ours, peer)
        for bench, role, goal in (
            ("notary.get_timestamp", "timestamp", 1.0),
            ("notary.get_by_checksum", "targets", 0.5),
        ):
            _compare(bench, goal, wrk, [(server, place(server, repository, role)) for server in (ours, peer)])


def fresh() -> None:
    """The same with a TLS connection for each request, as docker and notary do."""
    with _servers() as (ours, peer, _):
        repository = founded("example.org/bench/fresh", ours, peer)
        target = f"{repository.base}timestamp.json"
        _compare("notary.get_new_connection", 0.7, hey, [(server, target) for server in (ours, peer)])


def publish_sqlite() -> None:
    """One writer beside one; eight beside the best that the real server does without losing any, which is one.

    As it comes, the real server does not wait for the disk, so that a power failure takes back what it acknowledged. It
    is measured so, and waiting as ours does.
    """
    with _servers() as (ours, peer, durable):
        loads = [Writers(ours, 1), Writers(ours, WRITERS), Writers(peer, 1), Writers(durable, 1)]
        one, eight, *peers = in_turns([load.run for load in loads])
    for name, rate in zip((_PEER, f"{_PEER}, synchronous=FULL"), peers, strict=True):
        _report("notary.publish_sqlite_1", one, 0.7, rate, name)
        _report("notary.publish_sqlite_8", eight, 1.5, rate, f"{name}, 1 writer")


def publish_postgresql() -> None:
    """Eight writers, both servers on one PostgreSQL; a round in which the real one dies is done again."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name, ExitStack() as stack:
        folder, database = Path(name), stack.enter_context(private_postgres())
        files = mint(folder / "tls")
        ours = stack.enter_context(pytrust_server(folder / "ours", files, "--store", database.empty()))
        backing = notary.postgresql(_notary_database(database))
        peer = partial(_surviving, folder / "real", files, backing)
        rate, peer_rate = in_turns([Writers(ours, WRITERS).run, peer])
    _report("notary.publish_postgresql", rate, 2.0, peer_rate, _PEER)


BENCHES: Final[dict[str, Callable[[], None]]] = {
    "notary.reads": reads,
    "notary.fresh": fresh,
    "notary.publish_sqlite": publish_sqlite,
    "notary.publish_postgresql": publish_postgresql,
    **notary_scale.BENCHES,
    **notary_sign.BENCHES,
}


@contextmanager
def _servers() -> Iterator[tuple[TrustServer, TrustServer, TrustServer]]:
    """Ours and the real one, both with SQLite; and the real one again, waiting for the disk."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name, ExitStack() as stack:
        folder, program = Path(name), notary_build.sqlite_notary_server()
        files = mint(folder / "tls")
        ours = stack.enter_context(pytrust_server(folder / "ours", files))
        backings = [
            notary.sqlite(folder / f"{word}.db", program, durable=word == "durable") for word in ("as-is", "durable")
        ]
        peers = [notary.notary_server(folder / f"real-{at}", files, backing) for at, backing in enumerate(backings)]
        as_is, durable = map(stack.enter_context, peers)
        yield ours, as_is, durable


def _notary_database(database: Postgres) -> str:
    """The URL of a database with the real server's tables."""
    database.run("CREATE DATABASE notary")
    database.run(notary.POSTGRESQL_TABLES, database="notary")
    return f"postgresql://pytrust@127.0.0.1:{database.port}/notary?sslmode=disable"


def _compare(bench: str, goal: float, load: Load, places: Sequence[tuple[TrustServer, str]]) -> None:
    ours, peer = in_turns([partial(load, server, target) for server, target in places])
    report(bench, "req/s", ours, goal, peer=peer, peer_name=_PEER, ratio=ours / peer)


def _report(bench: str, rate: float, goal: float, peer: float, name: str) -> None:
    report(bench, "publishes/s", rate, goal, peer=peer, peer_name=name, ratio=rate / peer)


def _surviving(folder: Path, files: ServerFiles, backing: notary.Backing) -> float:
    """Publishes a second of the real server with eight writers, which may kill it: its cache is a map without lock."""
    for _ in range(_LIVES):
        with notary.notary_server(folder, files, backing) as server, suppress(LostPublish):
            return Writers(server, WRITERS).run()
    raise LostPublish(f"the real server died {_LIVES} times")
