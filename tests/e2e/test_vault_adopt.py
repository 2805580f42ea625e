"""Private keys move into the vault of their home: nothing stays in the clear, and everything that signed goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.registry import FakeRegistry, oci_manifest
from tests.rig import key_home
from tests.rig.key_home import PASSPHRASE, KeyHome, places_of, secret_words
from tests.rig.proxy import installed
from tests.rig.terminal import typed

from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.private import import_pem
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import RoleName


@dataclass(frozen=True, slots=True)
class Scene:
    """A home, and a registry with three tags."""

    at: KeyHome
    image: str

    def copy(self, folder: Path) -> Scene:
        shutil.copytree(self.at.folder, folder, symlinks=True)
        return Scene(KeyHome(folder), self.image)

    def verified(self, *tags: str) -> None:
        self.at.must("verify", *(f"{self.image}:{tag}" for tag in tags), unlock=False)


@pytest.fixture(scope="module")
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        for tag in ("v1", "v2", "v3"):
            running.put("foo/web", tag, oci_manifest(tag))
        yield running


@pytest.fixture(scope="module")
def before(registry: FakeRegistry, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Keys in files; v1 is signed."""
    made = Scene(key_home.make(tmp_path_factory.mktemp("before") / "at"), f"{registry.host}/foo/web")
    made.at.must("sign", f"{made.image}:v1", unlock=False, PYTRUST_PASSPHRASE=PASSPHRASE)
    return made


