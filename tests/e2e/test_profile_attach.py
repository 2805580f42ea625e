"""A profile that is signed with an image: served to other hosts and to any TUF client, and nothing to stock clients."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from tests.rig import docker_trust, notary
from tests.rig.docker_trust import DockerTrust
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.notary_client import NotaryClient
from tests.rig.ports import free_port
from tests.rig.processes import environment, running
from tests.rig.proxy import Stage, installed
from tests.rig.registry import Registry
from tests.rig.throwaway import ServerFiles, mint
from tests.rig.trust_server import TrustServer, connect, pytrust_server
from tuf.ngclient import Updater

from pytrust.policy.profiles.document import encode_profile
from pytrust.policy.profiles.model import Profile, Rule, Seccomp
from pytrust.policy.profiles.names import Action, Syscall

_CALLS = Rule(names=(Syscall("read"), Syscall("exit_group")), action=Action.ALLOW)


@dataclass(frozen=True, slots=True)
class Shop:
    """A host that signs and serves, an image, its profile, and a stock client elsewhere."""

    stage: Stage
    server: TrustServer
    files: ServerFiles
    stock: DockerTrust
    image: str
    profile: Path

    @property
    def digest(self) -> str:
        return sha256(self.profile.read_bytes()).hexdigest()

    def ask(self, path: str) -> bytes:
        connection = connect(self.server.port, self.files)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 200, (path, answer.status)
        return body


@pytest.fixture(scope="module")
def shop(
    engine: PrivateEngine, registry: Registry, docker: Docker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    need(notary.missing())
    need(docker_trust.missing())
    folder = tmp_path_factory.mktemp("shop")
    files = mint(folder / "tls")
    stage = Stage(folder, engine, registry, Docker(engine.host, folder / "host-config"))
    stage.pytrust("init", "--signer", "alice")
    profile = folder / "web.json"
    profile.write_bytes(encode_profile(Profile(name="web", seccomp=Seccomp(default=Action.ERRNO, rules=(_CALLS,)))))
    image = f"{registry.host}/shop/web"
    docker.make_image(f"{image}:v1", content="shop")
    docker.push(f"{image}:v1")
    stage.pytrust("sign", f"{image}:v1")
    env = {"PYTRUST_PASSPHRASE": "a passphrase for the stage"}
    with pytrust_server(folder / "server", files, home=stage.home, env=env) as server:
        trusted = stage.docker.config / "tls" / f"127.0.0.1:{server.port}"
        trusted.mkdir(parents=True)
        shutil.copy(files.ca, trusted / "ca.crt")
        yield Shop(stage, server, files, DockerTrust(Docker(engine.host, folder / "stock"), server.url), image, profile)


def test_attached_while_it_is_served(shop: Shop, tmp_path: Path) -> None:
    """The same server, before and after: hosts see the profile at once, stock clients see what they saw."""
    roles = ("root", "targets", "targets/releases", "targets/alice", "snapshot", "timestamp")
    files = [f"/v2/{shop.image}/_trust/tuf/{role}.json" for role in roles]
    before = [shop.ask(file) for file in files]
    over_https = {"PYTRUST_TRUST_URL": shop.server.url}
    refused = shop.stage.attempt("profile", "attach", f"{shop.image}:v1", str(shop.profile), env=over_https)
    assert (refused.returncode, "on the host that holds the store" in refused.stderr) == (2, True)
    said = shop.stage.pytrust("profile", "attach", f"{shop.image}:v1", str(shop.profile))
    assert f"has the profile sha256:{shop.digest}, signed by alice (profiles 1 of 1), expires " in said
    assert [shop.ask(file) for file in files] == before

    for env in ({}, over_https):
        shown = json.loads(shop.stage.pytrust("inspect", "--json", shop.image, env=env))
        assert [tag["profile"] for tag in shown["tags"]] == [f"sha256:{shop.digest}"]
    assert shop.digest[:12] in shop.stage.pytrust("inspect", shop.image, env=over_https)
    shop.stage.pytrust("verify", f"{shop.image}:v1", env=over_https)

    pulled = shop.stock.attempt("pull", f"{shop.image}:v1")
    assert pulled.code == 0, pulled.err
    signers = json.loads(shop.stock.attempt("trust", "inspect", shop.image).out)[0]["Signers"]
    assert [signer["Name"] for signer in signers] == ["alice"]
    listed = NotaryClient(tmp_path / "notary", shop.server.url, shop.files.ca).attempt("list", shop.image)
    assert listed.code == 0, listed.out
    assert "profile" not in listed.out


def test_any_tuf_client_finds_it(shop: Shop, tmp_path: Path) -> None:
    """python-tuf's own client, over plain http from files that were exported."""
    shop.stage.pytrust("profile", "attach", f"{shop.image}:v1", str(shop.profile))
    port = free_port()
    home = {"PYTRUST_HOME": str(shop.stage.home), "HOME": str(tmp_path)}
    command: list[str | Path] = [installed(), "repo", "serve-static", "--listen", f"127.0.0.1:{port}"]
    with running(
        command, log=tmp_path / "static.log", ready=lambda: _listens(port), deadline=20, env=environment(home)
    ):
        (tmp_path / "cache").mkdir()
        root = shop.ask(f"/tuf/{shop.image}/1.root.json")
        updater = Updater(str(tmp_path / "cache"), f"http://127.0.0.1:{port}/tuf/{shop.image}/", bootstrap=root)
        updater.refresh()
        tag = updater.get_targetinfo("v1")
        assert tag is not None
        found = updater.get_targetinfo(f"sha256/{tag.hashes['sha256']}/profile")
        assert found is not None
        found.verify_length_and_hashes(shop.profile.read_bytes())
        assert found.custom == {"content": shop.profile.read_text()}


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
