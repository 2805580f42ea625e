"""Both servers, each behind a recorder, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.dct.stage import ADMIN, USER, USERS, Parts, Stage
from tests.rig import docker_trust, notary, postgres, trust_server
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.postgres import Postgres
from tests.rig.registry import Registry, private_registry
from tests.rig.throwaway import ServerFiles, mint
from tests.rig.tls_recorder import recording
from tests.rig.token_service import TokenService, token_service

OWN = """
[auth]
kind = "htpasswd"
htpasswd = "{htpasswd}"
[[auth.permissions]]
match = "**"
anonymous = true
actions = ["pull"]
[[auth.permissions]]
match = "**"
users = ["{user}"]
actions = ["pull", "push"]
[[auth.permissions]]
match = "**"
users = ["{admin}"]
actions = ["*"]
"""
CONTENTS = ("one", "two", "three")


@pytest.fixture(scope="session")
def dct_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dct")


@pytest.fixture(scope="session")
def tls(dct_folder: Path) -> ServerFiles:
    return mint(dct_folder / "tls")


@pytest.fixture(scope="session")
def real(dct_folder: Path, tls: ServerFiles) -> Iterator[Stage]:
    need(notary.missing())
    with notary.notary_server(dct_folder / "real", tls) as server, recording(server.port, tls) as recorder:
        yield Stage("real", server, recorder, dct_folder / "real")


@pytest.fixture(scope="session")
def ours(dct_folder: Path, tls: ServerFiles) -> Iterator[Stage]:
    need(notary.missing())
    with trust_server.pytrust_server(dct_folder / "ours", tls) as server, recording(server.port, tls) as recorder:
        yield Stage("ours", server, recorder, dct_folder / "ours")


@pytest.fixture(scope="session")
def ours_many(dct_folder: Path, tls: ServerFiles) -> Iterator[Stage]:
    """Two processes on one PostgreSQL: what one has written, the other says."""
    need(notary.missing() or postgres.missing())
    folder = dct_folder / "many"
    with postgres.private_postgres() as database:
        words = ("--store", database.empty(), "--workers", "2")
        with trust_server.pytrust_server(folder, tls, *words) as server, recording(server.port, tls) as recorder:
            yield Stage("ours", server, recorder, folder)


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    """One that a module's tests may crash."""
    need(postgres.missing())
    with postgres.private_postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> list[str]:
    """How ``pytrust serve`` is told of its store, which is empty."""
    if request.param == "sqlite":
        return []
    database: Postgres = request.getfixturevalue("database")
    return ["--store", database.empty()]


@pytest.fixture(scope="session")
def issuer(dct_folder: Path) -> Iterator[TokenService]:
    """Of the tokens that the two servers below want."""
    with token_service(dct_folder / "issuer", USERS, frozenset({ADMIN})) as running:
        yield running


@pytest.fixture(scope="session")
def real_closed(dct_folder: Path, tls: ServerFiles, issuer: TokenService) -> Iterator[Stage]:
    need(notary.missing())
    folder = dct_folder / "real_closed"
    with notary.notary_server(folder, tls, issuer=issuer) as server, recording(server.port, tls) as recorder:
        yield Stage("real", server, recorder, folder, issuer)


@pytest.fixture(scope="session")
def ours_closed(dct_folder: Path, tls: ServerFiles, issuer: TokenService) -> Iterator[Stage]:
    need(notary.missing())
    folder = dct_folder / "ours_closed"
    with trust_server.pytrust_server(folder, tls, issuer=issuer) as server, recording(server.port, tls) as recorder:
        yield Stage("ours", server, recorder, folder, issuer)


@pytest.fixture(scope="session")
def ours_own(dct_folder: Path, tls: ServerFiles, parts: Parts) -> Iterator[Stage]:
    """It gives its tokens itself, to the users of the registry."""
    folder = dct_folder / "own" / "ours"
    folder.mkdir(parents=True)
    (folder / "own.toml").write_text(OWN.format(htpasswd=parts.locked.folder / "htpasswd", user=USER, admin=ADMIN))
    words = ("--config", str(folder / "own.toml"))
    with trust_server.pytrust_server(folder, tls, *words) as server, recording(server.port, tls) as recorder:
        yield Stage("ours", server, recorder, folder)


@pytest.fixture(scope="session")
def parts(engine: PrivateEngine, registry: Registry, dct_folder: Path) -> Iterator[Parts]:
    """Images are pushed once for their digests, which are the same in every repository."""
    need(docker_trust.missing())
    docker = Docker(engine.host, dct_folder / "docker")
    with private_registry(dct_folder / "locked", USERS) as locked:
        made = Parts(engine.host, registry, locked, {})
        for content in CONTENTS:
            docker.make_image(made.image(content), content)
            docker.tag(made.image(content), f"{registry.host}/{made.image(content)}")
            made.digests[content] = docker.push(f"{registry.host}/{made.image(content)}")
        yield made
