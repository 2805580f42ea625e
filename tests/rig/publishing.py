"""Many who publish through a trust server at once, and a strict look at what is there afterwards.

A team shares one collection, and each author in it signs for a delegation of his own. All files are signed in advance.
What must be there follows from what was sent and what was acknowledged, not from what the server says of itself.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric import ec
from tests.fakes.notary_reader import check
from tests.fakes.notary_repository import seal
from tests.rig.notary_repository import Repository, ask
from tests.rig.processes import RigError, Running
from tests.rig.trust_server import TrustServer, connect

from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.signers import signer_of

FIRST: Final = 2
"""The version of a team's targets, as clients make it."""
_FEED_MAX: Final = 1000


@dataclass(slots=True)
class Author:
    """Publishes one role, a version after the other; version ``n`` is ``files[n - 1]``.

    Attributes:
        tried: the newest version that was sent.
        known: the newest that was acknowledged.
        refused: what the server said no to.
        leaving: whether to stop before the next.
    """

    repository: Repository
    role: str
    key: ec.EllipticCurvePrivateKey
    files: list[bytes]
    tried: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    leaving: bool = False

    def publish(self, connection: http.client.HTTPConnection) -> None:
        """The next version; raises ``RigError`` or ``OSError`` unless it is acknowledged."""
        self.tried = self.known + 1
        self.repository.upload(connection, {self.role: self.files[self.known]})
        self.known = self.tried

    def work(self, server: TrustServer) -> None:
        """Publish what is ready, until the server is gone or says no."""
        try:
            with closing(connect(server.port, server.files)) as connection:
                while self.known < len(self.files) and not self.leaving:
                    self.publish(connection)
        except (OSError, http.client.HTTPException):
            return
        except RigError as error:
            self.refused.append(str(error))


@dataclass(slots=True)
class Team:
    """A collection and its authors, who have to be told of in its targets."""

    repository: Repository
    authors: list[Author]
    root: bytes = b""

    @classmethod
    def of(cls, gun: str, names: Iterable[str], versions: int) -> Self:
        """One with keys of its own; each author has so many versions ready."""
        repository = Repository(gun)
        return cls(repository, [_author(repository, f"targets/{name}", versions) for name in names])

    def found(self, connection: http.client.HTTPConnection) -> None:
        """Publish the root, and targets that delegate to the authors."""
        base = self.repository.base
        keys = [json.loads(ask(connection, "GET", f"{base}{role}.key")) for role in ("timestamp", "snapshot")]
        self.root = self.repository.root(*keys)
        self.repository.upload(connection, {"root": self.root, "targets": self._targets()})

    def _targets(self) -> bytes:
        keys = {author.role: WireKey.plain(signer_of(author.key).public) for author in self.authors}
        roles = [{"keyids": [key.id], "name": role, "paths": [""], "threshold": 1} for role, key in keys.items()]
        signed = json.loads(self.repository.targets(FIRST, []))["signed"]
        signed["delegations"] = {"keys": {key.id: key.document() for key in keys.values()}, "roles": roles}
        own = signer_of(self.repository.targets_key)
        return seal(signed, [(WireKey.plain(own.public).id, own)])


def _author(repository: Repository, role: str, versions: int) -> Author:
    signs = Repository(repository.gun, targets_key=ec.generate_private_key(ec.SECP256R1()))
    files = [signs.targets(version, [role]) for version in range(1, versions + 1)]
    return Author(repository, role, signs.targets_key, files)


def teams(count: int, authors: int, versions: int, below: str = "example.org/teams") -> list[Team]:
    """So many teams, each with so many authors."""
    names = [f"author{number}" for number in range(authors)]
    return [Team.of(f"{below}/{number}", names, versions) for number in range(count)]


def authors_of(made: Iterable[Team]) -> list[Author]:
    """All of them."""
    return [author for team in made for author in team.authors]


@contextmanager
def asking(server: TrustServer) -> Iterator[http.client.HTTPSConnection]:
    """One kept-alive connection."""
    with closing(connect(server.port, server.files)) as connection:
        yield connection


