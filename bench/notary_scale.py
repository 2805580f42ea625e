"""What ``pytrust serve`` holds in memory, and what reads cost among many collections."""

from __future__ import annotations

import random
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from tests.rig.throwaway import ServerFiles, mint
from tests.rig.trust_server import TrustServer, pytrust_server

from bench.harness import alternate, report
from bench.notary_load import WRITERS, Writers, founded, hey, in_turns, wrk
from pytrust.trust.keys.online import load_online_keys
from pytrust.trust.keys.sealing import load_sealer
from pytrust.trust.server.service import TrustService
from pytrust.trust.store.open import open_store

_MEMORY_GOAL: Final = 150.0  # MB
_COLLECTIONS: Final = (10, 1_000, 20_000)
_NAMES: Final = 10
_TURNS: Final = f"""
local n = 0
request = function()
    n = (n + 1) % {_NAMES}
    return wrk.format("GET", "/v2/example.org/other/" .. (n + 1) .. "/_trust/tuf/timestamp.json")
end
"""


def memory() -> None:
    """What the largest process of the server holds after reads on many connections and a thousand publishes."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name:
        files = mint(Path(name) / "tls")
        with pytrust_server(Path(name) / "ours", files) as server:
            repository = founded("example.org/bench/memory", server)
            wrk(server, f"{repository.base}timestamp.json")
            hey(server, f"{repository.base}timestamp.json")
            Writers(server, WRITERS).run()
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
        rates = in_turns([partial(_wrk_turns, folder, server) for server in servers])
    peer = f"{_COLLECTIONS[0]} collections"
    for count, look, rate in zip(_COLLECTIONS[1:], looks[1:], rates[1:], strict=True):
        few = looks[0] * 1e6 / _NAMES
        report(f"serve.look_{count}", "us", look * 1e6 / _NAMES, 0.833, peer=few, peer_name=peer, ratio=looks[0] / look)
        report(f"serve.read_{count}", "req/s", rate, 0.833, peer=rates[0], peer_name=peer, ratio=rate / rates[0])


BENCHES: Final[dict[str, Callable[[], None]]] = {
    "serve.memory": memory,
    "serve.collections": collections,
}


def _crowded(folder: Path, files: ServerFiles, count: int) -> Path:
    """The home of a server that has the same collection under ``count`` names."""
    with pytrust_server(folder, files) as server:
        founded("example.org/other/0", server)
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


def _wrk_turns(folder: Path, server: TrustServer) -> float:
    script = folder / "turns.lua"
    script.write_text(_TURNS)
    return wrk(server, "/", "-s", script)


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in _family(int(child)))]


def _resident(pid: int) -> float:
    """Bytes of memory that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return float(found[1]) * 1024 if found else 0.0
