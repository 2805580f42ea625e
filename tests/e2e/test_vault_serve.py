"""Servers whose keys lie in the vault: they wait for it once, and go on with what they hold, whatever becomes of it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.rig import docker_trust, key_home
from tests.rig.docker_trust import DockerTrust
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.key_home import PASSWORD, USER, KeyHome, places_of, secret_words
from tests.rig.needs import need
from tests.rig.ports import free_port
from tests.rig.processes import Running, start, wait_ready
from tests.rig.proxy import installed
from tests.rig.publishing import Author, Team, examine, teams
from tests.rig.registry import Registry
from tests.rig.throwaway import ServerFiles, mint
from tests.rig.trust_server import TrustServer, connect, well

READY = 20.0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ServerFiles:
    return mint(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def bare(tmp_path: Path) -> KeyHome:
    """A home with its keys in files."""
    return key_home.make(tmp_path / "at")


@pytest.fixture
def home(bare: KeyHome) -> KeyHome:
    """The same with its keys in the vault."""
    bare.adopt()
    return bare


def credentials(home: KeyHome) -> dict[str, str]:
    """As systemd gives them to a service."""
    folder = home.folder / "credentials"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "pytrust.unlock-key").touch(0o600)
    (folder / "pytrust.unlock-key").write_bytes(home.unlock.read_bytes())
    return {"CREDENTIALS_DIRECTORY": str(folder)}


@contextmanager
def started(home: KeyHome, name: str, *words: str | Path, **more: str) -> Iterator[Running]:
    """A command that stays, with its log in ``NAME.log``."""
    running = start([installed(), *words], log=home.folder / f"{name}.log", env=home.settings(**more))
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def serving(home: KeyHome, files: ServerFiles, *words: str | Path, **more: str) -> Iterator[TrustServer]:
    port = free_port()
    listen: list[str | Path] = [
        "serve",
        "--listen",
        f"127.0.0.1:{port}",
        "--tls-cert",
        files.cert,
        "--tls-key",
        files.key,
    ]
    with started(home, "serve", *listen, *words, **more) as running:
        yield TrustServer(port, files, running)


def wait(server: TrustServer) -> None:
    wait_ready(server.daemon, lambda: well(server.port, server.files), READY)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + READY
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def workers(server: TrustServer) -> list[int]:
    """The processes that answer."""
    path = Path(f"/proc/{server.daemon.pid}/task/{server.daemon.pid}/children")
    return [int(pid) for pid in path.read_text().split() if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def renew_workers(server: TrustServer, files: ServerFiles) -> None:
    """SIGHUP, and wait until every process is a new one."""
    old = set(workers(server))
    os.kill(server.daemon.pid, signal.SIGHUP)
    until(lambda: bool(workers(server)) and not set(workers(server)) & old and well(server.port, files))


def publish(server: TrustServer, author: Author) -> None:
    with closing(connect(server.port, server.files)) as connection:
        author.publish(connection)


def found(server: TrustServer) -> Team:
    """A collection of others, which has keys of its own, sealed; its author can publish nine more times."""
    team = teams(1, 1, 9, below=f"example.org/{time.monotonic_ns()}")[0]
    with closing(connect(server.port, server.files)) as connection:
        team.found(connection)
    publish(server, team.authors[0])
    return team


def check(server: TrustServer, team: Team) -> None:
    """All that was acknowledged is there, whole and signed."""
    with closing(connect(server.port, server.files)) as connection:
        examine(connection, team)


def test_keys_are_at_hand_for_as_long_as_it_runs(bare: KeyHome, files: ServerFiles) -> None:
    words = list(secret_words(bare))
    bare.adopt()
    with serving(bare, files, **credentials(bare)) as server:
        wait(server)
        team = found(server)
        before = workers(server)
        for pid in (server.daemon.pid, *before):
            for place in ("cmdline", "environ"):
                data = Path(f"/proc/{pid}/{place}").read_bytes()
                assert not any(word in data for _, word in words), place
            assert re.search(r"Max core file size +0 +0 ", Path(f"/proc/{pid}/limits").read_text())
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: bool(workers(server)) and not set(workers(server)) & set(before) and well(server.port, files))
        publish(server, team.authors[0])
        team = found(server)
        check(server, team)
    for name, word in words:
        assert places_of(bare.folder, word) == [], name


def test_it_waits_for_the_vault_and_says_so_once(home: KeyHome, files: ServerFiles) -> None:
    with serving(home, files) as server:
        until(lambda: "waiting for the vault: pytrust vault unlock\n" in server.daemon.tail())
        time.sleep(1.5)
        assert server.daemon.tail().count("waiting for the vault") == 1
        assert not well(server.port, files)
        with started(home, "agent", "vault", "agent"):
            until(lambda: home.run("vault", "unlock").returncode == 0)
            wait(server)
            team = found(server)
            home.must("vault", "lock", unlock=False)
        publish(server, team.authors[0])
        renew_workers(server, files)
        publish(server, team.authors[0])
        check(server, found(server))
        assert home.run("key", "rotate", "timestamp", "--all", unlock=False).returncode == 4


def test_keys_that_move_while_it_runs(bare: KeyHome, files: ServerFiles) -> None:
    with serving(bare, files, **credentials(bare)) as server:
        wait(server)
        team = found(server)
        bare.adopt()
        publish(server, team.authors[0])
        renew_workers(server, files)
        publish(server, team.authors[0])
        check(server, found(server))


def test_it_starts_without_the_vault_while_its_keys_lie_in_files(bare: KeyHome, files: ServerFiles) -> None:
    with serving(bare, files) as server:
        wait(server)
        check(server, found(server))


def test_logins_outlive_the_move(bare: KeyHome, files: ServerFiles) -> None:
    htpasswd = bare.folder / "htpasswd"
    with serving(bare, files, "--htpasswd", htpasswd) as server:
        wait(server)
        login = token(server, refresh=True)["refresh_token"]
    bare.adopt()
    with serving(bare, files, "--htpasswd", htpasswd, **credentials(bare)) as server:
        wait(server)
        assert token(server)["token"]
        form = f"grant_type=refresh_token&service=pytrust&scope=&client_id=x&refresh_token={login}"
        with closing(connect(server.port, server.files)) as connection:
            head = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", "/auth/token", form, head)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()


def token(server: TrustServer, *, refresh: bool = False) -> dict[str, str]:
    word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with closing(connect(server.port, server.files)) as connection:
        more = "&offline_token=true&client_id=x" if refresh else ""
        connection.request("GET", f"/auth/token?service=pytrust{more}", headers={"Authorization": f"Basic {word}"})
        answer = connection.getresponse()
        assert answer.status == 200
        given: dict[str, str] = json.loads(answer.read())
        return given


def test_a_server_of_its_own_makes_its_keys_in_the_vault(tmp_path: Path, files: ServerFiles) -> None:
    home = KeyHome(tmp_path)
    home.must("vault", "init", "--unlock-key-only", "--unlock-key-file", home.unlock, unlock=False)
    key_home.write_htpasswd(home)
    with serving(home, files, "--htpasswd", home.folder / "htpasswd", **credentials(home)) as server:
        wait(server)
        assert token(server)["token"]
    assert places_of(home.home, b"PRIVATE KEY") == []
    assert home.must("vault", "adopt").endswith("4 private keys of this home in the vault, 0 in files\n")


def test_the_authority_waits_too(home: KeyHome) -> None:
    port = free_port()
    with started(home, "ca", "ca", "serve", "--listen", f"127.0.0.1:{port}", "--name", "localhost") as serving:
        until(lambda: "waiting for the vault: pytrust vault unlock\n" in serving.tail())
        with started(home, "agent", "vault", "agent"):
            until(lambda: home.run("vault", "unlock").returncode == 0)
            until(lambda: f"listening on 127.0.0.1:{port}" in serving.tail())


def test_the_stock_docker_client_publishes_and_pulls(
    home: KeyHome, files: ServerFiles, engine: PrivateEngine, registry: Registry, docker: Docker
) -> None:
    need(docker_trust.missing())
    name = f"{registry.host}/foo/vault:v1"
    docker.make_image(name, content="of a server with a vault")
    with serving(home, files, **credentials(home)) as server:
        wait(server)
        for who in ("ann", "bob"):
            trusted = home.folder / who / "tls" / f"127.0.0.1:{server.port}"
            trusted.mkdir(parents=True)
            shutil.copy(files.ca, trusted / "ca.crt")
        ann, bob = (DockerTrust(Docker(engine.host, home.folder / who), server.url) for who in ("ann", "bob"))
        assert ann.attempt("push", name).code == 0
        pulled = bob.attempt("pull", name)
        assert pulled.code == 0, pulled
        assert f"Pull (1 of 1): {name}@sha256:" in pulled.out
