"""The online keys of a store: they sign snapshot and timestamp unattended, so they lie unencrypted, mode 0600.

What a thief of these keys can do is bounded by TUF: hide new tags until the keys are rotated, never sign one.
After a rotation the old key is kept beside the new one until every collection has moved to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives import serialization

from pytrust.trust.errors import NotSetUp
from pytrust.trust.files import PRIVATE, check_owned, read_private, write_atomic
from pytrust.trust.keys.private import PrivateKey, generate, import_pem
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.limits import KEY_FILE_MAX_BYTES
from pytrust.trust.names import CollectionName

OnlineRole = Literal["snapshot", "timestamp"]


@dataclass(frozen=True, slots=True)
class OnlineKeys:
    """The signers of the two roles that a store keeps fresh by itself; the first of each is for new collections."""

    snapshot: tuple[Signer, ...]
    timestamp: tuple[Signer, ...]

    def offered(self, _name: CollectionName) -> tuple[PublicKey, PublicKey]:
        """The keys of snapshot and timestamp for new collections."""
        return self.snapshot[0].public, self.timestamp[0].public

    def find(self, role: OnlineRole, allowed: Iterable[PublicKey]) -> Signer | None:
        """The signer among ``allowed``."""
        keys = set(allowed)
        return next((signer for signer in self._pool(role) if signer.public in keys), None)

    def all_of(self, role: OnlineRole) -> frozenset[PublicKey]:
        """Every key of a role, old ones too."""
        return frozenset(signer.public for signer in self._pool(role))

    def _pool(self, role: OnlineRole) -> tuple[Signer, ...]:
        return self.snapshot if role == "snapshot" else self.timestamp


def create_online_keys(folder: Path) -> None:
    """Make both keys in ``folder`` (which exists, mode 0700)."""
    _write(folder / "snapshot.pem", generate("ecdsa-p256"))
    _write(folder / "timestamp.pem", generate("ecdsa-p256"))


def rotate_online_key(folder: Path, role: OnlineRole) -> PublicKey:
    """Put a new key in place, keeping the old one (if it is not lost) under a name of its own; gives the new one."""
    path = folder / f"{role}.pem"
    if path.exists():
        with suppress(FileExistsError):
            os.link(path, folder / f"{role}-{_load(path).public.id[:12]}.pem")
    key = generate("ecdsa-p256")
    _write(path, key)
    return PublicKey.of(key.public_key())


def load_online_keys(folder: Path) -> OnlineKeys:
    """Read all keys; raises ``BadPermissions``, ``NotSetUp``, or ``UsageError`` for a file that is no key."""
    check_owned(folder, forbidden=0o077)
    return OnlineKeys(_load_all(folder, "snapshot"), _load_all(folder, "timestamp"))


def _load_all(folder: Path, role: OnlineRole) -> tuple[Signer, ...]:
    first = folder / f"{role}.pem"
    if not first.exists():
        raise NotSetUp(
            f"{first} is missing", hint=f"restore it from a backup, or make a new one: pytrust key rotate {role} --all"
        )
    return tuple(_load(path) for path in (first, *sorted(folder.glob(f"{role}-*.pem"))))


def _load(path: Path) -> Signer:
    return signer_of(import_pem(read_private(path, KEY_FILE_MAX_BYTES), None, str(path)))


def _write(path: Path, key: PrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_atomic(path, pem, mode=PRIVATE)
