"""The plugin in the real docker command: what it does, and that it shows what docker's own ``trust inspect`` shows."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from tests.e2e.dct.stage import PASSWORD, USER, Parts, Stage
from tests.rig.docker_trust import DockerTrust
from tests.rig.images import Docker
from tests.rig.notary_client import Said
from tests.rig.processes import environment
from tests.rig.throwaway import ServerFiles
from tests.rig.trust_server import pytrust_server

from pytrust.trust.limits import DEADLINE

PYTRUST: Final = Path(sys.executable).with_name("pytrust")
SECRETS: Final = {
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": "rootpass-rig",
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "repopass-rig",
}
CONFIG: Final = '[trust]\nurl = "{url}"\n[[pins]]\nmatch = "**"\nfirst_use = "accept"\n'


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a configuration of docker's, in which the plugins are, and a home of pytrust's."""

    docker: Docker
    home: Path
    url: str = "https://127.0.0.1:1"

    @property
    def env(self) -> dict[str, str]:
        return {**DockerTrust(self.docker, self.url).environment(), "PYTRUST_HOME": str(self.home)}

    def pytrust(self, *words: str) -> str:
        """What ``pytrust WORDS`` prints."""
        env = environment({**self.env, "DOCKER_CONFIG": str(self.docker.config)})
        done = subprocess.run([PYTRUST, *words], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def says(self, *words: str, stdin: str = "") -> Said:
        """``docker WORDS``, however it ends."""
        done = self.docker.attempt(*words, stdin=stdin.encode(), env=self.env)
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def does(self, *words: str, stdin: str = "") -> str:
        """``docker WORDS``, which has to end well; what it printed."""
        said = self.says(*words, stdin=stdin)
        assert said.code == 0, f"{words}\n{said.out}{said.err}"
        return said.out

    def trust(self, *words: str, stdin: str = "") -> Said:
        """``docker trust WORDS`` as docker 29 starts the plugin; this one's own ``trust`` comes first."""
        plugin = self.docker.config / "cli-plugins" / "docker-trust"
        env = environment({**self.env, "DOCKER_CONFIG": str(self.docker.config)})
        done = subprocess.run(
            [plugin, "--host", self.docker.host, "trust", *words],
            env=env,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)


def person(parts: Parts, folder: Path, url: str = "https://127.0.0.1:1") -> Person:
    made = Person(Docker(parts.host, folder / "docker"), folder / "home", url)
    made.pytrust("install-plugin", "--trust")
    return made


def signed(ann: Person, parts: Parts, folder: Path) -> tuple[str, str]:
    """What docker signs: an image with two signers and three tags, and one that its owner alone signed."""
    web, plain = (f"{parts.locked.host}/{folder.name}/{name}" for name in ("web", "plain"))
    for name, content in ((f"{web}:v1", "one"), (f"{web}:v2", "two"), (f"{web}:v10", "three"), (f"{plain}:v1", "one")):
        ann.docker.tag(parts.image(content), name)
    ann.does("login", "-u", USER, "--password-stdin", parts.locked.host, stdin=PASSWORD)
    ann.does("push", f"{plain}:v1")
    ann.does("trust", "sign", f"{web}:v1")
    ann.does("trust", "key", "generate", "bob", "--dir", str(folder))
    ann.does("trust", "signer", "add", "--key", str(folder / "bob.pub"), "bob", web)
    for tag in ("v10", "v2"):
        ann.does("trust", "sign", f"{web}:{tag}")
    return web, plain


@pytest.mark.parametrize("kind", ["real", "ours"])
def test_it_shows_what_docker_shows(kind: str, parts: Parts, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    stage: Stage = request.getfixturevalue(kind)
    ann = person(parts, tmp_path, stage.server.url)
    settle(ann, stage.server.url)
    folder = ann.docker.config / "tls" / f"127.0.0.1:{stage.server.port}"  # where docker looks, and pytrust too
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(stage.server.files.ca.read_bytes())
    web, plain = signed(ann, parts, tmp_path)
    unsigned = f"{parts.locked.host}/{tmp_path.name}/none"
    asked = [[web], [f"{web}:v1"], [f"{web}:v9"], [plain], [web, plain, f"{web}:v2"], [web, unsigned], [unsigned]]
    for names in asked:
        docker, ours = (ann.says(command, "inspect", *names) for command in ("trust", "pytrust"))
        assert (ours.code, ours.out) == (docker.code, docker.out), names
        assert docker.err.splitlines() == [line for line in ours.err.splitlines() if line.startswith("no signatures")]
        docker, ours = (ann.says(command, "inspect", "--pretty", *names) for command in ("trust", "pytrust"))
        assert (ours.code, ours.out) == (docker.code, docker.out), names


def settle(ann: Person, url: str) -> None:
    """A home that believes what the server at ``url`` shows first."""
    ann.home.mkdir(mode=0o700, parents=True)
    (ann.home / "config.toml").write_text(CONFIG.format(url=url))
    (ann.home / "config.toml").chmod(0o600)


@pytest.fixture
def owner(parts: Parts, tmp_path: Path) -> Person:
    made = person(parts, tmp_path)
    made.pytrust("init", "--signer", "alice")
    return made


def names_of(person: Person, image: str) -> tuple[dict[str, list[str]], list[str]]:
    """Who signed each tag, and the signers, as ``inspect`` tells."""
    (document,) = json.loads(person.does("pytrust", "inspect", image))
    tags = {item["SignedTag"]: item["Signers"] for item in document["SignedTags"]}
    return tags, [item["Name"] for item in document["Signers"]]


def test_docker_knows_the_plugin(owner: Person) -> None:
    assert "pytrust*" in owner.does("--help")
    assert "Usage: docker pytrust verify" in owner.does("pytrust", "verify", "--help")
    assert "Usage: docker pytrust sign" in owner.does("help", "pytrust", "sign")
    said = owner.says("pytrust", "nonsense")
    assert (said.code, said.err.splitlines()[-1]) == (2, "hint: docker pytrust --help")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_docker_is_told_to(parts: Parts, tmp_path: Path, number: signal.Signals) -> None:
    """The trust server accepts, and says nothing; without a terminal, the signal reaches docker alone."""
    ann = person(parts, tmp_path)
    env = environment({**ann.env, "DOCKER_CONFIG": str(ann.docker.config)})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settle(ann, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with subprocess.Popen(["docker", "pytrust", "inspect", "foo"], env=env, stderr=subprocess.PIPE) as docker:
            assert docker.stderr is not None
            assert docker.stderr.readline() == b"looking up docker.io/library/foo...\n"
            begun = time.monotonic()
            docker.send_signal(number)
            assert docker.stderr.read().strip() == b"error: interrupted"
            assert docker.wait(10) == 130
            assert time.monotonic() - begun < DEADLINE / 2


def test_sign_verify_pull_and_revoke(owner: Person, parts: Parts, tmp_path: Path) -> None:
    web = f"{parts.registry.host}/{tmp_path.name}/web"
    owner.docker.tag(parts.image("one"), f"{web}:v1")
    assert "signed by alice" in owner.does("pytrust", "sign", "--local", f"{web}:v1")
    assert parts.digests["one"] in owner.does("pytrust", "verify", f"{web}:v1")
    assert names_of(owner, web) == ({"v1": ["alice"]}, ["alice"])
    owner.does("rmi", f"{web}:v1")
    assert owner.does("pytrust", "pull", f"{web}:v1") == f"pulled {web}:v1@{parts.digests['one']}\n"
    assert (
        owner.does("run", "--rm", "--network", "none", parts.digests["one"].join((f"{web}@", "")), "cat", "/content")
        == "one"
    )
    owner.does("pytrust", "revoke", f"{web}:v1")
    assert owner.says("pytrust", "verify", f"{web}:v1").code == 1
    assert names_of(owner, web) == ({}, ["alice"])


def test_the_words_of_docker_trust(owner: Person, parts: Parts, tmp_path: Path) -> None:
    """A team's day with the plugin that docker 29 runs; what was removed is gone."""
    web = f"{parts.registry.host}/{tmp_path.name}/web"
    for tag, content in (("v1", "one"), ("v2", "two")):
        owner.docker.tag(parts.image(content), f"{web}:{tag}")
    said = owner.trust("sign", f"{web}:v1")
    assert said.out.splitlines()[-1] == f"Successfully signed {web}:v1", said.err
    assert said.err.startswith(f"Signing and pushing trust data for local image {web}:v1, may overwrite")
    said = owner.trust("key", "generate", "bob", "--dir", str(tmp_path))
    ready = "Successfully generated and loaded private key. Corresponding public key available:"
    assert said.out.splitlines() == ["Generating key for bob...", f"{ready} {tmp_path / 'bob.pub'}"], said.err
    said = owner.trust("signer", "add", "--key", str(tmp_path / "bob.pub"), "bob", web)
    assert said.out == f'Adding signer "bob" to {web}...\nSuccessfully added signer: bob to {web}\n\n', said.err
    bob = Person(owner.docker, owner.home)
    owner.does("pytrust", "sign", "--signer", "bob", "--local", f"{web}:v2")
    assert names_of(owner, web) == ({"v1": ["alice"], "v2": ["bob"]}, ["bob", "alice"])
    owner.docker.tag(parts.image("three"), f"{web}:v2")
    said = bob.trust("sign", f"{web}:v2")  # what is signed gets another signature, wherever the local tag points
    assert said.out.splitlines()[-3:] == [
        f"Existing signatures for tag v2 digest {parts.digests['two'].removeprefix('sha256:')} from:",
        "bob",
        f"Successfully signed {web}:v2",
    ], said.err
    assert names_of(owner, web)[0] == {"v1": ["alice"], "v2": ["alice", "bob"]}
    said = owner.trust("signer", "remove", "carol", web)
    assert (said.code, said.err.splitlines()[-1]) == (1, f"error: error removing signer from: {web}")
    said = owner.trust("signer", "remove", "bob", web)
    assert said.out == f'Removing signer "bob" from {web}...\nSuccessfully removed bob from {web}\n\n', said.err
    assert names_of(owner, web) == ({"v1": ["alice"], "v2": ["alice"]}, ["alice"])
    assert owner.trust("inspect", web).out == owner.does("pytrust", "inspect", web)
    assert owner.trust("revoke", web).code == 1  # nobody to ask
    assert owner.trust("revoke", f"{web}:v1").out == f"Successfully deleted signature for {web}:v1\n"
    assert owner.trust("revoke", "-y", web).out == f"Successfully deleted signature for {web}\n"
    assert names_of(owner, web) == ({}, ["alice"])


def test_a_signer_whose_tags_nobody_else_signed(owner: Person, parts: Parts, tmp_path: Path) -> None:
    web = f"{parts.registry.host}/{tmp_path.name}/web"
    for tag, content in (("v1", "one"), ("v2", "two")):
        owner.docker.tag(parts.image(content), f"{web}:{tag}")
    owner.does("pytrust", "sign", "--local", f"{web}:v1")
    owner.does("pytrust", "key", "generate", "bob")
    owner.does("pytrust", "signer", "add", "bob", web)
    owner.does("pytrust", "sign", "--signer", "bob", "--local", f"{web}:v2")
    said = owner.trust("signer", "remove", "bob", web)
    assert (said.code, names_of(owner, web)[1]) == (1, ["bob", "alice"])
    said = owner.trust("signer", "remove", "--force", "bob", web)
    assert f"Withdrawn: {web}:v2, which nobody else signed\n" in said.out
    assert names_of(owner, web) == ({"v1": ["alice"]}, ["alice"])
    assert owner.says("pytrust", "verify", f"{web}:v2").code == 1


def test_docker_shows_what_pytrust_signed(owner: Person, parts: Parts, tls: ServerFiles, tmp_path: Path) -> None:
    """Both look at one store, docker through ``pytrust serve``: at its Notary side, while we verify the TUF side."""
    web = f"{parts.registry.host}/{tmp_path.name}/web"
    for tag, content in (("v1", "one"), ("v10", "two"), ("v2", "three")):
        owner.docker.tag(parts.image(content), f"{web}:{tag}")
        owner.does("pytrust", "sign", "--local", f"{web}:{tag}")
    owner.does("pytrust", "key", "generate", "zoe")
    owner.does("pytrust", "signer", "add", "zoe", web)
    owner.does("pytrust", "sign", "--signer", "zoe", f"{web}:v10")
    owner.does("pytrust", "sign", "--signer", "zoe", "--signer", "alice", f"{web}:v2")
    with pytrust_server(tmp_path / "server", tls, home=owner.home) as server:
        dan = Person(owner.docker, owner.home, server.url)
        for words in (["inspect", web], ["inspect", f"{web}:v2", web], ["inspect", "--pretty", web]):
            assert dan.does("pytrust", *words) == dan.does("trust", *words)


def test_a_key_that_docker_made(owner: Person, tmp_path: Path) -> None:
    """``key load`` takes what docker's own ``key generate`` left."""
    owner.does("trust", "key", "generate", "carol", "--dir", str(tmp_path))
    (file,) = (owner.docker.config / "trust" / "private").glob("*.key")
    said = owner.trust("key", "load", "--name", "carol", str(file))
    assert said.out == f'Loading key from "{file}"...\nSuccessfully imported key from {file}\n', said.err
    assert "carol" in owner.does("pytrust", "key", "list")
    file.chmod(0o644)
    assert owner.trust("key", "load", "--name", "dora", str(file)).code == 1
