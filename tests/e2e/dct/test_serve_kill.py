"""A server that is killed while two hundred publish at once: what it acknowledged is there, and nothing is half there."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.rig import notary, postgres
from tests.rig.needs import need
from tests.rig.notary_client import NotaryClient
from tests.rig.notary_repository import Repository, ask
from tests.rig.processes import RigError
from tests.rig.throwaway import ServerFiles
from tests.rig.trust_server import TrustServer, connect, pytrust_server

WRITERS = 200
ACKNOWLEDGED = 300
TAGS = ["v1", "v2"]


@dataclass(slots=True)
class Writer:
    """Publishes one version after the other; ``known`` is the last that was acknowledged."""

    repository: Repository
    known: int = 2
    tried: int = 2
    refused: list[str] = field(default_factory=list)

    def write(self, server: TrustServer, ready: threading.Barrier) -> None:
        """Until the server is gone."""
        with closing(connect(server.port, server.files)) as connection:
            ready.wait()
            try:
                while True:
                    self.tried = self.known + 1
                    self.repository.upload(connection, {"targets": self.repository.targets(self.tried, TAGS)})
                    self.known = self.tried
            except (OSError, http.client.HTTPException):
                return
            except RigError as error:
                self.refused.append(str(error))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """How the server is told of its store."""
    if request.param == "sqlite":
        yield []
        return
    need(postgres.missing())
    with postgres.private_postgres() as database:
        yield ["--store", database.empty(), "--workers", "2"]


def test_killed_while_many_publish(tmp_path: Path, tls: ServerFiles, store: list[str]) -> None:
    need(notary.missing())
    writers = [Writer(Repository(f"example.org/kill/{number}")) for number in range(WRITERS)]
    with pytrust_server(tmp_path / "server", tls, *store) as server:
        with closing(connect(server.port, tls)) as connection:
            for writer in writers:
                writer.repository.found(connection, TAGS)
        publish_until_killed(writers, server)
    assert not [refusal for writer in writers for refusal in writer.refused]
    with pytrust_server(tmp_path / "server", tls, *store) as server, closing(connect(server.port, tls)) as connection:
        for writer in writers:
            check(connection, writer)
        for writer in writers[::20]:
            assert listed(server, tmp_path, writer.repository.gun) == ["v1", "v2"]


def publish_until_killed(writers: list[Writer], server: TrustServer) -> None:
    """All processes at once, in the middle of it."""
    ready = threading.Barrier(len(writers) + 1)
    threads = [threading.Thread(target=writer.write, args=(server, ready)) for writer in writers]
    for thread in threads:
        thread.start()
    ready.wait()
    end = time.monotonic() + 60
    while sum(writer.known - 2 for writer in writers) < ACKNOWLEDGED and time.monotonic() < end:
        time.sleep(0.005)
    os.killpg(server.daemon.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert sum(writer.known - 2 for writer in writers) >= ACKNOWLEDGED


def check(connection: http.client.HTTPConnection, writer: Writer) -> None:
    """One consistent view, of a version that was at least acknowledged; each one before it; and the next can come."""
    base = writer.repository.base
    timestamp = signed(ask(connection, "GET", f"{base}timestamp.json"))
    snapshot = named(connection, base, "snapshot", timestamp)
    targets = named(connection, base, "targets", snapshot)
    assert targets["version"] in {writer.known, writer.tried}
    for version in range(2, targets["version"] + 1):
        assert signed(ask(connection, "GET", f"{base}{version}.targets.json"))["version"] == version
    place = f"/v2/{writer.repository.gun}/_trust/changefeed?records=1000"
    changes = json.loads(ask(connection, "GET", place))["records"]
    assert [change["Version"] for change in changes] == list(range(1, timestamp["version"] + 1))
    assert timestamp["version"] == targets["version"] - 1
    writer.repository.upload(connection, {"targets": writer.repository.targets(targets["version"] + 1, TAGS)})


def named(connection: http.client.HTTPConnection, base: str, role: str, by: dict[str, Any]) -> dict[str, Any]:
    """The file that another one names, by its checksum."""
    wanted = base64.b64decode(by["meta"][role]["hashes"]["sha256"])
    data = ask(connection, "GET", f"{base}{role}.{wanted.hex()}.json")
    assert sha256(data).digest() == wanted
    return signed(data)


def signed(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data)["signed"]
    return found


def listed(server: TrustServer, folder: Path, gun: str) -> list[str]:
    """The tags that the stock client believes."""
    said = NotaryClient(folder / "client", server.url, server.files.ca).attempt("list", gun)
    assert said.code == 0, said
    return [line.split()[0] for line in said.out.splitlines() if line.endswith(" targets")]