@contextmanager
def working(authors: Sequence[Author], *servers: TrustServer) -> Iterator[None]:
    """All authors publish at once, each through one of the servers; when the block is left, they have finished."""
    ready = threading.Barrier(len(authors) + 1)

    def work(author: Author, server: TrustServer) -> None:
        ready.wait()
        author.work(server)

    pairs = [(author, servers[number % len(servers)]) for number, author in enumerate(authors)]
    threads = [threading.Thread(target=work, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    ready.wait()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def acknowledged(authors: Iterable[Author]) -> int:
    """How many publishes were."""
    return sum(author.known for author in authors)


def wait_until(holds: Callable[[], bool], within: float = 30) -> None:
    """Wait, looking every millisecond; raises ``RigError`` when the time is over."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() > end:
            raise RigError(f"it did not happen within {within:g} s")
        time.sleep(0.001)


def kill(daemon: Running) -> None:
    """End all processes of a command at once, if it runs still, so that none of them can do or say anything more."""
    with suppress(ProcessLookupError):
        os.killpg(daemon.pid, signal.SIGKILL)
    daemon.process.wait(10)


def examine(connection: http.client.HTTPConnection, team: Team) -> None:
    """Assert that a collection is one whole, holds what was acknowledged, and nothing that was not sent."""
    base, files = team.repository.base, whole(connection, team.repository)
    present = {author.role: _version(files.get(author.role)) for author in team.authors}
    assert check(files, [team.root]) == {role for role, version in present.items() if version}
    assert files["root"] == team.root
    for author in team.authors:
        assert author.known <= present[author.role] <= author.tried, author.role
        for version in range(1, present[author.role] + 1):
            assert ask(connection, "GET", f"{base}{version}.{author.role}.json") == author.files[version - 1]
    _examine_history(connection, team.repository, 1 + sum(present.values()))


def whole(connection: http.client.HTTPConnection, repository: Repository) -> dict[str, bytes]:
    """What the current timestamp leads to, by role, each file asked for by its checksum."""
    files = {"timestamp": ask(connection, "GET", f"{repository.base}timestamp.json")}
    for above in ("timestamp", "snapshot"):
        for role, item in _signed(files[above])["meta"].items():
            digest = b64decode(item["hashes"]["sha256"]).hex()
            files[role] = ask(connection, "GET", f"{repository.base}{role}.{digest}.json")
    return files


def feed(connection: http.client.HTTPConnection, place: str, after: int = 0) -> list[dict[str, Any]]:
    """All changes of a collection (``place`` is its name and a slash) or, without a place, of all."""
    query = f"change_id={after}&records={_FEED_MAX}"
    found = json.loads(ask(connection, "GET", f"/v2/{place}_trust/changefeed?{query}"))["records"] or []
    return [*found, *feed(connection, place, int(found[-1]["ID"]))] if len(found) == _FEED_MAX else found


def _examine_history(connection: http.client.HTTPConnection, repository: Repository, publishes: int) -> None:
    """One snapshot and one timestamp for each publish, without a gap, and one entry of the feed."""
    timestamps = _versions(connection, repository, "timestamp", publishes)
    snapshots = _versions(connection, repository, "snapshot", publishes)
    for timestamp, snapshot in zip(timestamps, snapshots, strict=True):
        named = _signed(timestamp)["meta"]["snapshot"]["hashes"]["sha256"]
        assert b64decode(named) == sha256(snapshot).digest()
    told = [(change["Version"], change["SHA256"]) for change in feed(connection, f"{repository.gun}/")]
    assert told == [(number, sha256(data).hexdigest()) for number, data in enumerate(timestamps, 1)]


def _versions(connection: http.client.HTTPConnection, repository: Repository, role: str, count: int) -> list[bytes]:
    """Every version of a role, of which there have to be exactly so many."""
    files = [ask(connection, "GET", f"{repository.base}{number}.{role}.json") for number in range(1, count + 1)]
    assert [_version(data) for data in files] == list(range(1, count + 1))
    assert _version(ask(connection, "GET", f"{repository.base}{role}.json")) == count
    return files


def _version(data: bytes | None) -> int:
    return int(_signed(data)["version"]) if data else 0


def _signed(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data)["signed"]
    return found
