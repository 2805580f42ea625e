"""Private keys both ways: the real docker and notary take what pytrust exports, pytrust takes what they made."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from tests.rig import docker_trust, notary
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.notary_client import NotaryClient
from tests.rig.processes import environment
from tests.rig.throwaway import mint
from tests.rig.trust_server import TrustServer

from pytrust.trust.keys.notary_file import open_key, parse
from pytrust.trust.keys.notary_id import canonical_id
from pytrust.trust.keys.public import PublicKey, read_public_pem

PROGRAM = Path(sys.executable).with_name("pytrust")
WORDS = {
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": "rootpass-rig",
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "repopass-rig",
}
GUN = "registry.example.com/foo/web"
NOWHERE = "tcp://127.0.0.1:1"  # no engine is asked


@dataclass(frozen=True, slots=True)
class Owner:
    """A pytrust home, and what docker and notary have, all under the same two passphrases."""

    folder: Path
    notary: NotaryClient
    docker: Docker

    def pytrust(self, *words: str | Path) -> str:
        """What ``pytrust WORDS`` prints."""
        command = [PROGRAM, "--home", self.folder / "home", *words]
        done = subprocess.run(command, env=environment(WORDS), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def public(self, name: str) -> PublicKey:
        """The public half of a key of the home."""
        return read_public_pem(self.pytrust("key", "export", name, "--public").encode(), name)

    def ids(self) -> dict[str, str]:
        """Notary's ids of the keys of the home, by name."""
        names = [key["name"] for key in json.loads(self.pytrust("key", "list", "--json"))]
        return {name: canonical_id(self.public(name)) for name in names}

    def notary_keys(self, folder: Path) -> list[tuple[str, ...]]:
        """Role, image if any, and id of every key, as ``notary key list`` tells of them."""
        said = NotaryClient(folder, self.notary.url, self.notary.ca).attempt("key", "list")
        lines = [line.split() for line in said.out.splitlines() if "/private" in line]
        return sorted(tuple(line[:-1]) for line in lines)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustServer]:
    need(notary.missing())
    folder = tmp_path_factory.mktemp("keys")
    with notary.notary_server(folder / "server", mint(folder / "tls")) as running:
        yield running


@pytest.fixture
def owner(tmp_path: Path, server: TrustServer) -> Owner:
    need(docker_trust.missing())
    client = NotaryClient(tmp_path / "notary", server.url, server.files.ca)
    made = Owner(tmp_path, client, Docker(NOWHERE, tmp_path / "docker"))
    made.pytrust("init")
    return made


def private(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "private").glob("*.key")}


def root_keys(path: Path) -> list[PublicKey]:
    """The keys in the certificates of a root."""
    signed = json.loads(path.read_bytes())["signed"]
    keys = [signed["keys"][name]["keyval"]["public"] for name in signed["roles"]["root"]["keyids"]]
    return [PublicKey.of(load_pem_x509_certificate(base64.b64decode(key)).public_key()) for key in keys]


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ed25519"])
def test_notary_opens_what_is_exported(owner: Owner, kind: str) -> None:
    """It lists the key, and seals it anew, for which it must open it."""
    owner.pytrust("key", "generate", "alice", "--type", kind)
    owner.pytrust("key", "export", "alice", "--docker", "--into", owner.notary.folder)
    name = owner.ids()["alice"]
    assert owner.notary_keys(owner.notary.folder) == [("alice", name)]
    before = private(owner.notary.folder)
    said = owner.notary.attempt("key", "passwd", name)
    assert said.code == 0, said.out
    after = private(owner.notary.folder)
    assert before.keys() == after.keys() == {f"{name}.key"}
    assert before != after
    opened = open_key(parse(after[f"{name}.key"], f"{name}.key"), b"repopass-rig", "it")
    assert PublicKey.of(opened.public_key()) == owner.public("alice")


