"""``pytrust sign`` beside ``docker trust sign``, each with all its parts: engine, registry, trust store."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from tests.rig.docker_trust import DockerTrust
from tests.rig.dockerd import private_engine
from tests.rig.images import Docker
from tests.rig.notary import notary_server
from tests.rig.processes import environment
from tests.rig.registry import Registry, private_registry
from tests.rig.throwaway import mint

from bench.harness import alternate, installed, report
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.names import RoleName

_PASSPHRASE: Final = "a passphrase for benchmarks"
_MANY: Final = 200
_PEER: Final = "docker trust sign --local"


@dataclass(frozen=True, slots=True)
class _Desk:
    """An engine, a registry, a home of pytrust and a docker client at the real notary-server."""

    docker: Docker
    registry: Registry
    client: DockerTrust
    home: Path

    def pytrust(self, *words: str) -> None:
        """A command that has to work."""
        settings = {
            "PYTRUST_HOME": str(self.home),
            "PYTRUST_PASSPHRASE": _PASSPHRASE,
            "DOCKER_HOST": self.docker.host,
            "DOCKER_CONFIG": str(self.docker.config),
            "HOME": str(self.home.parent),
        }
        subprocess.run([installed("pytrust"), *words], env=environment(settings), check=True, capture_output=True)

    def sign(self, tag: str) -> None:
        """Docker's own."""
        said = self.client.attempt("trust", "sign", "--local", f"{self.registry.host}/bench/theirs:{tag}")
        assert said.code == 0, said.err


def one() -> None:
    """One tag that moved: push and sign. Our key is sealed as cheaply as docker's (the default takes 0.5 s more)."""
    with _desk() as desk:
        numbers = count()
        ours_name, theirs_name = (f"{desk.registry.host}/bench/{name}:v1" for name in ("ours", "theirs"))
        for name in (ours_name, theirs_name):
            desk.docker.make_image(name, content="first")
        desk.pytrust("sign", "--local", ours_name)
        _enrol(desk)
        desk.sign("v1")

        def ours() -> float:
            desk.docker.make_image(ours_name, content=f"ours {next(numbers)}")
            return _timed(lambda: desk.pytrust("sign", "--local", ours_name))

        def theirs() -> float:
            desk.docker.make_image(theirs_name, content=f"theirs {next(numbers)}")
            return _timed(lambda: desk.sign("v1"))

        mine, peer = [], []
        for _ in range(9):
            mine.append(ours())
            peer.append(theirs())
    mean, other = sorted(mine)[len(mine) // 2], sorted(peer)[len(peer) // 2]
    report("sign.one", "ms", mean * 1e3, 0.4, peer=other * 1e3, peer_name=_PEER, ratio=other / mean)


def many() -> None:
    """Two hundred tags in one command, beside as many of docker's (which are measured by ten)."""
    with _desk() as desk:
        _enrol(desk)
        tags = [f"t{number}" for number in range(_MANY)]
        desk.docker.make_image(f"{desk.registry.host}/bench/ours:{tags[0]}", content="many")
        for tag in tags:
            desk.docker.run(
                "tag", f"{desk.registry.host}/bench/ours:{tags[0]}", f"{desk.registry.host}/bench/ours:{tag}"
            )
        desk.docker.run("push", "--all-tags", f"{desk.registry.host}/bench/ours")
        for tag in tags[:10]:
            desk.docker.make_image(f"{desk.registry.host}/bench/theirs:{tag}", content=tag)
        listed = desk.home.parent / "tags.txt"
        listed.write_text("\n".join(f"{desk.registry.host}/bench/ours:{tag}" for tag in tags))
        started = time.perf_counter()
        for tag in tags[:10]:
            desk.sign(tag)
        peer = (time.perf_counter() - started) * _MANY / 10
        (ours,) = alternate(lambda: desk.pytrust("sign", "--from-file", str(listed)), rounds=3)
    report("sign.many", "s", ours, 10.0, peer=peer, peer_name=f"{_MANY} times {_PEER}", ratio=peer / ours)


BENCHES: Final = {"sign.one": one, "sign.many": many}


@contextmanager
def _desk() -> Iterator[_Desk]:
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name:
        folder = Path(name)
        with (
            private_engine(folder / "engine") as engine,
            private_registry(folder / "registry") as registry,
            notary_server(folder / "notary", mint(folder / "tls")) as server,
        ):
            docker = Docker(engine.host, folder / "docker")
            desk = _Desk(docker, registry, DockerTrust(docker, server.url), folder / "home")
            desk.pytrust("init", "--signer", "alice")
            _cheapen(desk.home)
            yield desk


def _enrol(desk: _Desk) -> None:
    """Docker's signer: a key, and the collection that knows it."""
    folder = desk.home.parent / "signer"
    folder.mkdir()
    for words in (
        ("trust", "key", "generate", "alice", "--dir", str(folder)),
        ("trust", "signer", "add", "--key", str(folder / "alice.pub"), "alice", f"{desk.registry.host}/bench/theirs"),
    ):
        said = desk.client.attempt(*words)
        assert said.code == 0, said.err


def _cheapen(home: Path) -> None:
    ring = Keyring(home / "keys", rounds=1)
    for name in map(RoleName, ("root", "targets", "alice")):
        key = ring.open(name, lambda _: _PASSPHRASE.encode())
        ring.remove(name)
        ring.add(name, key, _PASSPHRASE.encode())


def _timed(work: object) -> float:
    started = time.perf_counter()
    assert callable(work)
    work()
    return time.perf_counter() - started
