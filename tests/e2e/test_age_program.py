"""The ``age`` program, the library ``pyrage`` and pytrust read one another's files, and agree on broken ones."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pyrage
import pytest
from tests.rig.needs import need
from tests.rig.processes import environment, find
from tests.rig.ssh_keys import ssh_key
from tests.rig.terminal import typed
from tests.vectors.age.make import IDENTITY, PASSPHRASE, RECIPIENT, Vector, vectors

from pytrust.trust.errors import WrongPassphrase
from pytrust.trust.vault import age

SIZES = (0, 1, 65_535, 65_536, 65_537, 1_000_000)
VECTORS = {vector.name: vector for vector in vectors() if not vector.passphrase}
SPACED = "armor, white space outside"
"""The format lets readers allow it; age 1.1.1 takes other white space than ours."""


@pytest.fixture(autouse=True)
def program() -> None:
    need("" if find("age") else "age is not installed")


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "identity"
    path.write_text(f"# made for tests\n{IDENTITY}\n")
    return path


def ran(*words: str | Path, data: bytes = b"") -> bytes:
    done = subprocess.run(["age", *words], input=data, capture_output=True, timeout=60, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def plain(size: int) -> bytes:
    return bytes(number * 7 % 251 for number in range(size))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("armored", [False, True])
def test_the_program_opens_ours(identity: Path, size: int, armored: bool) -> None:
    made = age.encrypt(plain(size), [RECIPIENT], armored=armored)
    assert ran("-d", "-i", identity, data=made) == plain(size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("flags", [[], ["-a"]], ids=["binary", "armored"])
def test_we_open_the_programs(identity: Path, size: int, flags: Sequence[str]) -> None:
    made = ran(*flags, "-r", RECIPIENT, data=plain(size))
    assert age.decrypt(made, identity.read_bytes()) == plain(size)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_ssh_keys_go_both_ways(tmp_path: Path, kind: str) -> None:
    key = ssh_key("rsa", bits=3072) if kind == "rsa" else ssh_key("ed25519")
    (tmp_path / "key").write_bytes(key.private)
    assert ran("-d", "-i", tmp_path / "key", data=age.encrypt(plain(99), [key.public])) == plain(99)
    assert age.decrypt(ran("-a", "-r", key.public.strip(), data=plain(99)), key.private) == plain(99)


def test_a_key_of_the_programs_own_making_is_an_identity(tmp_path: Path) -> None:
    subprocess.run(["age-keygen", "-o", tmp_path / "key"], check=True, capture_output=True, timeout=60)
    text = (tmp_path / "key").read_text()
    recipient = text.partition("public key: ")[2].split()[0]
    assert age.decrypt(age.encrypt(plain(9), [recipient]), text.encode()) == plain(9)


def test_the_program_opens_ours_by_passphrase(tmp_path: Path) -> None:
    made = age.encrypt(plain(99), passphrase=PASSPHRASE.encode(), armored=True)
    (tmp_path / "made").write_bytes(made)
    words = ["age", "-d", "-o", str(tmp_path / "opened"), str(tmp_path / "made")]
    code, screen = typed(words, [("Enter passphrase", PASSPHRASE)], env={})
    assert code == 0, screen
    assert (tmp_path / "opened").read_bytes() == plain(99)
    assert age.decrypt(made, passphrase=PASSPHRASE.encode()) == plain(99)
    with pytest.raises(WrongPassphrase):
        age.decrypt(made, passphrase=b"incorrect horse")


def test_we_open_the_programs_by_passphrase(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(plain(99))
    words = ["age", "-p", "-o", str(tmp_path / "made"), str(tmp_path / "plain")]
    lines = [("Enter passphrase", PASSPHRASE), ("Confirm passphrase", PASSPHRASE)]
    code, screen = typed(words, lines, env={})
    assert code == 0, screen
    assert age.decrypt((tmp_path / "made").read_bytes(), passphrase=PASSPHRASE.encode()) == plain(99)


ENCRYPTS: dict[str, Callable[[bytes, bool], bytes]] = {
    "pyrage": lambda data, armored: pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(RECIPIENT)], armored),
    "ours": lambda data, armored: age.encrypt(data, [RECIPIENT], armored=armored),
    "age": lambda data, armored: ran(*(["-a"] if armored else []), "-r", RECIPIENT, data=data),
}
DECRYPTS: dict[str, Callable[[bytes], bytes]] = {
    "pyrage": lambda file: pyrage.decrypt(file, [pyrage.x25519.Identity.from_str(IDENTITY)]),
    "ours": lambda file: age.decrypt(file, IDENTITY.encode()),
}


@pytest.mark.parametrize("armored", [False, True])
@pytest.mark.parametrize("reader", DECRYPTS)
@pytest.mark.parametrize("writer", ENCRYPTS)
def test_whoever_writes_whoever_reads(writer: str, reader: str, armored: bool) -> None:
    assert DECRYPTS[reader](ENCRYPTS[writer](plain(70_000), armored)) == plain(70_000)


@pytest.mark.parametrize("name", [name for name in VECTORS if name != SPACED])
def test_the_program_says_the_same_of_our_vectors(tmp_path: Path, name: str) -> None:
    vector: Vector = VECTORS[name]
    (tmp_path / "identity").write_text(vector.identities + "\n")
    words = ["age", "-d", "-i", str(tmp_path / "identity")]
    done = subprocess.run(words, input=vector.file, capture_output=True, timeout=60, env=environment())
    assert (done.returncode == 0) == (vector.expect == "opens"), done.stderr
    if vector.expect == "opens":
        assert done.stdout == vector.plain


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) > 100
