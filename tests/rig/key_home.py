"""A home whose private keys can move into its vault: every kind of them, cheap to open; and what is secret in them."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import bcrypt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from tests.rig.founding import found
from tests.rig.processes import environment
from tests.rig.proxy import installed

from pytrust.cli.settings import DEFAULT_URL, render_settings
from pytrust.cli.workspace import Workspace
from pytrust.trust.files import write_atomic
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.online import create_online_keys, rotate_online_key
from pytrust.trust.keys.private import PrivateKey, generate
from pytrust.trust.keys.sealing import SEAL_FILE, load_sealer
from pytrust.trust.names import RoleName
from pytrust.trust.server.auth.signing_key import signing_key
from pytrust.trust.store.sqlite import SqliteStore
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.slots import unlock_key
from pytrust.trust.vault.vault import create_vault

PASSPHRASE: Final = "a passphrase for tests"
USER, PASSWORD = "ann", "a password for tests"
NAMES: Final = tuple(map(RoleName, ("alice", "root", "targets")))


@dataclass(frozen=True, slots=True)
class KeyHome:
    """``folder/home``, with an empty vault that ``folder/unlock`` opens."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def unlock(self) -> Path:
        return self.folder / "unlock"

    @property
    def online(self) -> Path:
        return self.home / "store" / "online"

    @property
    def token(self) -> Path:
        return self.home / "token-key.pem"

    def settings(self, **more: str) -> dict[str, str]:
        words = {"PYTRUST_HOME": str(self.home), "HOME": str(self.folder), "DOCKER_CONFIG": str(self.folder / "docker")}
        return environment({**words, "PYTHONDONTWRITEBYTECODE": "1", **more})

    def run(self, *words: str | Path, unlock: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """The command; with the key of the vault, unless said otherwise; never with a terminal."""
        options = ["--unlock-file", self.unlock] if unlock else []
        return subprocess.run(
            [installed(), *map(str, options), *map(str, words)],
            env=self.settings(**more),
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    def must(self, *words: str | Path, unlock: bool = True, **more: str) -> str:
        done = self.run(*words, unlock=unlock, **more)
        assert done.returncode == 0, (words, done.stderr, done.stdout)
        return done.stdout

    def adopt(self) -> str:
        return self.must("vault", "adopt", PYTRUST_PASSPHRASE=PASSPHRASE)

    def workspace(self) -> Workspace:
        """As a command has it, with the key of the vault."""
        return Workspace(self.home, None, None, self.unlock, None)

    def files(self) -> list[Path]:
        """All that hold private keys before, and refer to them afterwards."""
        rings = [*self.home.glob("keys/*.key"), *self.home.glob("ca/keys/*.key")]
        return sorted([*rings, *self.online.glob("*.pem"), self.online / SEAL_FILE, self.token])

    def state(self) -> dict[Path, bytes]:
        """Every file of the home but the vault's, locks, and what SQLite shares between processes."""
        found = (path for path in self.home.rglob("*") if path.is_file() and "vault" not in path.parts)
        return {path: path.read_bytes() for path in found if path.name not in {".lock", "store.db-shm"}}


def make(folder: Path, *, authority: bool = True) -> KeyHome:
    """A home with a signing key ring, a store whose snapshot key was rotated, a server, an authority, and a vault."""
    made = KeyHome(folder)
    made.home.mkdir(0o700, parents=True)
    (made.home / "keys").mkdir(0o700)
    ring = Keyring(made.home / "keys", rounds=1)
    for name in NAMES:
        ring.add(name, generate("ecdsa-p256"), _word)
    made.online.parent.mkdir(0o700)
    made.online.mkdir(0o700)
    create_online_keys(made.online)
    rotate_online_key(made.online, "snapshot")
    load_sealer(made.online)
    SqliteStore(made.home / "store" / "store.db").close()
    root = ring.entry(RoleName("root")).public.id
    write_atomic(made.home / "config.toml", render_settings(DEFAULT_URL, RoleName("alice"), [root], 1).encode())
    signing_key(made.token)
    write_htpasswd(made)
    if authority:
        found(made.home, PASSPHRASE)
    _make_vault(made)
    return made


def write_htpasswd(made: KeyHome) -> None:
    """``folder/htpasswd``, which lets ``USER`` in."""
    line = USER.encode() + b":" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)) + b"\n"
    write_atomic(made.folder / "htpasswd", line)


def secret_words(made: KeyHome) -> Iterator[tuple[str, bytes]]:
    """What must be nowhere in the clear: of each key the PKCS#8 bytes, the number, and lines of the PEM.

    To be asked for while all keys lie in files.
    """
    yield "seal.key", (made.online / SEAL_FILE).read_bytes()
    for path in made.files():
        if path.suffix == ".key" and path.name != SEAL_FILE:
            yield from _words(path.name, Keyring(path.parent).open(RoleName(path.stem), _word))
        elif path.suffix == ".pem":
            key = load_pem_private_key(path.read_bytes(), None)
            assert isinstance(key, EllipticCurvePrivateKey)
            yield from _words(path.name, key)


def places_of(folder: Path, word: bytes) -> list[str]:
    """The files below ``folder`` that hold ``word``."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and word in path.read_bytes()]


def _words(name: str, key: PrivateKey) -> Iterator[tuple[str, bytes]]:
    assert isinstance(key, EllipticCurvePrivateKey)
    yield name, key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8)
    yield name, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    yield from ((name, line) for line in pem.splitlines()[1:3])


def _make_vault(made: KeyHome) -> None:
    seed = secrets.token_bytes(32)
    write_atomic(made.unlock, unlock_key.spelled(seed).encode())
    slot = NewSlot(unlock_key.KIND, "", seed, {})
    now = int(datetime.now(UTC).timestamp())
    create_vault(made.home / "vault", made.folder / "home.anchor", [slot], now=now).close()


def _word(_: RoleName) -> bytes:
    return PASSPHRASE.encode()
