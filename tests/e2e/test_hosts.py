"""Beyond one home: a second host over HTTP, images pushed by --local, a registry that asks for a login."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.conftest import PushedImage
from tests.rig import registry as registries
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.ports import answers, free_port
from tests.rig.processes import environment, running
from tests.rig.registry import Registry, private_registry

PROGRAM = Path(sys.executable).with_name("pytrust")


@dataclass(frozen=True, slots=True)
class Host:
    """The ``pytrust`` command with a home of its own."""

    home: Path
    engine: PrivateEngine
    docker: Docker

    def environment(self) -> dict[str, str]:
        return environment(
            {
                "PYTRUST_HOME": str(self.home),
                "PYTRUST_PASSPHRASE": "a passphrase for tests",
                "DOCKER_HOST": self.engine.host,
                "DOCKER_CONFIG": str(self.docker.config),
                "HOME": str(self.home.parent),
            }
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    def must(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def owner(tmp_path: Path, engine: PrivateEngine, docker: Docker) -> Host:
    host = Host(tmp_path / "owner", engine, docker)
    host.must("init", "--signer", "alice")
    return host


def test_a_second_host_trusts_what_the_first_one_serves(
    owner: Host, tmp_path: Path, image: PushedImage, engine: PrivateEngine, docker: Docker
) -> None:
    name = f"{image.name}:v2"
    owner.must("sign", name)
    root = next(key["id"] for key in json.loads(owner.must("key", "list", "--json")) if key["name"] == "root")
    port = free_port()
    server: list[str | Path] = [PROGRAM, "repo", "serve-static", "--listen", f"127.0.0.1:{port}"]
    other = Host(tmp_path / "other", engine, docker)
    with running(server, log=tmp_path / "server.log", ready=lambda: answers(port), env=owner.environment()):
        other.must("join", f"http://127.0.0.1:{port}", "--root", f"sha256:{root}")
        assert image.digests["v2"] in other.must("verify", name)
        other.must("pull", name)
        owner.must("revoke", name)
        assert other.run("verify", name).returncode == 1
        owner.must("sign", name)
        other.must("verify", name)
        stranger = Host(tmp_path / "stranger", engine, docker)
        stranger.must("join", f"http://127.0.0.1:{port}", "--root", "0" * 64)
        refusal = stranger.run("verify", name, "--json")
        assert json.loads(refusal.stdout)[0]["error"]["code"] == "untrusted-root"
    gone = other.run("verify", name, "--json")
    assert (gone.returncode, json.loads(gone.stdout)[0]["error"]["code"]) == (3, "unreachable")
    assert "offline since" in other.must("verify", "--offline", name)


def test_local_images_are_pushed_and_signed_as_pushed(owner: Host, docker: Docker, registry: Registry) -> None:
    name = f"{registry.host}/local/app:v1"
    docker.make_image(name, content="made here")
    owner.must("sign", "--local", name)
    assert registry.digest("local/app", "v1") in owner.must("verify", name)


def test_a_registry_that_asks_for_a_login(owner: Host, tmp_path: Path, docker: Docker) -> None:
    need(registries.missing())
    with private_registry(tmp_path / "registry", users={"alice": "a password"}) as guarded:
        name = f"{guarded.host}/foo/web:v1"
        docker.make_image(name, content="guarded")
        refused = owner.run("sign", name)
        assert (refused.returncode, "docker login" in refused.stderr) == (1, True)
        docker.run("login", "--username", "alice", "--password-stdin", guarded.host, stdin=b"a password")
        owner.must("sign", "--local", name)
        docker.run("image", "rm", name)
        owner.must("pull", name)
        assert "a password" not in owner.run("sign", name).stderr
        docker.run("logout", guarded.host)


def test_export_is_what_is_served(owner: Host, tmp_path: Path, image: PushedImage) -> None:
    owner.must("sign", f"{image.name}:v1")
    owner.must("repo", "export", str(tmp_path / "www"))
    folder = tmp_path / "www" / "tuf" / image.name
    assert {"1.root.json", "timestamp.json"} <= {path.name for path in folder.iterdir()}
    first = (folder / "timestamp.json").read_bytes()
    owner.must("repo", "refresh", image.name)
    owner.must("repo", "export", str(tmp_path / "www"))
    assert (folder / "timestamp.json").read_bytes() != first


def test_status_names_who_is_missing(owner: Host, image: PushedImage) -> None:
    owner.must("key", "generate", "bob")
    owner.must("sign", f"{image.name}:v1")
    owner.must("signer", "add", "bob", image.name, "--threshold", "2", "--by", "alice", "--by", "bob")
    assert owner.run("sign", f"{image.name}:v2").returncode == 1
    status = owner.run("status", "--json")
    document = json.loads(status.stdout)
    assert status.returncode == 1
    assert "bob" in document["proposals"][0]["state"]
    releases = next(role for role in document["roles"] if role["role"] == "releases")
    assert (releases["threshold"], sorted(releases["signed_by"])) == (2, ["alice", "bob"])
    assert owner.run("sign", f"{image.name}:v1").returncode == 1  # nothing is published beside a waiting change
    owner.must("approve", image.name, "--reject")
    assert owner.run("status").returncode == 0
    owner.must("repo", "renew", image.name, "--role", "targets")
    owner.must("key", "rotate", "timestamp", "--all")
    owner.must("key", "rotate", "targets", "--all")
    owner.must("key", "rotate", "alice", image.name, "--signer", "bob")
    owner.must("verify", f"{image.name}:v1")
