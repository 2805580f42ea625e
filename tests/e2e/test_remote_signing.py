"""``pytrust sign`` at a trust server elsewhere: ours and the real notary-server, with nothing but a home of one's own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.keys import private
from tests.fakes.registry import FakeRegistry, oci_manifest
from tests.rig import notary
from tests.rig.processes import environment
from tests.rig.proxy import installed
from tests.rig.throwaway import ServerFiles, mint
from tests.rig.trust_server import TrustServer, pytrust_server

from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.names import RoleName

PASSPHRASE = "a passphrase for tests"
Start = Callable[[Path, ServerFiles], AbstractContextManager[TrustServer]]
SERVERS: dict[str, Start] = {"pytrust serve": pytrust_server, "notary-server": notary.notary_server}


@dataclass(frozen=True)
class Desk:
    """A signer's host: a home with keys and no store, a registry, a server."""

    home: Path
    registry: FakeRegistry
    server: TrustServer

    @property
    def image(self) -> str:
        return f"{self.registry.host}/foo/web"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "PYTRUST_HOME": str(self.home),
            "PYTRUST_PASSPHRASE": PASSPHRASE,
            "PYTRUST_TRUST_URL": self.server.url,
            "DOCKER_CONFIG": str(self.home.parent / "docker"),
            "HOME": str(self.home.parent),
        }
        return subprocess.run(
            [str(installed()), *words], env=environment(settings), capture_output=True, text=True, timeout=60
        )

    def must(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def push(self, tag: str, content: str = "") -> str:
        self.registry.put("foo/web", tag, oci_manifest(content or tag))
        return f"{self.image}:{tag}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose keys, bob's among them, open at once."""
    home = tmp_path_factory.mktemp("template") / "home"
    settings = environment({"PYTRUST_HOME": str(home), "PYTRUST_PASSPHRASE": PASSPHRASE})
    subprocess.run([str(installed()), "init", "--signer", "alice"], env=settings, check=True, capture_output=True)
    ring = Keyring(home / "keys", rounds=1)
    for name in (RoleName("root"), RoleName("targets"), RoleName("alice")):
        key = ring.open(name, lambda _: PASSPHRASE.encode())
        ring.remove(name)
        ring.add(name, key, lambda _: PASSPHRASE.encode())
    ring.add(RoleName("bob"), private("bob", "ecdsa-p256"), lambda _: PASSPHRASE.encode())
    return home


@pytest.fixture(params=SERVERS)
def desk(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Iterator[Desk]:
    files = mint(tmp_path / "tls")
    with SERVERS[request.param](tmp_path / "server", files) as server, FakeRegistry() as registry:
        folder = tmp_path / "docker" / "tls" / f"127.0.0.1:{server.port}"
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(files.ca.read_bytes())
        shutil.copytree(template, tmp_path / "home")
        yield Desk(tmp_path / "home", registry, server)


def test_a_life_at_a_server(desk: Desk) -> None:
    v1, v2 = desk.push("v1"), desk.push("v2")
    assert "signed by alice" in desk.must("sign", v1)
    assert "signed by alice" in desk.must("sign", v2)
    assert "signed by alice (releases 1 of 1)" in desk.must("verify", v1)
    desk.must("signer", "add", "bob", desk.image)
    desk.must("sign", "--signer", "bob", v1)
    assert "signed by alice, bob" in desk.must("verify", v1)
    desk.must("revoke", v2)
    refused = desk.run("verify", v2)
    assert (refused.returncode, "is not signed" in refused.stderr) == (1, True)
    desk.must("key", "rotate", "targets", desk.image)
    desk.must("signer", "remove", "bob", desk.image, "--by", "alice")
    assert "signed by alice (releases 1 of 1)" in desk.must("verify", v1)


def test_what_a_server_cannot_do(desk: Desk) -> None:
    v1 = desk.push("v1")
    desk.must("sign", v1)
    lonely = desk.run("signer", "add", "bob", desk.image, "--threshold", "2")
    assert lonely.returncode == 1
    assert "needs 1 more signatures" in lonely.stderr
    desk.must("signer", "add", "bob", desk.image, "--threshold", "2", "--by", "alice", "--by", "bob")
    assert "releases 2 of 2" in desk.must("sign", "--signer", "alice", "--signer", "bob", desk.push("v3"))
    assert desk.run("sign", "--format", "tuf", v1).returncode == 2
    assert desk.run("approve", desk.image, "--signer", "alice").returncode == 2
