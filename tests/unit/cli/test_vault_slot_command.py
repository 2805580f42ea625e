"""``pytrust vault slot``, ``rekey`` and ``verify``: who gets in, and who no longer does."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pyrage
import pytest
from tests.fakes.vault_shell import VaultShell

from pytrust.cli import voice
from pytrust.trust.vault.slots import passphrase

CANARY = b"canary-e1c7"


@pytest.fixture
def user(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> VaultShell:
    monkeypatch.setattr(passphrase, "calibrate", lambda seconds: passphrase.Cost(64, 1, 1))
    made = VaultShell(tmp_path, capfdbinary)
    made.init()
    made.put("a", CANARY)
    return made


def private(path: Path, content: bytes) -> Path:
    path.touch(0o600)
    path.write_bytes(content)
    return path


def test_a_passphrase(user: VaultShell, tmp_path: Path) -> None:
    words = private(tmp_path / "words", b"correct horse battery\n")
    done = user.open("--passphrase-file", str(words), "vault", "slot", "add", "passphrase", "--label", "alice")
    assert (done.code, done.out) == (0, b"")
    assert re.fullmatch(r"added slot [0-9a-f]{8} \(passphrase\)\n", done.err)
    assert user.open("secret", "get", "a", key=words).out == CANARY
    assert user.header()["slots"][1]["label"] == "alice"


def test_another_unlock_key_shown_once_or_written(user: VaultShell, tmp_path: Path) -> None:
    shown = user.must("vault", "slot", "add", "unlock-key")
    assert user.open("secret", "get", "a", key=private(tmp_path / "shown", shown)).out == CANARY
    assert user.must("vault", "slot", "add", "unlock-key", str(tmp_path / "written")) == b""
    assert (tmp_path / "written").stat().st_mode & 0o777 == 0o600
    assert user.open("secret", "get", "a", key=tmp_path / "written").out == CANARY


def test_a_file_opens_it_without_a_word(user: VaultShell, tmp_path: Path) -> None:
    assert user.type("secret", "get", "a").code == 4
    user.must("vault", "slot", "add", "file", str(tmp_path / "stick"))
    assert user.type("secret", "get", "a").out == CANARY


def test_an_age_identity(user: VaultShell, tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    user.must("vault", "slot", "add", "age", str(identity.to_public()), "--label", "bob")
    assert user.open("secret", "get", "a", key=private(tmp_path / "id", f"{identity}\n".encode())).out == CANARY


@pytest.mark.parametrize("kind", ["unlock-key", "file"])
def test_a_key_that_opens_nothing_does_not_stay(
    user: VaultShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("pytrust.trust.vault.vault.VAULT_SLOTS_MAX", 1)
    said = user.open("vault", "slot", "add", kind, str(tmp_path / "new"))
    assert (said.code, said.out) == (2, b"")
    assert "at most 1 slot" in said.err
    assert not (tmp_path / "new").exists()


def test_who_is_removed_is_locked_out_of_what_comes(user: VaultShell, tmp_path: Path) -> None:
    user.must("vault", "slot", "add", "unlock-key", str(tmp_path / "gone"))
    gone = next(slot["id"] for slot in user.header()["slots"] if slot["id"] != user.header()["slots"][0]["id"])
    epoch = user.header()["epoch"]
    assert user.open("vault", "slot", "remove", gone).code == 1, "asked, and nobody there"
    assert user.header()["epoch"] == epoch
    assert user.must("vault", "slot", "remove", gone, "--yes").decode().startswith(f"removed slot {gone} (unlock-key)")
    assert user.header()["epoch"] == epoch + 1
    assert user.open("secret", "get", "a", key=tmp_path / "gone").code == 4
    assert user.must("secret", "get", "a") == CANARY


def test_the_last_way_stays(user: VaultShell) -> None:
    before = user.tree()
    said = user.open("vault", "slot", "remove", user.slots()["unlock-key"], "--yes")
    assert (said.code, user.tree()) == (2, before)
    assert said.err.startswith("error: without its only slot")


def test_the_key_file_of_a_removed_slot_is_named(user: VaultShell, tmp_path: Path) -> None:
    user.must("vault", "slot", "add", "file", str(tmp_path / "stick"))
    said = user.open("vault", "slot", "remove", user.slots()["file"], "--yes")
    assert said.err.endswith(f"hint: its key file opens nothing any more: rm {tmp_path / 'stick'}\n")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["add"], 2, "KIND"),
        (["add", "tpm"], 2, "tpm"),
        (["add", "passphrase", "hunter2hunter2"], 2, "takes no argument"),
        (["add", "passphrase"], 4, "a passphrase for the vault is needed"),
        (["add", "unlock-key", "one", "two"], 2, "takes 0 to 1 argument"),
        (["add", "unlock-key", "key"], 2, "exists already"),
        (["add", "file"], 2, "takes 1 argument"),
        (["add", "file", "key"], 2, "exists already"),
        (["add", "file", "home/vault/key"], 2, "lies in the vault"),
        (["add", "file", "no/such/place"], 2, "is no folder"),
        (["add", "age"], 2, "takes 1 to 64"),
        (["add", "age", "age1x"], 2, "no recipient"),
        (["add", "os-keyring", "x"], 2, "takes no argument"),
        (["add", "pkcs11"], 2, "takes 1 argument"),
        (["add", "file", "new", "--label", "\x1b[2J"], 2, "no label"),
        (["add", "file", "new", "--label", "x" * 65], 2, "no label"),
        (["remove", "00000000", "--yes"], 2, "no slot"),
        (["remove", "\x1b[2J", "--yes"], 2, "no slot"),
        (["remove"], 2, "ID"),
    ],
)
def test_wrong_words_change_nothing(
    user: VaultShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = user.tree()
    said = user.open("vault", "slot", *words)
    assert (said.code, said.out) == (code, b""), said
    assert told in said.err
    assert said.err.count("\n") <= 2
    assert "\x1b" not in said.err
    assert "hunter2" not in said.err
    assert user.tree() == before


def test_new_keys_for_everything(user: VaultShell) -> None:
    old = shutil.copytree(user.home / "vault", user.folder / "old")
    assert user.must("vault", "rekey") == b"the vault has new keys: epoch 2, generation 3\n"
    assert user.must("secret", "get", "a") == CANARY
    new = user.header()
    assert json.loads((old / "vault.json").read_bytes().partition(b"\n")[0])["epoch"] == new["epoch"] - 1
    records = {path.read_bytes() for path in (user.home / "vault" / "records").glob("*/*")}
    assert records == {path.read_bytes() for path in (old / "records").glob("*/*")}, "values stay as they lie"


def test_a_whole_vault_is_said_to_be(user: VaultShell) -> None:
    assert user.must("vault", "verify") == b"the vault is whole: generation 2, 1 value\n"
    assert json.loads(user.must("vault", "verify", "--json")) == {"generation": 2, "faults": []}


def test_each_fault_has_its_line(user: VaultShell) -> None:
    user.put("b", b"second")
    user.put("c", b"third")
    first, second, _ = sorted((user.home / "vault" / "records").glob("*/*"), key=lambda path: path.stat().st_mtime_ns)
    second.write_bytes(bytes(len(second.read_bytes())))
    first.unlink()
    said = user.open("vault", "verify")
    assert said.code == 4
    assert said.out.decode().splitlines() == [
        "the value of version 1 of a is gone",
        "version 1 of b was changed by something that is not the vault",
    ]
    found = json.loads(user.open("vault", "verify", "--json").out)
    assert len(found["faults"]) == 2


def test_the_agent_of_a_removed_keyring_entry_is_no_obstacle(user: VaultShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slot goes, even where its keyring cannot be reached any more."""
    from pytrust.trust.errors import VaultLocked
    from pytrust.trust.vault.slots import os_keyring
    from pytrust.trust.vault.slots.made import Made

    def closed(params: object) -> None:
        raise VaultLocked("this user's keyring stays closed")

    monkeypatch.setattr(os_keyring, "make", lambda: Made(bytes(32), {"entry": "0" * 32}))
    monkeypatch.setattr(os_keyring, "forget", closed)
    monkeypatch.setattr(os_keyring, "seed", lambda params: bytes(32))
    monkeypatch.setattr(voice, "confirm", lambda question: True)
    user.must("vault", "slot", "add", "os-keyring")
    said = user.open("vault", "slot", "remove", user.slots()["os-keyring"])
    assert said.code == 0
    assert "os-keyring" not in user.slots()
    assert "stays closed" in said.err
