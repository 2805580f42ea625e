"""Attacks by too much and too slowly: rows 11, 12, 13 and 20. Time, memory and bytes are measured."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.attack.scene import Scene
from tests.fakes.registry import Auth, Fault, oci_manifest
from tests.fakes.repository import Trouble

from pytrust.cli import registry_answers
from pytrust.trust.client import either
from pytrust.trust.errors import TooSlow
from pytrust.trust.formats import tuf
from pytrust.trust.http import Deadline, HttpClient

MEGABYTE = 1_000_000
PATIENCE = 0.4  # seconds: the deadline in these tests
ROLES = ("root", "timestamp", "snapshot", "targets", "releases")


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same deadline as always, but shorter."""
    monkeypatch.setattr(either, "DEADLINE", PATIENCE)
    monkeypatch.setattr(registry_answers, "DEADLINE", PATIENCE)


short = pytest.mark.usefixtures("_short")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("trouble", [Trouble.ENDLESS_BODY, Trouble.ENDLESS_CHUNKS], ids=["body", "chunks"])
def test_11_endless_metadata(scene: Scene, role: str, trouble: Trouble) -> None:
    """Reading ends at the limit."""
    scene.server.fail(trouble, role)
    before = scene.server.sent
    with within(2):
        scene.refuse("bad-content", names="larger than")
    assert scene.server.sent - before < tuf.max_bytes(role) + MEGABYTE
    scene.server.behave()
    scene.believe()


@pytest.mark.parametrize("route", ["ping", "manifest", "token"])
def test_11_endless_registry(known: Scene, route: str) -> None:
    """The registry's answers end at their limits, too."""
    known.registry.auth = Auth("Bearer", anonymous=True)
    known.believe()
    known.registry.fail(Fault.ENDLESS_BODY, on=route)  # type: ignore[arg-type]
    with within(2):
        known.refuse("bad-content")
    known.registry.behave()
    known.believe()


@pytest.mark.parametrize("trouble", [Trouble.ENDLESS_HEADERS, Trouble.HUGE_HEADER, Trouble.MANY_HEADERS])
def test_12_headers(scene: Scene, trouble: Trouble) -> None:
    """A head that is no head is no answer."""
    scene.server.fail(trouble, "timestamp")
    with within(2):
        scene.refuse("unreachable", 3)
    scene.server.behave()
    scene.believe()


def test_12_gzip_is_not_unpacked(scene: Scene) -> None:
    """Nobody asked for compression, so nothing is decompressed."""
    scene.server.fail(Trouble.GZIP_BOMB, "timestamp")
    with within(2):
        scene.refuse({"bad-metadata", "bad-content"})
    scene.server.behave()
    scene.believe()


