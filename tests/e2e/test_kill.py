"""kill -9 at every write: what lies on the disk afterwards is the old state or the new one, and both work.

strace ends the command with SIGKILL at the k-th system call that changes a file, for every k until the command gets
through. The home is put back before each try; a second run of the same command must then reach the new state.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.registry import FakeRegistry, oci_manifest
from tests.rig.needs import need
from tests.rig.processes import environment, find

from pytrust.policy.profiles.document import encode_profile
from pytrust.policy.profiles.model import Profile, Rule, Seccomp
from pytrust.policy.profiles.names import Action, Syscall
from pytrust.trust.keys.keyring import Keyring

_SYSCALLS = ("write", "pwrite64", "rename", "link", "unlink", "fsync", "fdatasync", "ftruncate", "mkdir")
_KILLED = -9
_CALLS = Rule(names=(Syscall("read"), Syscall("exit_group")), action=Action.ALLOW)
_MOST = 120  # more writes than any of these commands makes


@dataclass(frozen=True, slots=True)
class Scene:
    """A home with one signed tag, and a registry with two."""

    folder: Path
    image: str

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def environment(self) -> dict[str, str]:
        return environment(
            {
                "PYTRUST_HOME": str(self.home),
                "PYTRUST_PASSPHRASE": "a passphrase for tests",
                "HOME": str(self.folder),
                "PYTHONDONTWRITEBYTECODE": "1",
            }
        )

    def run(self, *words: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
        command = [*prefix, str(Path(sys.executable).with_name("pytrust")), *words]
        return subprocess.run(
            command, env=self.environment(), capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL
        )

    def must(self, *words: str) -> bytes:
        done = self.run(*words)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def verified(self, *tags: str) -> list[bool]:
        """Which of the tags verify; the rest must be refused as unsigned, not for any damage."""
        done = self.run("verify", "--json", *(f"{self.image}:{tag}" for tag in tags))
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        assert all(answer["ok"] or answer["error"]["code"] == "unsigned" for answer in answers), answers
        return [answer["ok"] for answer in answers]

    def copy(self, folder: Path) -> Scene:
        """The same scene elsewhere."""
        shutil.copytree(self.home, folder / "home", symlinks=True)
        return Scene(folder, self.image)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    need("" if find("strace") else "killing at every write needs strace: scripts/install-packages")
    with FakeRegistry() as registry:
        for tag in ("v1", "v2"):
            registry.put("foo/web", tag, oci_manifest(tag))
        made = Scene(tmp_path, f"{registry.host}/foo/web")
        made.must("init", "--signer", "alice")
        _cheap_keys(made.home)
        made.must("sign", f"{made.image}:v1")
        made.must("verify", f"{made.image}:v1")
        yield made


def _cheap_keys(home: Path) -> None:
    """Seal the keys again with one round of bcrypt: what is tested here is not the price of a guess."""
    keyring, passphrase = Keyring(home / "keys", rounds=1), b"a passphrase for tests"
    for entry in keyring.entries():
        key = keyring.open(entry.name, lambda _: passphrase)
        keyring.remove(entry.name)
        keyring.add(entry.name, key, lambda _: passphrase)


def _kill_everywhere(
    scene: Scene, words: tuple[str, ...], check: Callable[[Scene], None], syscalls: tuple[str, ...] = _SYSCALLS
) -> None:
    """Kill the command at every write, and ``check`` after each."""
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda syscall: _kill_at(scene, words, check, syscall), syscalls))
    assert sum(counts) >= len(syscalls)


def _kill_at(scene: Scene, words: tuple[str, ...], check: Callable[[Scene], None], syscall: str) -> int:
    """Kill at the first, second, ... call of ``syscall`` until there are no more; gives how often it was killed."""
    for number in range(1, _MOST):
        with tempfile.TemporaryDirectory(dir=scene.folder) as folder:
            here = scene.copy(Path(folder))
            inject = ("-e", f"trace={syscall}", "-e", f"inject={syscall}:signal=KILL:when={number}")
            done = here.run(*words, prefix=("strace", "-qqq", "-o", "/dev/null", *inject))
            if done.returncode == 0:
                return number - 1
            assert done.returncode in {_KILLED, 137}, done.stderr
            check(here)
    raise AssertionError(f"{words} never got through")


def test_sign(scene: Scene) -> None:
    def check(here: Scene) -> None:
        assert here.verified("v1", "v2") in ([True, False], [True, True])
        here.must("sign", f"{here.image}:v2")
        assert here.verified("v1", "v2") == [True, True]

    _kill_everywhere(scene, ("sign", f"{scene.image}:v2"), check)


def test_verify(scene: Scene) -> None:
    scene.must("sign", f"{scene.image}:v2")  # so that there is something new to keep

    def check(here: Scene) -> None:
        assert here.verified("v1", "v2") == [True, True]

    _kill_everywhere(scene, ("verify", f"{scene.image}:v2"), check)


def test_init(scene: Scene) -> None:
    shutil.rmtree(scene.home)
    scene.home.mkdir(mode=0o700)

    def check(here: Scene) -> None:
        if not any(here.home.iterdir()):
            here.must("init", "--signer", "alice")
        assert {path.name for path in (here.home / "keys").glob("*.key")} == {"alice.key", "root.key", "targets.key"}
        here.must("sign", f"{here.image}:v1")

    _kill_everywhere(scene, ("init", "--signer", "alice"), check, ("rename", "link", "mkdir"))


def test_key_rotation(scene: Scene) -> None:
    def check(here: Scene) -> None:
        assert here.verified("v1") == [True]
        here.must("sign", f"{here.image}:v2")
        assert here.verified("v1", "v2") == [True, True]

    rotate = ("key", "rotate", "root", scene.image)
    _kill_everywhere(scene, rotate, check, ("rename", "link", "unlink", "fsync", "fdatasync"))


def test_profile_attach(scene: Scene) -> None:
    """The image keeps the profile that it had, or has the new one; never none, and never one that is not believed."""
    old, new = (_write_profile(scene, name) for name in ("old", "new"))
    attach = ("profile", "attach", f"{scene.image}:v1")
    scene.must(*attach, str(old))

    def profile(here: Scene) -> str:
        found: dict[str, Any] = json.loads(here.must("inspect", "--json", here.image))
        assert found["disbelieved"] == []
        return str(found["tags"][0]["profile"])

    before = profile(scene)
    after = f"sha256:{sha256(new.read_bytes()).hexdigest()}"
    assert before == f"sha256:{sha256(old.read_bytes()).hexdigest()}"

    def check(here: Scene) -> None:
        assert profile(here) in {before, after}
        here.must(*attach, str(new))
        assert profile(here) == after

    _kill_everywhere(scene, (*attach, str(new)), check, ("rename", "fsync", "fdatasync"))


def _write_profile(scene: Scene, name: str) -> Path:
    path = scene.folder / f"{name}.json"
    path.write_bytes(encode_profile(Profile(name=name, seccomp=Seccomp(default=Action.ERRNO, rules=(_CALLS,)))))
    return path