@pytest.fixture(scope="module")
def after(before: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The same with all keys in the vault."""
    made = before.copy(tmp_path_factory.mktemp("after") / "at")
    made.at.adopt()
    return made


@pytest.fixture
def scene(before: Scene, tmp_path: Path) -> Scene:
    return before.copy(tmp_path / "at")


@pytest.fixture
def moved(after: Scene, tmp_path: Path) -> Scene:
    return after.copy(tmp_path / "at")


def test_nothing_is_left_in_the_clear(scene: Scene) -> None:
    words = list(secret_words(scene.at))
    found = {name for name, word in words if places_of(scene.at.home, word)}
    assert found == {"seal.key", "snapshot.pem", "timestamp.pem", "token-key.pem"} | {
        path.name for path in scene.at.online.glob("snapshot-*.pem")
    }, "the canary sings while the keys lie in files"
    said = scene.at.adopt()
    assert said.splitlines()[-1] == "11 private keys of this home in the vault, 0 in files"
    for name, word in words:
        assert places_of(scene.at.folder, word) == [], name
    assert places_of(scene.at.home, b"PRIVATE KEY") == []
    for path in scene.at.files():
        assert b"\nURI: vault:pytrust/key/" in b"\n" + path.read_bytes(), path
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_run_is_nothing(moved: Scene) -> None:
    state = moved.at.state()
    report = json.loads(moved.at.must("vault", "adopt", "--json"))
    assert (report["moved"], report["in_files"], report["failures"]) == ([], [], [])
    assert len(report["in_vault"]) == 11
    assert moved.at.state() == state


def test_a_dry_run_opens_and_changes_nothing(scene: Scene) -> None:
    state = scene.at.state()
    report = json.loads(scene.at.must("vault", "adopt", "--dry-run", "--json", unlock=False))
    assert {(key["kind"], key["name"]) for key in report["in_files"]} >= {
        ("signing", "alice"),
        ("online", "snapshot"),
        ("online", "seal"),
        ("token", "token-key.pem"),
        ("ca", "client-ca-g1"),
    }
    assert "would move the signing key alice\n" in scene.at.must("vault", "adopt", "--dry-run", unlock=False)
    assert scene.at.state() == state


def test_a_wrong_passphrase_keeps_its_keys_where_they_are(scene: Scene) -> None:
    sealed = {path: path.read_bytes() for path in scene.at.home.glob("**/*.key") if path.name != "seal.key"}
    done = scene.at.run("vault", "adopt", PYTRUST_PASSPHRASE="a wrong passphrase")
    assert done.returncode == 1
    assert "error: signing key alice: wrong passphrase for the key alice\n" in done.stderr
    assert done.stdout.endswith("5 private keys of this home in the vault, 6 in files\n")
    assert {path: path.read_bytes() for path in sealed} == sealed
    nobody = scene.at.run("vault", "adopt")
    assert nobody.returncode == 1
    assert "the passphrase of the key alice is needed" in nobody.stderr
    assert scene.at.adopt().endswith("11 private keys of this home in the vault, 0 in files\n")


def test_at_a_terminal_each_passphrase_is_asked_for_once(scene: Scene) -> None:
    ring = Keyring(scene.at.home / "keys", rounds=1)
    key = ring.open(RoleName("root"), lambda _: PASSPHRASE.encode())
    ring.remove(RoleName("root"))
    ring.add(RoleName("root"), key, lambda _: b"another passphrase")
    command = [str(installed()), "--unlock-file", str(scene.at.unlock), "vault", "adopt"]
    lines = [("passphrase for the key alice: ", PASSPHRASE), ("passphrase for the key root: ", "another passphrase")]
    code, screen = typed(command, lines, env=scene.at.settings())
    assert (code, screen.count("passphrase for")) == (0, 2), screen
    assert "11 private keys of this home in the vault, 0 in files" in screen
    assert PASSPHRASE not in screen


def test_signing_goes_on_without_a_passphrase(moved: Scene) -> None:
    assert "signed by alice" in moved.at.must("sign", f"{moved.image}:v2")
    moved.verified("v1", "v2")
    for role in ("timestamp", "snapshot"):
        moved.at.must("key", "rotate", role, "--all")
    for role in ("root", "alice", "targets"):
        moved.at.must("key", "rotate", role, moved.image)
        moved.verified("v1", "v2")
    moved.at.must("sign", f"{moved.image}:v3")
    moved.verified("v1", "v2", "v3")
    assert places_of(moved.at.home, b"PRIVATE KEY") == []
    assert {entry["uri"][:18] for entry in json.loads(moved.at.must("key", "list", "--json", unlock=False))} == {
        "vault:pytrust/key/"
    }
    kept = next(
        entry["name"] for entry in json.loads(moved.at.must("key", "list", "--json")) if "alice-" in entry["name"]
    )
    moved.at.must("key", "remove", kept, "--yes")
    moved.at.must("sign", f"{moved.image}:v1")


def test_new_keys_go_there_and_come_out_for_other_tools(moved: Scene) -> None:
    moved.at.must("key", "generate", "bob")
    assert "bob" in moved.at.must("key", "list", unlock=False)
    assert places_of(moved.at.home, b"PRIVATE KEY") == []
    out = moved.at.folder / "alice.pem"
    refused = moved.at.run("key", "export", "alice", "-o", out)
    assert (refused.returncode, out.exists()) == (4, False)
    moved.at.must("key", "export", "alice", "-o", out, PYTRUST_PASSPHRASE="another passphrase")
    key = import_pem(out.read_bytes(), b"another passphrase", "alice")
    entries = {entry["name"]: entry["id"] for entry in json.loads(moved.at.must("key", "list", "--json", unlock=False))}
    assert PublicKey.of(key.public_key()).id == entries["alice"]
    moved.at.must("key", "export", "root", "--docker", "-o", moved.at.folder / "r", PYTRUST_PASSPHRASE="x" * 12)
    moved.at.must("key", "remove", "bob", "--yes")
    moved.at.must(
        "key", "import", "bob", out, "--old-passphrase-file", secret_file(moved.at.folder, "another passphrase")
    )
    assert moved.at.run("key", "import", "eve", "--uri", "vault:pytrust/key/ca/x", "--public-key", out).returncode == 2


def secret_file(folder: Path, text: str) -> Path:
    path = folder / "words"
    path.touch(0o600)
    path.write_text(text)
    return path


def test_the_authority_goes_on(moved: Scene) -> None:
    assert "client bob" in moved.at.must("ca", "client", "bob")
    assert "server docker1" in moved.at.must("ca", "server", "docker1")
    moved.at.must("ca", "renew", "bob")
    moved.at.must("ca", "revoke", "bob")
    stick = moved.at.folder / "root.key"
    moved.at.must("ca", "root", "export", stick, PYTRUST_PASSPHRASE="another passphrase")
    moved.at.must("ca", "root", "export", stick, PYTRUST_PASSPHRASE="another passphrase")  # once more, the same
    moved.at.must("ca", "root", "remove", "--yes")
    assert moved.at.run("ca", "rotate", "client-ca", "--yes").returncode != 0
    moved.at.must("ca", "root", "import", stick, PYTRUST_PASSPHRASE="another passphrase")
    assert b"URI: vault:pytrust/key/ca/root-g1-" in (moved.at.home / "ca/keys/root-g1.key").read_bytes()
    moved.at.run("ca", "rotate", "client-ca", "--yes", "--force-drop")
    assert (moved.at.home / "ca/keys/client-ca-g2.key").exists()
    assert "LoadCredential" not in moved.at.must("ca", "timer", unlock=False)


LOCKED = [
    ("sign", "IMAGE:v2"),
    ("revoke", "IMAGE:v1"),
    ("key", "generate", "bob"),
    ("key", "export", "alice"),
    ("key", "rotate", "snapshot", "--all"),
    ("key", "rotate", "alice", "IMAGE"),
    ("key", "remove", "alice", "--yes"),
    ("repo", "refresh", "IMAGE"),
    ("ca", "client", "bob"),
    ("ca", "server", "docker1"),
    ("ca", "root", "export", "/nonexistent/root.key"),
    ("vault", "adopt"),
]
OPEN = [
    ("key", "list"),
    ("status",),
    ("verify", "IMAGE:v1"),
    ("inspect", "IMAGE"),
    ("signer", "list", "IMAGE"),
    ("key", "export", "alice", "--public"),
    ("repo", "export", "/FOLDER/www"),
    ("ca", "list"),
    ("ca", "renew", "--check"),
    ("vault", "adopt", "--dry-run"),
]


def words_for(scene: Scene, words: tuple[str, ...]) -> list[str]:
    return [word.replace("IMAGE", scene.image).replace("/FOLDER", str(scene.at.folder)) for word in words]


@pytest.mark.parametrize("words", LOCKED, ids=" ".join)
def test_what_signs_says_that_the_vault_is_locked(moved: Scene, words: tuple[str, ...]) -> None:
    state = moved.at.state()
    done = moved.at.run(*words_for(moved, words), unlock=False)
    assert done.returncode == 4, done.stderr + done.stdout
    assert "error: the vault is locked" in done.stderr
    assert "hint: pytrust vault unlock\n" in done.stderr
    assert moved.at.state() == state


@pytest.mark.parametrize("words", OPEN, ids=" ".join)
def test_what_only_looks_needs_no_vault(after: Scene, words: tuple[str, ...]) -> None:
    done = after.at.run(*words_for(after, words), unlock=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "vault" not in done.stderr.lower()


def test_keys_without_their_vault(moved: Scene) -> None:
    shutil.rmtree(moved.at.home / "vault")
    for words in (("sign", f"{moved.image}:v2"), ("ca", "client", "bob")):
        done = moved.at.run(*words, unlock=False)
        assert done.returncode == 4
        assert "lies in a vault, and there is none here" in done.stderr
        assert "pytrust vault restore" in done.stderr
    moved.verified("v1")


def test_a_home_that_begins_with_a_vault(tmp_path: Path, registry: FakeRegistry) -> None:
    """No passphrase is asked for: without a terminal, that would be an error."""
    at = KeyHome(tmp_path)
    at.must("vault", "init", "--unlock-key-only", "--unlock-key-file", at.unlock, unlock=False)
    at.must("init", "--signer", "alice")
    at.must("ca", "init")
    at.must("sign", f"{registry.host}/foo/web:v1")
    at.must("verify", f"{registry.host}/foo/web:v1", unlock=False)
    at.must("ca", "client", "alice")
    leaves = {str(path) for path in (at.home / "ca" / "clients").rglob("key.pem") if path.is_file()}
    assert leaves
    found = set(places_of(at.home, b"PRIVATE KEY"))
    assert {Path(place).resolve() for place in found} == {Path(leaf).resolve() for leaf in leaves}
    assert at.must("vault", "adopt").endswith("8 private keys of this home in the vault, 0 in files\n")


def test_no_vault(tmp_path: Path) -> None:
    at = KeyHome(tmp_path)
    done = at.run("vault", "adopt", unlock=False)
    assert (done.returncode, "there is no vault at" in done.stderr) == (4, True)
    assert "hint: make a vault with: pytrust vault init\n" in done.stderr


def test_exported_keys_open_with_openssl(moved: Scene) -> None:
    out = moved.at.folder / "alice.pem"
    moved.at.must("key", "export", "alice", "-o", out, PYTRUST_PASSPHRASE=PASSPHRASE)
    words = ["openssl", "pkey", "-in", str(out), "-passin", f"pass:{PASSPHRASE}", "-pubout"]
    made = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20)
    assert made.stdout == moved.at.must("key", "export", "alice", "--public", unlock=False)
