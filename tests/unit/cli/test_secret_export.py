"""``pytrust secret export``: for whom it is, what goes with it, and that nothing leaves in the clear."""

from __future__ import annotations

from pathlib import Path

import pyrage
import pytest
from tests.fakes.secret_shell import NOW, SecretShell
from tests.fakes.vaulted import FakeVaulted

from pytrust.trust.vault import age
from pytrust.trust.vault.bundle import decode_bundle

CANARY = b"canary-3b0c"


@pytest.fixture
def shell(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> SecretShell:
    made = SecretShell(FakeVaulted(now=lambda: NOW), capfdbinary, tmp_path)
    made.vault.put("a", CANARY, labels={"team": "web"}, readers=("uid:7",), expires=NOW + 60)
    made.vault.put("shop/db", b"older")
    made.vault.put("shop/db", CANARY + b"2")
    made.vault.put("over", CANARY, expires=NOW)
    made.vault.put("pytrust/key/ca/root", CANARY)
    return made


@pytest.fixture(scope="module")
def identity() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def to(identity: pyrage.x25519.Identity) -> list[str]:
    return ["--recipient", str(identity.to_public())]


def opened(identity: pyrage.x25519.Identity, data: bytes) -> bytes:
    return age.decrypt(data, str(identity).encode())


def test_all_of_it(shell: SecretShell, identity: pyrage.x25519.Identity, to: list[str], tmp_path: Path) -> None:
    said = shell("export", *to, "-o", str(tmp_path / "out"))
    assert (said.code, said.out) == (0, b"")
    assert said.err == (f"note: over is left out: its time is over\nwrote 2 secrets to {tmp_path / 'out'}, encrypted\n")
    data = (tmp_path / "out").read_bytes()
    assert CANARY not in data
    assert b"shop" not in data
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    first, second = decode_bundle(opened(identity, data))
    assert (first.name, first.value, second.name, second.value) == ("a", CANARY, "shop/db", CANARY + b"2")
    assert first.terms == shell.vault.secret("a").terms
    assert {(read.name, read.purpose) for read in shell.vault.reads} == {
        (name, "pytrust secret export") for name in ("a", "over", "shop/db")
    }


def test_one_value_alone(shell: SecretShell, identity: pyrage.x25519.Identity, to: list[str]) -> None:
    assert opened(identity, shell("export", "a", "--raw", *to).out) == CANARY
    assert opened(identity, shell("export", "shop/", "--raw", *to).out) == CANARY + b"2"


def test_a_passphrase_from_a_file_of_recipients(
    shell: SecretShell, identity: pyrage.x25519.Identity, tmp_path: Path
) -> None:
    other = pyrage.x25519.Identity.generate()
    (tmp_path / "who").write_text(f"# the team\n{identity.to_public()}\n\n  {other.to_public()}  \r\n")
    data = shell("export", "a", "--recipients-file", str(tmp_path / "who")).out
    assert opened(identity, data) == opened(other, data)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "for whom is it"),
        (["--passphrase", "--recipient", "age1x"], 2, "for whom is it"),
        (["--recipient", "age1x"], 2, "no recipient"),
        (["--recipient", "AGE-SECRET-KEY-1QQQ"], 2, "no recipient"),
        (["--recipients-file", "/nonexistent"], 2, "cannot be read"),
        (["--recipients-file", "/dev/null"], 2, "for whom is it"),
        (["--passphrase"], 4, "a passphrase for the exported file is needed"),
        (["pytrust/key/ca/root", "TO"], 2, "own"),
        (["pytrust/", "TO"], 2, "own"),
        (["none", "TO"], 1, "no secret none"),
        (["none/", "TO"], 1, "no secret below none/"),
        (["over", "TO"], 1, "its time is over"),
        (["--raw", "TO"], 2, "--raw takes one secret"),
        (["--raw", "shop/", "a", "TO"], 2, "--raw takes one secret"),
    ],
)
def test_wrong_words(shell: SecretShell, to: list[str], tmp_path: Path, words: list[str], code: int, told: str) -> None:
    spelled = [part for word in words for part in (to if word == "TO" else [word])]
    said = shell("export", *spelled, "-o", str(tmp_path / "out"))
    assert (said.code, said.out) == (code, b"")
    assert told in said.err
    assert said.err.count("\n") <= 2
    assert CANARY.decode() not in said.err
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_written_over(shell: SecretShell, to: list[str], tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"mine")
    assert shell("export", *to, "-o", str(tmp_path / "out")).code == 2
    assert (tmp_path / "out").read_bytes() == b"mine"
    assert shell.vault.reads == []
