"""``pytrust vault init``: two ways in, a key that is shown once, and nothing where there is a vault already."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from tests.fakes.vault_shell import VaultShell

from pytrust.cli import voice
from pytrust.trust.vault.slots import passphrase

WORDS = b"correct horse battery"
KEY = re.compile(rb"PTKEY-1-[A-Za-z0-9_-]{48}\n")


@pytest.fixture
def user(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> VaultShell:
    monkeypatch.setattr(passphrase, "calibrate", lambda seconds: passphrase.Cost(64, 1, 1))
    return VaultShell(tmp_path, capfdbinary)


def private(path: Path, content: bytes) -> Path:
    path.touch(0o600)
    path.write_bytes(content)
    return path


def test_a_passphrase_and_an_unlock_key_each_open_it(user: VaultShell, tmp_path: Path) -> None:
    words = private(tmp_path / "words", WORDS + b"\n")
    done = user.type("--passphrase-file", str(words), "vault", "init")
    assert done.code == 0, done
    assert KEY.fullmatch(done.out)
    key = done.out.decode().strip()
    assert key not in done.err
    assert WORDS.decode() not in done.err
    assert user.slots().keys() == {"passphrase", "unlock-key"}
    assert user.open("secret", "put", "a", stdin=b"v", key=words).code == 0
    assert user.open("secret", "get", "a", key=private(tmp_path / "k", done.out)).out == b"v"
    everything = b"".join(user.tree().values())
    assert WORDS not in everything
    assert key.encode() not in everything


def test_a_passphrase_from_a_descriptor(user: VaultShell, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, WORDS)
    os.close(writing)
    assert user.type("--passphrase-fd", str(reading), "vault", "init").code == 0
    os.close(reading)
    assert user.open("vault", "verify", key=private(tmp_path / "words", WORDS)).code == 0


def test_asked_for_twice(user: VaultShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    typed = iter(["correct horse battery", "correct horse batterie", "correct horse battery", "correct horse battery"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(voice, "ask_secret", lambda question: next(typed))
    said = user.type("vault", "init")
    assert (said.code, user.home.exists()) == (2, False)
    assert "differ" in said.err
    assert user.type("vault", "init").code == 0
    assert user.open("vault", "verify", key=private(tmp_path / "words", WORDS)).code == 0


def test_for_a_host_that_nobody_is_at(user: VaultShell) -> None:
    done = user.type("vault", "init", "--unlock-key-only", "--unlock-key-file", str(user.key))
    assert (done.code, done.out) == (0, b"")
    assert KEY.fullmatch(user.key.read_bytes())
    assert stat.S_IMODE(user.key.stat().st_mode) == 0o600
    assert user.slots().keys() == {"unlock-key"}
    assert stat.S_IMODE(user.home.stat().st_mode) == 0o700
    assert stat.S_IMODE((user.home / "vault").stat().st_mode) == 0o700
    for path in (user.home / "vault").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_vault_that_is_there_stays(user: VaultShell, tmp_path: Path) -> None:
    user.init()
    user.put("a", b"v")
    before = user.tree()
    for words in (["--unlock-key-only"], ["--unlock-key-only", "--unlock-key-file", str(tmp_path / "new")], []):
        said = user.type("vault", "init", *words)
        assert (said.code, said.out) == (2, b"")
        assert "there is a vault" in said.err
    assert user.tree() == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("root", "words", "code", "told"),
    [
        ([], [], 4, "a passphrase for the vault is needed"),
        (["--passphrase-file", "short"], [], 2, "fewer than"),
        (["--passphrase-file", "empty"], [], 2, "holds no passphrase"),
        (["--passphrase-file", "binary"], [], 2, "not UTF-8"),
        (["--passphrase-file", "open"], [], 4, "open to others"),
        (["--passphrase-file", "missing"], [], 4, "does not exist"),
        (["--passphrase-fd", "987"], [], 2, "987"),
        ([], ["--unlock-key-only", "--unlock-key-file", "short"], 2, "exists already"),
        ([], ["--unlock-key-only", "--unlock-key-file", "no/such/place"], 2, "cannot be written"),
        ([], ["--unlock-key-only", "--unlock-key-file", "home/vault/key"], 2, "lies in the vault"),
        ([], ["--unlock-key-only", "more"], 2, "more"),
    ],
)
def test_wrong_words_leave_nothing(
    user: VaultShell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    root: list[str],
    words: list[str],
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in {"short": b"1234567\n", "empty": b"\n", "binary": b"\xff" * 20, "open": WORDS}.items():
        private(tmp_path / name, content)
    (tmp_path / "open").chmod(0o644)
    said = user.type(*root, "vault", "init", *words)
    assert (said.code, said.out) == (code, b""), said
    assert told in said.err
    assert said.err.count("\n") <= 2
    assert not (user.home / "vault" / "vault.json").exists()


def test_a_home_that_others_can_write(user: VaultShell) -> None:
    user.home.mkdir()
    user.home.chmod(0o777)
    said = user.type("vault", "init", "--unlock-key-only")
    assert (said.code, said.out) == (4, b"")
    assert not (user.home / "vault").exists()
