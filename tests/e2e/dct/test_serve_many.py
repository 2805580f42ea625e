"""Several processes of ``pytrust serve`` upon one store are one server: what one did is seen through the others at once."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from tests.rig.notary_repository import Repository, ask
from tests.rig.postgres import Postgres
from tests.rig.processes import RigError
from tests.rig.publishing import asking, authors_of, examine, feed, teams, whole, working
from tests.rig.throwaway import ServerFiles
from tests.rig.trust_server import TrustServer, pytrust_server

Connections = list[http.client.HTTPSConnection]
ROUNDS = 10


@pytest.fixture(scope="module", params=["workers on sqlite", "workers on postgresql", "servers on postgresql"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tls: ServerFiles
) -> Iterator[list[TrustServer]]:
    """One of four processes, or two of two that have the same keys and homes of their own."""
    folder = tmp_path_factory.mktemp("many")
    words = ["--workers", "2"] if request.param.startswith("servers") else ["--workers", "4"]
    if request.param.endswith("postgresql"):
        database: Postgres = request.getfixturevalue("database")
        words += ["--store", database.empty()]
    with ExitStack() as stack:
        one = stack.enter_context(pytrust_server(folder / "one", tls, *words))
        if not request.param.startswith("servers"):
            yield [one]
            return
        shutil.copytree(folder / "one" / "home" / "store" / "online", folder / "two" / "home" / "store" / "online")
        yield [one, stack.enter_context(pytrust_server(folder / "two", tls, *words))]


@pytest.fixture
def repository() -> Repository:
    """A collection that no other test knows."""
    return Repository(f"example.org/{secrets.token_hex(4)}")


@pytest.fixture
def connections(servers: list[TrustServer]) -> Iterator[Connections]:
    """So many that every process has some: the kernel deals them out."""
    with ExitStack() as stack:
        yield [stack.enter_context(asking(server)) for server in servers * (16 // len(servers))]


def test_what_is_published_through_one_is_seen_through_all(connections: Connections, repository: Repository) -> None:
    repository.found(connections[0], ["v0"])
    for number in range(1, ROUNDS):
        files = {"targets": repository.targets(2 + number, [f"v{number}"])}
        repository.upload(connections[number], files)
        seen = [whole(connection, repository) for connection in connections]
        assert all(one["targets"] == files["targets"] for one in seen)
        assert {json.loads(one["timestamp"])["signed"]["version"] for one in seen} == {number + 1}
        assert [len(feed(connection, f"{repository.gun}/")) for connection in connections] == [number + 1] * len(
            connections
        )


def test_what_is_deleted_through_one_is_gone_through_all(connections: Connections, repository: Repository) -> None:
    for number in range(ROUNDS):
        repository.found(connections[number], ["v1"])
        before = [whole(connection, repository) for connection in connections]
        assert before == [before[0]] * len(connections)
        ask(connections[-1 - number], "DELETE", repository.base)
        assert [is_there(connection, repository) for connection in connections] == [False] * len(connections)


def is_there(connection: http.client.HTTPSConnection, repository: Repository) -> bool:
    connection.request("GET", f"{repository.base}timestamp.json")
    answer = connection.getresponse()
    answer.read()
    assert answer.status in {200, 404}
    return answer.status == 200


def test_a_key_that_was_made_through_one_is_offered_and_used_by_all(
    connections: Connections, repository: Repository
) -> None:
    made = json.loads(ask(connections[0], "POST", f"{repository.base}timestamp.key"))
    offered = [json.loads(ask(connection, "GET", f"{repository.base}timestamp.key")) for connection in connections]
    assert offered == [made] * len(connections)
    repository.found(connections[-1], ["v0"])
    for number, connection in enumerate(connections[:ROUNDS], 3):
        repository.upload(connection, {"targets": repository.targets(number, ["v1"])})


def test_one_of_sixteen_who_want_the_same_version_gets_it(connections: Connections, repository: Repository) -> None:
    repository.found(connections[0], ["v0"])
    for version in range(3, 3 + ROUNDS):
        tries = [repository.targets(version, [f"v{number}"]) for number in range(len(connections))]
        with ThreadPoolExecutor(len(connections)) as pool:
            won = list(pool.map(lambda pair: attempt(repository, *pair), zip(connections, tries, strict=True)))
        assert won.count(True) == 1
        assert whole(connections[version], repository)["targets"] == tries[won.index(True)]


def attempt(repository: Repository, connection: http.client.HTTPSConnection, targets: bytes) -> bool:
    """Whether it was acknowledged; whoever was not is told that the version is taken."""
    try:
        repository.upload(connection, {"targets": targets})
    except RigError as error:
        assert "status 400" in str(error)
        assert "version" in str(error).lower()
        return False
    return True


def test_authors_of_one_collection_do_not_refuse_each_other(
    servers: list[TrustServer], connections: Connections
) -> None:
    """Each publishes a delegation of his own, whatever the others do meanwhile."""
    made = teams(1, 16, 6)
    made[0].found(connections[0])
    authors = authors_of(made)
    with working(authors, *servers):
        pass
    assert [(author.known, author.refused) for author in authors] == [(6, [])] * len(authors)
    examine(connections[-1], made[0])
