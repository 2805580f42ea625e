"""Row 30: what lies in the home may have been edited, cut, linked or locked by somebody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.attack.scene import Scene, cache_file, picture
from tests.fakes.registry import oci_manifest
from tests.fakes.repository import FakeCollection, flip_bit

from pytrust.trust.client.cache import Cache
from pytrust.trust.client.trust import TrustClient
from pytrust.trust.names import ImageRef

Edit = Callable[[dict[str, str]], object]


def _rewrite(scene: Scene, change: Edit) -> None:
    """Change the files inside the cache's one file."""
    path = cache_file(scene.home)
    document = json.loads(path.read_text())
    change(document["files"])
    path.write_text(json.dumps(document))


def _flip(name: str) -> Edit:
    return lambda files: files.update({name: flip_bit(files[name].encode()).decode()})


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "not-json": lambda path: path.write_bytes(b"\x00\xff" * 100),
    "array": lambda path: path.write_bytes(b"[]"),
    "other-format": lambda path: path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":2')),
    "odd-time": lambda path: path.write_bytes(
        path.read_bytes().replace(b'"refreshed":', b'"refreshed":99999999999999999,"was":')
    ),
    "text-time": lambda path: path.write_bytes(
        path.read_bytes().replace(b'"greatest_time":', b'"greatest_time":"x","y":')
    ),
    "files-array": lambda path: path.write_bytes(b'{"format":1,"refreshed":0,"greatest_time":0,"files":[]}'),
    "file-number": lambda path: path.write_bytes(b'{"format":1,"refreshed":0,"greatest_time":0,"files":{"a.json":1}}'),
    "half-a-set": lambda path: path.write_bytes(
        b'{"format":1,"refreshed":0,"greatest_time":0,"files":{"snapshot.json":"{}"}}'
    ),
    "deep": lambda path: path.write_bytes(b"[" * 100_000),
}


@pytest.mark.parametrize("offline", [True, False], ids=["offline", "online"])
@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_cache(known: Scene, how: str, offline: bool) -> None:
    """Said, not guessed around; removing the file is the way out, and the message says so."""
    path = cache_file(known.home)
    good = path.read_bytes()
    DAMAGE[how](path)
    error = known.refuse("damaged", 4, names=path.name, offline=offline)
    assert "remove it" in error["hint"]
    path.write_bytes(good)
    known.believe(offline=offline)
    path.unlink()
    known.believe()


