"""The key ring: private keys at rest, one file a key.

A file holds the public key in PEM (so that listing opens nothing) followed by either the sealed private key or the URI
of a key that lives elsewhere: in the vault (see vaulted_keys.py), an HSM (PKCS#11) or a cloud KMS. One file is one
atomic write. Where there is a vault, it gets every new key, before the file is written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytrust.trust.errors import Conflict, Damaged, NoSuchKey, UsageError
from pytrust.trust.files import PRIVATE, check_owned, locked, read_private, sync_folder, write_atomic
from pytrust.trust.keys.private import KDF_ROUNDS, PrivateKey, seal, unseal
from pytrust.trust.keys.public import PublicKey, read_public_pem
from pytrust.trust.keys.vaulted_keys import (
    PUBLIC_END,
    SCHEME,
    Opening,
    Place,
    forget,
    keep_key,
    open_key,
    read_reference,
    read_uri,
    there,
    write_reference,
    write_uri,
)
from pytrust.trust.limits import KEY_FILE_MAX_BYTES, LOCK_TIMEOUT
from pytrust.trust.names import KeyId, RoleName, parse_role
from pytrust.trust.vault.names import SecretName

Passphrase = Callable[[RoleName], bytes]
"""Asks for the passphrase of the named key; raises ``WrongPassphrase`` where there is none."""

_SUFFIX: Final = ".key"
_LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What can be said of a key without opening it; ``uri`` is set where the private half lives elsewhere."""

    name: RoleName
    public: PublicKey
    uri: str | None

    @property
    def in_vault(self) -> bool:
        """Whether the vault of the home has it."""
        return self.uri is not None and self.uri.startswith(SCHEME)

    @property
    def outside(self) -> bool:
        """Whether a device has it, which never gives it away."""
        return self.uri is not None and not self.in_vault


