"""kill -9 at every write of ``pytrust vault adopt``: every key can be used at once, and the same words finish it.

strace ends the process with SIGKILL at the k-th system call of a kind that changes a file, for every k until it gets
through. The home is put back before each try.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig import key_home
from tests.rig.key_home import NAMES, PASSPHRASE, KeyHome, places_of, secret_words
from tests.rig.needs import need
from tests.rig.processes import find

from pytrust.cli.serve_keys import key_files
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.online import OnlineRole, load_online_keys
from pytrust.trust.keys.pocket import referred
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.sealing import load_sealer
from pytrust.trust.names import RoleName
from pytrust.trust.server.auth.signing_key import signing_key
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import open_slot, read_header
from pytrust.trust.vault.slots import unlock_key
from pytrust.trust.vault.vault import Vault

_STRIDES = {"write": 3, "rename": 1, "link": 1, "unlink": 1, "fsync": 5, "mkdir": 2, "ftruncate": 2, "fchmod": 2}
"""Calls that change a file, and every how manieth of them the process is killed at."""
_KILLED = -9
_MOST = 400
_PLACE = "docker.io/foo/web timestamp 00"
_ROLES: tuple[OnlineRole, ...] = ("snapshot", "timestamp")


@dataclass(frozen=True)
class Base:
    """A home with its keys in files, and what they must stay."""

    at: KeyHome
    publics: set[PublicKey]
    sealed: bytes
    token: int
    secret: list[bytes]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    need("" if find("strace") else "killing at every write needs strace: scripts/install-packages")
    at = key_home.make(tmp_path_factory.mktemp("base") / "at")
    rings = [Keyring(at.home / place) for place in ("keys", "ca/keys")]
    keys = load_online_keys(at.online)
    publics = {entry.public for ring in rings for entry in ring.entries()}.union(*map(keys.all_of, _ROLES))
    sealed, token = load_sealer(at.online).seal(b"secret", _PLACE), signing_key(at.token)
    words = [word for _, word in secret_words(at)]
    return Base(at, publics, sealed, token.private_numbers().private_value, words)


def opened(at: KeyHome) -> Vault:
    header = read_header(at.home / "vault")
    seed = unlock_key.parse(at.unlock.read_text())
    return Vault.open(at.home / "vault", at.folder / "home.anchor", open_slot(header, header.slots[0], seed))


def check_usable(base: Base, at: KeyHome, where: str) -> None:
    """Every key opens, from its file or the vault, and is the one it was."""
    vault = opened(at)
    desk = Desk(vault, now=lambda: 0, owner="uid:0")
    found = set()
    for place, folder in (("signing", at.home / "keys"), ("ca", at.home / "ca" / "keys")):
        ring = Keyring(folder, vault=lambda: desk, place=place)  # type: ignore[arg-type]
        for entry in ring.entries():
            found.add(PublicKey.of(ring.open(entry.name, word).public_key()))
    keys = load_online_keys(at.online, lambda: desk)
    for role in _ROLES:
        for public in keys.all_of(role):
            signer = keys.find(role, [public])
            assert signer is not None, where
            assert signer.private is not None, where
            found.add(PublicKey.of(signer.private.public_key()))
    assert found == base.publics, where
    assert load_sealer(at.online, lambda: desk).open(base.sealed, _PLACE) == b"secret", where
    assert signing_key(at.token, lambda: desk).private_numbers().private_value == base.token, where
    assert list(vault.verify()) == [], where
    vault.close()


def word(_: RoleName) -> bytes:
    return PASSPHRASE.encode()


def check_done(base: Base, at: KeyHome, where: str) -> None:
    """All keys are in the vault, and nowhere else."""
    files = [*key_files(at.online, at.token)]
    assert len(referred(files)) == len(files), where
    for folder in (at.home / "keys", at.home / "ca" / "keys"):
        assert all(entry.in_vault for entry in Keyring(folder).entries()), where
    assert {path.stem for path in (at.home / "keys").glob("*.key")} == set(NAMES), where
    for secret in base.secret:
        assert places_of(at.folder, secret) == [], where


def kill_at_each(base: Base, scratch: Path, syscall: str) -> int:
    for count, number in enumerate(range(1, _MOST, _STRIDES[syscall])):
        with tempfile.TemporaryDirectory(dir=scratch) as temporary:
            at = KeyHome(Path(temporary) / "at")
            shutil.copytree(base.at.folder, at.folder, symlinks=True)
            inject = ("-e", f"trace={syscall}", "-e", f"inject={syscall}:signal=KILL:when={number}")
            done = adopting(at, "strace", "-qqq", "-o", "/dev/null", *inject)
            if done.returncode == 0:
                return count
            assert done.returncode in {_KILLED, 137}, done.stderr
            where = f"killed at {syscall} {number}"
            check_usable(base, at, where)
            again = adopting(at)
            assert again.returncode == 0, (where, again.stderr)
            assert again.stdout.endswith(b"11 private keys of this home in the vault, 0 in files\n"), where
            check_usable(base, at, where)
            check_done(base, at, where)
    raise AssertionError("it never got through")


def adopting(at: KeyHome, *prefix: str) -> subprocess.CompletedProcess[bytes]:
    program = str(Path(sys.executable).with_name("pytrust"))
    command = [*prefix, program, "--unlock-file", str(at.unlock), "vault", "adopt"]
    return subprocess.run(
        command,
        env=at.settings(PYTRUST_PASSPHRASE=PASSPHRASE),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def test_kill_everywhere(base: Base, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda syscall: kill_at_each(base, tmp_path, syscall), _STRIDES))
    assert sum(counts) > 60, dict(zip(_STRIDES, counts, strict=True))


def test_three_at_once(base: Base, tmp_path: Path) -> None:
    """Each finds what the others did."""
    at = KeyHome(tmp_path / "at")
    shutil.copytree(base.at.folder, at.folder, symlinks=True)
    with ThreadPoolExecutor(3) as pool:
        for done in pool.map(lambda _: adopting(at), range(3)):
            assert done.returncode == 0, done.stderr
            assert done.stdout.endswith(b" private keys of this home in the vault, 0 in files\n")
    check_usable(base, at, "at once")
    check_done(base, at, "at once")