@pytest.mark.parametrize(
    "name",
    ["../../../escaped.json", "{outside}/escaped.json", "root_history/../../escaped.json", "root_history/x.json",
     "a/b.json", "", "x", ".json/../x.json", "root_history/1.root.json/x.json", "nul\\u0000.json"],
)  # fmt: skip
def test_cache_with_names_that_lead_elsewhere(known: Scene, tmp_path: Path, name: str) -> None:
    """Names inside become paths of a scratch folder: none may lead out of it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    name = name.replace("{outside}", str(outside)).replace("\\u0000", "\0")
    _rewrite(known, lambda files: files.update({name: "{}"}))
    known.refuse("damaged", 4)
    assert not list(outside.iterdir())
    assert not list(tmp_path.rglob("escaped.json"))


EDITS: dict[str, Edit] = {
    "root": _flip("root_history/1.root.json"),
    "timestamp": _flip("timestamp.json"),
    "snapshot": _flip("snapshot.json"),
    "targets": _flip("targets.json"),
    "releases": _flip("releases.json"),
    "alice": _flip("alice.json"),
    "releases-empty": lambda files: files.update({"releases.json": ""}),
    "releases-gone": lambda files: files.pop("releases.json"),
    "timestamp-garbage": lambda files: files.update({"timestamp.json": "[[[[["}),
    "stranger": lambda files: files.update({"mallory.json": "{}"}),
    "two-files-swapped": lambda files: files.update(
        {"releases.json": files["alice.json"], "alice.json": files["releases.json"]}
    ),
}


@pytest.mark.parametrize("how", EDITS)
def test_edited_cache(known: Scene, how: str) -> None:
    """Nothing in it is believed without its signatures: online it recovers or refuses, and it never says more."""
    path = cache_file(known.home)
    good = path.read_bytes()
    _rewrite(known, EDITS[how])
    answer = known.verify()
    assert answer.code in {0, 1, 4}
    assert answer.code == 0 or answer.error["code"] in {"bad-metadata", "untrusted-root", "damaged", "bad-signature"}
    assert known.verify(f"{known.web.name}:v9").code != 0
    path.write_bytes(good)
    known.believe()


@pytest.mark.parametrize("how", EDITS)
def test_edited_cache_offline(known: Scene, how: str) -> None:
    """Offline there is nothing to recover from."""
    path = cache_file(known.home)
    good = path.read_bytes()
    _rewrite(known, EDITS[how])
    answer = known.verify(offline=True)
    assert answer.code in ({0} if how in {"alice", "stranger"} else {1, 3, 4})
    path.write_bytes(good)
    known.believe(offline=True)


def test_forged_cache(known: Scene) -> None:
    """A complete collection of somebody else, put into the cache: the pin covers none of its roots."""
    stranger = FakeCollection(known.web.name)
    evil = oci_manifest("evil")
    stranger.release("v9", known.registry.put("foo/web", "v9", evil), len(evil))
    files = {
        "root_history/1.root.json": stranger.files["1.root.json"],
        **{f"{role}.json": data for role, data in stranger.current.items() if role != "root"},
    }
    path = cache_file(known.home)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "files": {name: data.decode() for name, data in files.items()}}))
    for offline in (True, False):
        answer = known.verify(f"{known.web.name}:v9", offline=offline)
        assert answer.code == 1
        assert answer.error["code"] in {"untrusted-root", "unsigned"}


def test_cache_of_another_collection(known: Scene) -> None:
    """One collection's cache file, under another's name."""
    path = cache_file(known.home)
    path.rename(path.with_name(path.name.replace("web", "api")))
    answer = known.verify(f"{known.registry.host}/foo/api:v2", offline=True)
    assert answer.code == 1
    assert answer.error["code"] == "bad-metadata"


def test_symlinked_cache(known: Scene, tmp_path: Path) -> None:
    """A link is refused, wherever it leads; what it leads to is left alone."""
    path = cache_file(known.home)
    good = path.read_bytes()
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_bytes(good)
    path.unlink()
    path.symlink_to(elsewhere)
    known.refuse("bad-permissions", 4, names="symbolic link")
    assert elsewhere.read_bytes() == good
    path.unlink()
    known.believe()


def test_symlinked_cache_folder(known: Scene, tmp_path: Path) -> None:
    """Nor may the folder be one."""
    folder = known.home / "cache"
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    answer = known.verify()
    assert (answer.code, answer.error["code"]) == (4, "bad-permissions")
    folder.unlink()
    (tmp_path / "moved").rename(folder)
    known.believe()


def test_symlinked_lock(known: Scene, tmp_path: Path) -> None:
    """The lock is not followed out of the folder."""
    victim = tmp_path / "victim"
    (lock,) = (known.home / "cache").glob("*.lock")
    lock.unlink()
    lock.symlink_to(victim)
    answer = known.verify()
    assert answer.code == 4
    assert not victim.exists()
    lock.unlink()
    known.believe()


@pytest.mark.parametrize("part", ["config.toml", ".", "cache", "cache/file"])
@pytest.mark.parametrize("bits", [0o020, 0o002])
def test_open_to_others(known: Scene, part: str, bits: int) -> None:
    """What others may write is not worked with."""
    path = cache_file(known.home) if part == "cache/file" else known.home / part
    mode = path.stat().st_mode
    path.chmod(mode | bits)
    answer = known.verify()
    assert answer.code == 4
    assert "open to others" in (answer.error.get("message", "") + answer.complaint)
    path.chmod(mode)
    known.believe()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("part", ["config.toml", ".", "cache", "cache/file"])
def test_owned_by_others(known: Scene, part: str) -> None:
    """What belongs to another user is not worked with."""
    path = cache_file(known.home) if part == "cache/file" else known.home / part
    os.chown(path, 65534, 65534)
    answer = known.verify()
    assert answer.code == 4
    assert "belongs to user 65534" in (answer.error.get("message", "") + answer.complaint)
    os.chown(path, 0, 0)
    known.believe()


READ_ONLY = """
import os, sys
from pathlib import Path
from pytrust.cli.root import run
home, image = Path(sys.argv[1]), sys.argv[2]
words = ["--home", str(home), "verify", image]
assert run(words) == 0  # all is imported now
for path in [home, *home.rglob("*")]:
    os.chown(path, 65534, 65534)
    path.chmod(0o500 if path.is_dir() else 0o400)
for parent in list(home.parents)[:-1]:
    parent.chmod(parent.stat().st_mode | 0o011)
os.setegid(65534)
os.seteuid(65534)
sys.exit(run(words))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_read_only_home(known: Scene) -> None:
    """A home that cannot be written: refused with the path and the reason, and nothing is believed."""
    contents = {name: data for name, (_, data) in picture(known.home).items()}
    command = [sys.executable, "-c", READ_ONLY, str(known.home), known.image]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 4, done
    assert str(known.home / "cache") in done.stderr
    assert "internal" not in done.stderr
    assert done.stdout.count("signed by") == 1  # the first run's
    assert {name: data for name, (_, data) in picture(known.home).items()} == contents


def test_fifty_at_once(scene: Scene) -> None:
    """Clients that start together on an empty cache, while the publisher goes on: equal answers, one whole file."""
    ref = ImageRef.parse(scene.image)

    def ask(number: int) -> str:
        if number % 10 == 0:
            scene.web.stamp()
        client = TrustClient(
            scene.repository, Cache(scene.home / "cache"), [scene.web.pin], now=lambda: datetime.now(UTC)
        )
        return str(client.verify([ref])[0].digest)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert set(answers) == {scene.digests["v2"]}
    scene.believe(offline=True)
    assert not [path for path in (scene.home / "cache").iterdir() if path.name.startswith(".")]


def test_processes_at_once(scene: Scene) -> None:
    """The same with whole commands."""
    script = "import sys; from pytrust.cli.root import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "--home", str(scene.home), "verify", scene.image]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(8)]
    said = {process.communicate(timeout=60)[0].decode() for process in running}
    assert {process.returncode for process in running} == {0}
    assert len(said) == 1
    scene.believe(offline=True)


def test_leftovers_of_a_kill(known: Scene) -> None:
    """A half-written temporary file beside the cache is not read."""
    path = cache_file(known.home)
    path.with_name(f".{path.name}.123.456.new").write_bytes(b"half")
    known.believe()