class Keyring:
    """Keys in a folder that only its owner may read.

    Args:
        folder: mode 0700; checked at each use.
        rounds: bcrypt_pbkdf rounds for newly sealed keys.
        vault: where new keys go, and from where those come that files refer to; None: sealed, into the files.
        place: which of the vault's keys are meant.
    """

    def __init__(
        self, folder: Path, *, rounds: int = KDF_ROUNDS, vault: Opening | None = None, place: Place = "signing"
    ) -> None:
        self._folder = folder
        self._rounds = rounds
        self._vault = vault
        self._place = place

    def entries(self) -> list[KeyEntry]:
        """All keys, by name; raises ``Damaged`` or ``BadPermissions`` for one that is not as we wrote it."""
        return [self.entry(name) for name in self._names()]

    def entry(self, name: RoleName) -> KeyEntry:
        """One key; raises ``NoSuchKey``."""
        public, private = self._read(name)
        return KeyEntry(name, public, read_uri(private))

    def find(self, key_id: KeyId) -> KeyEntry | None:
        """The entry that holds the key with this id, under whatever name."""
        return next((entry for entry in self.entries() if entry.public.id == key_id), None)

    def open(self, name: RoleName, passphrase: Passphrase) -> PrivateKey:
        """Decrypt a key, or take it out of the vault, which needs no passphrase.

        Raises:
            NoSuchKey: there is none of this name.
            WrongPassphrase: it stays closed.
            VaultLocked: so does the vault.
            Damaged: it is not what it was.
        """
        public, private = self._read(name)
        if secret := self._reference(name, private):
            return open_key(self._vault, secret, public, f"the key {name}")
        if read_uri(private):
            raise UsageError(f"the key {name} lives outside this key ring", hint="it can sign, but not be exported")
        key = unseal(private, passphrase(name), f"the key {name}")
        if PublicKey.of(key.public_key()) != public:
            raise Damaged(f"the two halves of the key {name} do not belong together", hint="restore it from a backup")
        return key

    def add(self, name: RoleName, key: PrivateKey, passphrase: Passphrase) -> KeyEntry:
        """Keep a new key, in the vault or sealed under ``passphrase``, which is asked for only then.

        Raises ``UsageError`` where the name is taken.
        """
        check_owned(self._folder, forbidden=0o077)
        if self._path(name).exists():
            raise _taken(name)
        public = PublicKey.of(key.public_key())
        if self._vault is None:
            return self._store(name, public, seal(key, passphrase(name), rounds=self._rounds))
        vaulted = self._vault()
        with self._locked():  # else ``remove`` could take the same key out of the vault meanwhile
            return self._store(name, public, write_reference(keep_key(vaulted, self._place, name, key)))

    def add_uri(self, name: RoleName, public: PublicKey, uri: str) -> KeyEntry:
        """Keep a reference to a key in an HSM or KMS; raises ``UsageError`` where name or URI do not fit."""
        if uri.startswith(SCHEME):
            raise UsageError("keys in the vault are not referred to by hand", hint="pytrust key import NAME FILE")
        return self._store(name, public, write_uri(uri))

    def adopt(self, name: RoleName, passphrase: Passphrase) -> bool:
        """Move a sealed key into the vault: first there, then out of its file; whether there was anything to do.

        Raises:
            Conflict: the file was changed meanwhile.
        """
        assert self._vault is not None
        public, private = before = self._read(name)
        if read_uri(private):
            return False
        key, vaulted = self.open(name, passphrase), self._vault()
        with self._locked():
            if (now := self._read(name)) != before:
                if now[0] == public and self._reference(name, now[1]):
                    return False
                raise Conflict(f"the key {name} was changed meanwhile")
            secret = keep_key(vaulted, self._place, name, key)
            write_atomic(self._path(name), public.pem.encode() + write_reference(secret), mode=PRIVATE)
        return True

    def promote(self, new: RoleName, name: RoleName) -> RoleName:
        """Let the key ``new`` take the name ``name``; what had it is kept under a name that ends in its id.

        At no moment is there no key called ``name``. Returns what the old key is called now; raises ``NoSuchKey``, or
        ``UsageError`` where that name belongs to a third key.
        """
        with self._locked():
            kept = parse_role(f"{name}-{self.entry(name).public.id[:8]}")
            self.entry(new)
            try:
                os.link(self._path(name), self._path(kept))
            except FileExistsError:
                if self.entry(kept).public != self.entry(name).public:
                    raise _taken(kept) from None
            self._path(new).replace(self._path(name))
            sync_folder(self._folder)
        return kept

    def remove(self, name: RoleName) -> None:
        """Forget a key, in the vault too unless another name has the same; or raises ``NoSuchKey``.

        The vault's goes first: what was killed in between is finished by doing it again. Where the vault is not there,
        nothing is removed: ``NotSetUp``.
        """
        with self._locked():
            public, private = self._read(name)
            secret = self._reference(name, private)
            if secret and not self._is_shared(name, secret):
                forget(there(self._vault, f"the key {name}")(), secret, public)
            self._path(name).unlink()
            sync_folder(self._folder)

    def _is_shared(self, name: RoleName, secret: SecretName) -> bool:
        """``promote`` leaves one key under two names where it is killed."""
        others = (other for other in self._names() if other != name)
        return any(self._reference(other, self._read(other)[1]) == secret for other in others)

    def _reference(self, name: RoleName, private: bytes) -> SecretName | None:
        return read_reference(private, self._place, f"the key {name}")

    def _locked(self) -> AbstractContextManager[None]:
        """Alone among those that change what is there already."""
        check_owned(self._folder, forbidden=0o077)
        return locked(self._folder / _LOCK, timeout=LOCK_TIMEOUT)

    def _store(self, name: RoleName, public: PublicKey, private: bytes) -> KeyEntry:
        check_owned(self._folder, forbidden=0o077)
        try:
            write_atomic(self._path(name), public.pem.encode() + private, mode=PRIVATE, replace=False)
        except FileExistsError:
            raise _taken(name) from None
        return KeyEntry(name, public, read_uri(private))

    def _read(self, name: RoleName) -> tuple[PublicKey, bytes]:
        check_owned(self._folder, forbidden=0o077)
        path = self._path(name)
        if not path.exists():
            raise NoSuchKey(f"the key ring holds no key named {name}", hint="see what it holds: pytrust key list")
        public, end, private = read_private(path, KEY_FILE_MAX_BYTES).partition(PUBLIC_END)
        if not end or not private:
            raise Damaged(f"{path} is not a key file of pytrust", hint="restore it from a backup, or remove it")
        return read_public_pem(public + end, str(path)), private

    def _names(self) -> Iterator[RoleName]:
        check_owned(self._folder, forbidden=0o077)
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            yield parse_role(path.name.removesuffix(_SUFFIX))

    def _path(self, name: RoleName) -> Path:
        return self._folder / f"{name}{_SUFFIX}"


def _taken(name: RoleName) -> UsageError:
    return UsageError(
        f"there is a key named {name} already", hint=f"choose another name, or: pytrust key remove {name}"
    )
