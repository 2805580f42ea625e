"""The online keys of a store: they sign snapshot and timestamp unattended.

They lie in the vault, with files that refer to it, or unencrypted in these files (mode 0600) where there is none. What
a thief of these keys can do is bounded by TUF: hide new tags until the keys are rotated, never sign one.
After a rotation the old key is kept beside the new one until every collection has moved to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pytrust.trust.errors import NotSetUp
from pytrust.trust.files import PRIVATE, check_owned, locked, read_private, write_atomic
from pytrust.trust.keys.private import PrivateKey, generate, import_pem
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.keys.vaulted_keys import (
    Opening,
    keep_key,
    open_key,
    private_pem,
    read_public,
    read_reference,
    there,
    write_reference,
)
from pytrust.trust.limits import KEY_FILE_MAX_BYTES, LOCK_TIMEOUT
from pytrust.trust.names import CollectionName

OnlineRole = Literal["snapshot", "timestamp"]
_ROLES: Final[tuple[OnlineRole, ...]] = ("snapshot", "timestamp")


class Closed(NamedTuple):
    """A key in the vault: ``open`` takes it out when it has to sign, once."""

    public: PublicKey
    open: Callable[[], Signer]


@dataclass(frozen=True, slots=True)
class OnlineKeys:
    """The signers of the two roles that a store keeps fresh by itself; the first of each is for new collections."""

    snapshot: tuple[Signer | Closed, ...]
    timestamp: tuple[Signer | Closed, ...]

    def offered(self, _name: CollectionName) -> tuple[PublicKey, PublicKey]:
        """The keys of snapshot and timestamp for new collections."""
        return self.snapshot[0].public, self.timestamp[0].public

    def find(self, role: OnlineRole, allowed: Iterable[PublicKey]) -> Signer | None:
        """The signer among ``allowed``; raises ``VaultLocked`` where it cannot be had now."""
        keys = set(allowed)
        held = next((held for held in self._pool(role) if held.public in keys), None)
        return held.open() if isinstance(held, Closed) else held

    def all_of(self, role: OnlineRole) -> frozenset[PublicKey]:
        """Every key of a role, old ones too."""
        return frozenset(held.public for held in self._pool(role))

    @property
    def in_vault(self) -> bool:
        """Whether one of them has to be taken out of the vault."""
        return any(isinstance(held, Closed) for held in (*self.snapshot, *self.timestamp))

    def _pool(self, role: OnlineRole) -> tuple[Signer | Closed, ...]:
        return self.snapshot if role == "snapshot" else self.timestamp


def create_online_keys(folder: Path, vault: Opening | None = None) -> None:
    """Make both keys, in ``folder`` (which exists, mode 0700) or in the vault; one that is there stays."""
    for path in (folder / f"{role}.pem" for role in _ROLES):
        if not path.exists():
            with suppress(FileExistsError):  # of a server that began at the same time
                write_atomic(path, _kept(path.stem, generate("ecdsa-p256"), vault), mode=PRIVATE, replace=False)


def rotate_online_key(folder: Path, role: OnlineRole, vault: Opening | None = None) -> PublicKey:
    """Put a new key in place, keeping the old one (if it is not lost) under a name of its own; gives the new one."""
    path, key = folder / f"{role}.pem", generate("ecdsa-p256")
    if path.exists() and isinstance(_load(path, vault), Closed):
        there(vault, f"the key {role}")  # else the new key would lie in the clear
    data = _kept(role, key, vault)
    with _locked(folder):
        if path.exists():
            with suppress(FileExistsError):
                os.link(path, folder / f"{role}-{_load(path, vault).public.id[:12]}.pem")
        write_atomic(path, data, mode=PRIVATE)
    return PublicKey.of(key.public_key())


def load_online_keys(folder: Path, vault: Opening | None = None) -> OnlineKeys:
    """Read all keys; raises ``BadPermissions``, ``NotSetUp``, or ``UsageError`` for a file that is no key."""
    check_owned(folder, forbidden=0o077)
    return OnlineKeys(_load_all(folder, "snapshot", vault), _load_all(folder, "timestamp", vault))


def online_files(folder: Path) -> list[Path]:
    """The files of all online keys that are there."""
    return [path for role in _ROLES for path in (folder / f"{role}.pem", *_old(folder, role)) if path.exists()]


def adopt_online_key(path: Path, vault: Opening) -> bool:
    """Move a key into the vault: first there, then out of its file; whether there was anything to do."""
    with _locked(path.parent):
        held = _load(path, vault)
        if isinstance(held, Closed):
            return False
        assert held.private is not None
        write_atomic(path, _kept(path.stem.partition("-")[0], held.private, vault), mode=PRIVATE)
    return True


def _load_all(folder: Path, role: OnlineRole, vault: Opening | None) -> tuple[Signer | Closed, ...]:
    first = folder / f"{role}.pem"
    if not first.exists():
        raise NotSetUp(
            f"{first} is missing", hint=f"restore it from a backup, or make a new one: pytrust key rotate {role} --all"
        )
    return tuple(_load(path, vault) for path in (first, *_old(folder, role)))


def _old(folder: Path, role: OnlineRole) -> list[Path]:
    return sorted(folder.glob(f"{role}-*.pem"))


def _load(path: Path, vault: Opening | None) -> Signer | Closed:
    data, what = read_private(path, KEY_FILE_MAX_BYTES), f"the key {path.stem}"
    secret = read_reference(data, "online", str(path))
    if secret is None:
        return signer_of(import_pem(data, None, str(path)))
    public = read_public(data, str(path))
    return Closed(public, cache(lambda: signer_of(open_key(vault, secret, public, what))))


def _kept(role: str, key: PrivateKey, vault: Opening | None) -> bytes:
    """What the file of a key says; where there is a vault, the key lies in it by then."""
    if vault is None:
        return private_pem(key)
    return PublicKey.of(key.public_key()).pem.encode() + write_reference(keep_key(vault(), "online", role, key))


def _locked(folder: Path) -> AbstractContextManager[None]:
    """Alone among those that change what is there already."""
    return locked(folder / ".lock", timeout=LOCK_TIMEOUT)
