"""What ``pytrust serve`` keeps when it is killed, restored or left alone for a year, on SQLite and on PostgreSQL.

Every look is one of a strict reader, or of the stock client.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig import postgres
from tests.rig.needs import need
from tests.rig.postgres import Postgres
from tests.rig.publishing import acknowledged, asking, authors_of, examine, kill, teams, wait_until, working
from tests.rig.throwaway import ServerFiles
from tests.rig.trust_server import pytrust_server

TEAMS, AUTHORS, VERSIONS = 8, 2, 13  # 16 who write, 208 publishes


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    need(postgres.missing())
    with postgres.private_postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> list[str]:
    """How the server is told of its store, which is empty."""
    if request.param == "sqlite":
        return []
    database: Postgres = request.getfixturevalue("database")
    return ["--store", database.empty()]


def test_sixteen_writers_lose_nothing(tmp_path: Path, tls: ServerFiles, store: list[str]) -> None:
    made = teams(TEAMS, AUTHORS, VERSIONS)
    authors = authors_of(made)
    with pytrust_server(tmp_path, tls, *store) as server, asking(server) as connection:
        for team in made:
            team.found(connection)
        with working(authors, [server], VERSIONS):
            pass
        assert [author.refused for author in authors] == [[]] * len(authors)
        assert [author.known for author in authors] == [VERSIONS] * len(authors)
        for team in made:
            examine(connection, team)


def test_killed_while_sixteen_publish(tmp_path: Path, tls: ServerFiles, store: list[str]) -> None:
    made = teams(TEAMS, AUTHORS, VERSIONS + 1)
    authors = authors_of(made)
    words = [*store, "--workers", "2"]
    with pytrust_server(tmp_path, tls, *words) as server:
        with asking(server) as connection:
            for team in made:
                team.found(connection)
        with working(authors, [server], VERSIONS):
            wait_until(lambda: acknowledged(authors) >= TEAMS * AUTHORS * VERSIONS // 2)
            kill(server.daemon)
    assert acknowledged(authors) < TEAMS * AUTHORS * VERSIONS
    assert [author.refused for author in authors] == [[]] * len(authors)
    with pytrust_server(tmp_path, tls, *words) as server, asking(server) as connection:
        for team in made:
            examine(connection, team)
