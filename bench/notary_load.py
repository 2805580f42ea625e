"""Load on trust servers: reads by wrk and hey, and uploads that are signed in advance."""

from __future__ import annotations

import http.client
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.rig.notary_repository import Repository, ask
from tests.rig.processes import RigError, environment
from tests.rig.trust_server import TrustServer, connect

WRITERS: Final = 8
TAGS: Final = [f"v{number}" for number in range(20)]
_CONNECTIONS: Final = 16
_ROUNDS: Final = 5
_SECONDS: Final = 2
_UPLOADS: Final = 150  # of one writer in one round


class LostPublish(Exception):
    """A publish was not acknowledged."""


class Writers:
    """Each has a collection and a kept-alive connection; every upload is signed in advance and has to succeed."""

    _count = 0

    def __init__(self, server: TrustServer, writers: int) -> None:
        self._server = server
        Writers._count += 1
        names = [f"example.org/bench/writer{Writers._count}-{number}" for number in range(writers)]
        self._repositories = [founded(name, server) for name in names]
        self._version = 3

    def run(self) -> float:
        """Publishes a second."""
        versions = range(self._version, self._version + _UPLOADS)
        self._version += _UPLOADS
        ready = [[item.targets(version, TAGS) for version in versions] for item in self._repositories]
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


def founded(gun: str, *servers: TrustServer) -> Repository:
    """A collection of twenty tags on each server."""
    repository = Repository(gun)
    for server in servers:
        with closing(connect(server.port, server.files)) as connection:
            repository.found(connection, TAGS)
    return repository


def place(server: TrustServer, repository: Repository, role: str) -> str:
    """Where clients get a file: the timestamp by its name, all others by checksum."""
    if role == "timestamp":
        return f"{repository.base}timestamp.json"
    with closing(connect(server.port, server.files)) as connection:
        digest = sha256(ask(connection, "GET", f"{repository.base}{role}.json")).hexdigest()
    return f"{repository.base}{role}.{digest}.json"


def in_turns(loads: Sequence[Callable[[], float]]) -> list[float]:
    """The median rate of each, after one round to warm up."""
    rates: list[list[float]] = [[] for _ in loads]
    for number in range(_ROUNDS + 1):
        for found, load in zip(rates, loads, strict=True):
            rate = load()
            if number:
                found.append(rate)
    return [statistics.median(found) for found in rates]


def wrk(server: TrustServer, target: str, *words: str | Path) -> float:
    """Requests a second on kept-alive connections."""
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}", *words, f"{server.url}{target}"]
    said = _said(command)
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    return _rate(said)


def hey(server: TrustServer, target: str) -> float:
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