def test_notary_signs_with_them(owner: Owner) -> None:
    """A collection by a root key of ours, and a delegation that a signer's key of ours signs."""
    owner.pytrust("key", "export", "root", "--docker", "--into", owner.notary.folder)
    owner.pytrust("key", "export", "owner", "--docker", "--into", owner.notary.folder)
    owner.pytrust("key", "export", "owner", "--public", "-o", owner.folder / "owner.pub")
    for line in (
        f"init {GUN} --publish",
        f"delegation add {GUN} targets/owner {owner.folder}/owner.pub --all-paths --publish",
        f"addhash {GUN} v1 7 --sha256 {'0' * 64} --roles targets/owner --publish",
        f"list {GUN} --roles targets/owner",
    ):
        said = owner.notary.attempt(*line.split())
        assert said.code == 0, said.out
    assert root_keys(owner.notary.metadata(GUN, "root")) == [owner.public("root")]
    signatures = json.loads(owner.notary.metadata(GUN, "targets/owner").read_bytes())["signatures"]
    assert [signature["keyid"] for signature in signatures] == [owner.ids()["owner"]]


def test_docker_signs_with_them(owner: Owner, server: TrustServer) -> None:
    """A repository that ``docker trust signer add`` makes."""
    trust, gun = owner.docker.config / "trust", f"127.0.0.1:1/{GUN}"
    owner.pytrust("key", "export", "root", "--docker", "--into", trust)
    owner.pytrust("key", "export", "owner", "--public", "-o", owner.folder / "owner.pub")
    env = {**WORDS, "DOCKER_CONTENT_TRUST_SERVER": server.url}
    owner.docker.run("trust", "signer", "add", "--key", str(owner.folder / "owner.pub"), "owner", gun, env=env)
    assert root_keys(trust / "tuf" / gun / "metadata" / "root.json") == [owner.public("root")]


def test_docker_loads_what_is_exported(owner: Owner) -> None:
    owner.pytrust("key", "generate", "alice")
    owner.pytrust("key", "export", "alice", "--docker", "-o", owner.folder / "alice.pem")
    owner.docker.run("trust", "key", "load", "--name", "alice", str(owner.folder / "alice.pem"))
    owner.notary.attempt("key", "import", str(owner.folder / "alice.pem"))
    name = owner.ids()["alice"]
    for folder in (owner.docker.config / "trust", owner.notary.folder):
        (data,) = private(folder).values()
        opened = open_key(parse(data, f"{name}.key"), b"repopass-rig", "it")
        assert PublicKey.of(opened.public_key()) == owner.public("alice")
        assert owner.notary_keys(folder) == [("alice", name)]


def test_keys_that_docker_made(owner: Owner) -> None:
    owner.docker.run("trust", "key", "generate", "--dir", str(owner.folder), "alice", env=WORDS)
    trust = owner.docker.config / "trust"
    said = owner.pytrust("key", "import", trust)
    made = PublicKey.of(load_pem_public_key((owner.folder / "alice.pub").read_bytes()))
    assert said == f"alice sha256:{made.id} (alice)\n"
    assert owner.public("alice") == made
    assert owner.pytrust("key", "import", trust) == f"alice sha256:{made.id} is in the key ring already (alice)\n"


def test_keys_that_notary_made(owner: Owner) -> None:
    """All of a collection, and the same once more from what ``notary key export`` wrote."""
    gun = "example.com/notary"
    for line in (f"init {gun}", "key generate --role root", f"key export -o {owner.folder}/backup.pem"):
        said = owner.notary.attempt(*line.split())
        assert said.code == 0, said.out
    listed = owner.notary_keys(owner.notary.folder)
    assert [key[0] for key in listed] == ["root", "root", "snapshot", "targets"]
    told = owner.pytrust("key", "import", owner.notary.folder)
    assert len(told.splitlines()) == 4
    assert owner.ids().items() >= {("snapshot", listed[2][-1])}
    assert set(owner.ids().values()) >= {key[-1] for key in listed}
    told = owner.pytrust("key", "import", owner.folder / "backup.pem")
    assert told.count("is in the key ring already") == 4
