"""Signing with ``pytrust sign`` beside ``docker trust sign``, which pushes to the same registry as it goes.

Our key is sealed about as cheaply as docker seals its own: the default makes every guess of a passphrase, and every
opening, half a second dearer.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.rig import notary
from tests.rig.docker_trust import DockerTrust
from tests.rig.dockerd import private_engine
from tests.rig.images import Docker
from tests.rig.registry import Registry, private_registry
from tests.rig.throwaway import mint

from bench.harness import command, installed, report
from pytrust.trust.keys.keyring import Keyring

_ROUNDS: Final = 15
_TAGS: Final = 200
_USER, _PASSWORD = "alice", "a password for benchmarks"
_PASSPHRASE: Final = "a passphrase for benchmarks"
_CONTENTS: Final = ("one", "two")


@dataclass(frozen=True, slots=True)
class _Stage:
    """Both signers have a collection in one registry, and the login that it wants."""

    folder: Path
    registry: Registry
    client: DockerTrust

    def name(self, repository: str, tag: str) -> str:
        return f"{self.registry.host}/foo/{repository}:{tag}"

    def move(self, name: str, number: int) -> None:
        """Give a tag its other content; only in the engine."""
        self.client.docker.tag(f"base:{_CONTENTS[number % len(_CONTENTS)]}", name)

    @property
    def environment(self) -> Mapping[str, str]:
        home = str(self.folder / "home")
        config = str(self.client.docker.config)
        return {"PYTRUST_HOME": home, "PYTRUST_PASSPHRASE": _PASSPHRASE, "HOME": home, "DOCKER_CONFIG": config}


def sign() -> None:
    """One tag that has moved, and two hundred at once beside as many commands of docker."""
    with _stage() as stage:
        ours, peer = _moved(stage)
        report("sign.moved", "ms", ours * 1e3, 0.4, peer=peer * 1e3, peer_name="docker trust sign", ratio=peer / ours)
        many, peer = _many(stage), peer * _TAGS
    report("sign.many", "s", many, 10, peer=peer, peer_name=f"{_TAGS} x docker trust sign", ratio=peer / many)


BENCHES: Final[dict[str, Callable[[], None]]] = {"sign.moved": sign}


def _moved(stage: _Stage) -> tuple[float, float]:
    """The median seconds of pytrust and of docker, in turns; what moves the tag is not measured."""
    ours, theirs = stage.name("ours", "v1"), stage.name("theirs", "v1")
    samples: tuple[list[float], list[float]] = ([], [])
    for number in range(_ROUNDS + 1):
        stage.move(ours, number)
        stage.client.docker.push(ours)
        stage.move(theirs, number)
        took = [
            _timed(_pytrust(stage, "sign", ours)),
            _timed(lambda: _docker(stage, "trust", "sign", "--local", theirs)),
        ]
        for sample, seconds in zip(samples, took, strict=True):
            sample.extend([seconds] if number else [])
    return statistics.median(samples[0]), statistics.median(samples[1])


def _many(stage: _Stage) -> float:
    """The median seconds of one command that signs all; each time they have moved."""
    names = [stage.name("many", f"v{number}") for number in range(_TAGS)]
    listed = stage.folder / "names.txt"
    listed.write_text("\n".join(names))
    samples = []
    for number in range(3):
        for name in names:
            stage.move(name, number)
        stage.client.docker.run("push", "--all-tags", names[0].rpartition(":")[0])
        samples.append(_timed(_pytrust(stage, "sign", "--from-file", str(listed))))
    return statistics.median(samples)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _pytrust(stage: _Stage, *words: str) -> Callable[[], object]:
    return command([installed("pytrust"), *words], stage.environment)


def _docker(stage: _Stage, *words: str, stdin: str = "") -> None:
    said = stage.client.attempt(*words, stdin=stdin)
    assert said.code == 0, said


@contextmanager
def _stage() -> Iterator[_Stage]:
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        engine = stack.enter_context(private_engine(folder / "engine"))
        registry = stack.enter_context(private_registry(folder / "registry", {_USER: _PASSWORD}))
        server = stack.enter_context(notary.notary_server(folder / "server", mint(folder / "tls")))
        client = DockerTrust(Docker(engine.host, folder / "docker"), server.url)
        stage = _Stage(folder, registry, client)
        for content in _CONTENTS:
            client.docker.make_image(f"base:{content}", content)
        _docker(stage, "login", "-u", _USER, "--password-stdin", registry.host, stdin=_PASSWORD)
        _pytrust(stage, "init", "--signer", "alice")()
        _seal_cheaply(folder / "home" / "keys")
        yield stage


def _seal_cheaply(folder: Path) -> None:
    ring = Keyring(folder, rounds=1)
    for entry in ring.entries():
        key = ring.open(entry.name, lambda _: _PASSPHRASE.encode())
        ring.remove(entry.name)
        ring.add(entry.name, key, lambda _: _PASSPHRASE.encode())
