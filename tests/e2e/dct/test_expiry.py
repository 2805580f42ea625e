"""Time passes for a server: whoever asks for what is over gets a new one, signed as the root says, and all get the same."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.notary_reader import check
from tests.rig import clock
from tests.rig.clock import Clock
from tests.rig.needs import need
from tests.rig.notary_repository import Repository, ask
from tests.rig.throwaway import ServerFiles
from tests.rig.trust_server import TrustServer, connect, pytrust_server

READERS = 16
FORTNIGHT, YEARS = 14, 3 * 365  # how long a server's timestamp and snapshot are good for


@dataclass(frozen=True, slots=True)
class Scene:
    server: TrustServer
    repository: Repository

    def get(self, file: str) -> bytes:
        with closing(connect(self.server.port, self.server.files)) as connection:
            return ask(connection, "GET", f"{self.repository.base}{file}")

    def at_once(self, file: str) -> dict[str, Any]:
        """What many get who ask at the same moment: one file."""
        with ThreadPoolExecutor(READERS) as pool:
            (found,) = set(pool.map(self.get, [file] * READERS))
        signed: dict[str, Any] = json.loads(found)["signed"]
        return signed

    def feed(self) -> list[int]:
        with closing(connect(self.server.port, self.server.files)) as connection:
            answer = ask(connection, "GET", f"/v2/{self.repository.gun}/_trust/changefeed?records=100")
        return [change["Version"] for change in json.loads(answer)["records"]]


@pytest.mark.parametrize(("ago", "snapshots"), [(FORTNIGHT - 1, 1), (FORTNIGHT + 1, 1), (YEARS + 1, 2)])
@pytest.mark.parametrize(
    ("store", "first"),
    [("sqlite", "timestamp.json"), ("sqlite", "snapshot.json"), ("postgresql", "timestamp.json")],
    indirect=["store"],
)
def test_what_is_over_is_signed_anew(
    tmp_path: Path, tls: ServerFiles, store: list[str], ago: int, snapshots: int, first: str
) -> None:
    need(clock.missing())
    repository, time = Repository("example.org/time/passes"), Clock.at(tmp_path / "clock")
    time.move(-ago)
    with (
        pytrust_server(tmp_path / "server", tls, *store, env=time.environment) as server,
        closing(connect(server.port, tls)) as connection,
    ):
        repository.found(connection, ["v1"])
    timestamps = 2 if ago > FORTNIGHT else 1
    with pytrust_server(tmp_path / "server", tls, *store, "--workers", "2") as server:
        scene = Scene(server, repository)
        scene.at_once(first)
        timestamp, snapshot = scene.at_once("timestamp.json"), scene.at_once("snapshot.json")
        assert (timestamp["version"], snapshot["version"]) == (timestamps, snapshots)
        assert days_left(timestamp) == pytest.approx(FORTNIGHT if ago > FORTNIGHT else 1, abs=0.1)
        assert days_left(snapshot) == pytest.approx(YEARS if ago > YEARS else YEARS - ago, abs=2)
        roles = ("root", "targets", "snapshot", "timestamp")
        check({role: scene.get(f"{role}.json") for role in roles})
        assert scene.feed() == list(range(1, timestamps + 1))


def days_left(signed: dict[str, Any]) -> float:
    """Until a file is over."""
    end = datetime.fromisoformat(signed["expires"].split(".")[0].rstrip("Z")).replace(tzinfo=UTC)
    return (end - datetime.now(UTC)) / timedelta(days=1)