SIZES: dict[str, Callable[[int], bytes]] = {
    "deep": lambda size: b"[" * size,
    "deep-objects": lambda size: b'{"a":' * (size // 5),
    "closed-deep": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "brackets": lambda size: b"[" + b"[],[]," * ((size - 4) // 6) + b"[]]",
    "one-string": lambda size: b'"' + b"\\" * (size - 2) + b'"',
    "quotes": lambda size: b'"' * size,
    "open-strings": lambda size: b'"\\' * (size // 2),
    "twice-at-the-end": lambda size: (
        b"{" + b",".join(b'"%07x":0' % i for i in range(size // 13)) + b',"%07x":0}' % (size // 13 - 1)
    ),
    "digits": lambda size: b"[" + b"9" * (size - 2) + b"]",
}


@pytest.mark.parametrize("shape", SIZES)
def test_12_shapes_of_json(scene: Scene, shape: str) -> None:
    """As large as may be, and made to be expensive: unauthenticated, since it is the very first file."""
    honest = scene.web.files["1.root.json"]
    scene.web.files["1.root.json"] = SIZES[shape](tuf.max_bytes("root"))
    with within(2):
        scene.refuse("bad-metadata")
    scene.web.files["1.root.json"] = honest
    scene.believe()


def test_12_million_targets(scene: Scene) -> None:
    """More entries than a file may hold."""
    honest = scene.web.record()
    entry = {"length": 1, "hashes": {"sha256": "0" * 64}}
    body = ",".join(f'"{number}":{json.dumps(entry)}' for number in range(100_000))
    scene.web.plant("targets", b'{"signatures":[],"signed":{"targets":{' + body.encode() + b"}}}")
    with within(5):  # most of it is the fake, making and sending the file
        scene.refuse({"bad-content", "bad-metadata"})
    scene.web.replay(honest)
    scene.believe()


def _peak(command: list[str], home: Path) -> tuple[int, int]:
    """Exit code and the most memory in kB that a process had."""
    script = (
        "import sys\n"
        "from pytrust.cli.root import run\n"
        "code = run(sys.argv[1:])\n"
        "status = open('/proc/self/status').read()\n"
        "sys.stderr.write('PEAK ' + status.partition('VmHWM:')[2].split()[0] + f' {int(code)}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--home", str(home), *command],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "HOME": str(home)},
    )
    peak, code = done.stderr.decode().rpartition("PEAK ")[2].split()
    return int(code), int(peak)


def _fill(size: int) -> bytes:
    return b'{"signatures":[],"signed":{"x":[' + b"0," * ((size - 40) // 2) + b"0]}}"


MEMORY: dict[str, Callable[[Scene], object]] = {
    "gzip-bomb": lambda scene: scene.server.fail(Trouble.GZIP_BOMB, "timestamp"),
    "endless-targets": lambda scene: scene.server.fail(Trouble.ENDLESS_BODY, "targets"),
    "huge-header": lambda scene: scene.server.fail(Trouble.HUGE_HEADER, "timestamp"),
    "deep-json": lambda scene: scene.web.plant("targets", b"[" * 4_900_000),
    "full-targets": lambda scene: scene.web.plant("targets", _fill(4_900_000)),
    "endless-manifest": lambda scene: scene.registry.fail(Fault.ENDLESS_BODY),
}


@pytest.mark.parametrize("how", MEMORY)
def test_12_memory(scene: Scene, how: str) -> None:
    """Below 100 MB in a process of its own, whatever comes."""
    MEMORY[how](scene)
    code, peak = _peak(["verify", scene.image, "--json"], scene.home)
    assert code in {1, 3}
    assert peak < 100_000


def test_12_memory_of_brackets(scene: Scene) -> None:
    """5 MB of ``[],`` are 1.6 million lists."""
    scene.web.plant("targets", SIZES["brackets"](4_900_000))
    assert _peak(["verify", scene.image, "--json"], scene.home)[1] < 100_000


SLOW = (
    Trouble.SLOW_DRIP,
    Trouble.SLOW_DRIP_UNSIZED,
    Trouble.SLOW_HEADERS,
    Trouble.WHOLE_THEN_DRIP,
    Trouble.HANG,
    Trouble.ENDLESS_CONTINUE,
)


@short
@pytest.mark.parametrize("trouble", SLOW, ids=lambda trouble: trouble.name)
@pytest.mark.parametrize("role", ["root", "releases"])
def test_13_slow_metadata(scene: Scene, role: str, trouble: Trouble) -> None:
    """The total deadline ends it, however lively the peer is."""
    scene.server.fail(trouble, role)
    with within(PATIENCE + 1):
        scene.refuse("too-slow", 3)
    scene.server.behave()
    scene.believe()


@short
@pytest.mark.parametrize("fault", [Fault.SLOW_DRIP, Fault.SLOW_DRIP_UNSIZED, Fault.SLOW_HEADERS, Fault.HANG])
@pytest.mark.parametrize("route", ["ping", "manifest", "token"])
def test_13_slow_registry(known: Scene, route: str, fault: Fault) -> None:
    """The same for the registry and its token service."""
    known.registry.auth = Auth("Bearer", anonymous=True)
    known.registry.fail(fault, on=route)  # type: ignore[arg-type]
    with within(PATIENCE + 1):
        known.refuse("too-slow", 3)
    known.registry.behave()
    known.believe()


@short
def test_13_every_file_a_little_slow(scene: Scene) -> None:
    """Each answer in time, all of them not: the deadline is one for all files."""
    look_up = scene.repository.look_up

    def slowly(name: str, file: str) -> bytes | None:
        time.sleep(PATIENCE / 3)
        return look_up(name, file)

    scene.repository.look_up = slowly  # type: ignore[method-assign]
    with within(PATIENCE + 1):
        scene.refuse("too-slow", 3)
    scene.repository.look_up = look_up  # type: ignore[method-assign]
    scene.believe()


def test_13_deadline_that_passes_before_there_is_a_connection(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with two addresses: the first swallows the time, the second then drips."""
    hole = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:  # fill the queue: nobody else is let in, nobody is turned away
        one.setblocking(False)
        one.connect_ex(hole.getsockname())
    addresses = [hole.getsockname(), ("127.0.0.1", scene.server.port)]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", at) for at in addresses]
    )
    scene.server.fail(Trouble.SLOW_DRIP_UNSIZED)
    url = f"http://two.example:{scene.server.port}/tuf/{scene.web.name}/timestamp.json"
    with within(PATIENCE + 2), pytest.raises(TooSlow):
        HttpClient().request("GET", url, deadline=Deadline(PATIENCE), max_bytes=1000)
    for one in (hole, *waiting):
        one.close()


def test_20_redirects_of_metadata_are_not_followed(scene: Scene) -> None:
    """Not to another host, not to another path, not to plain http: a redirect is no metadata."""
    scene.server.redirect_to = f"http://localhost:{scene.server.port}"
    for role in ("root", "timestamp"):
        scene.server.fail(Trouble.REDIRECT, role)
        scene.refuse("server-error", 3, names="302")
        scene.server.behave()
    assert not any("localhost" in path for path in scene.server.requests)
    scene.believe()


def test_12_a_large_manifest_is_not_kept(known: Scene) -> None:
    """Four megabytes of an unsigned manifest: hashed, compared, refused."""
    known.registry.put("foo/web", "v2", oci_manifest("x" * 10)[:-1] + b" " * 4_000_000 + b"}")
    with within(2):
        known.refuse("digest-mismatch")
    known.push("v2", "v2")
    known.believe()
