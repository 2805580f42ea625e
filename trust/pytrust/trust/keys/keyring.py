"""The key ring: private keys at rest, one file a key, behind an interface that a vault can take over.

A file holds the public key in PEM (so that listing needs no passphrase) followed by either the sealed private key or
the URI of a key that lives elsewhere (PKCS#11, cloud KMS). One file is one atomic write.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytrust.trust.errors import Damaged, NoSuchKey, UsageError
from pytrust.trust.files import PRIVATE, check_owned, read_private, sync_folder, write_atomic
from pytrust.trust.keys.private import KDF_ROUNDS, PrivateKey, seal, unseal
from pytrust.trust.keys.public import PublicKey, read_public_pem
from pytrust.trust.limits import KEY_FILE_MAX_BYTES
from pytrust.trust.names import KeyId, RoleName, parse_role

Passphrase = Callable[[RoleName], bytes]
"""Asks for the passphrase of the named key; raises ``WrongPassphrase`` where there is none."""

_SUFFIX: Final = ".key"
_PUBLIC_END = b"-----END PUBLIC KEY-----\n"
_URI = re.compile(rb"URI: ([\x21-\x7e]{1,1024})\n")


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What can be said of a key without opening it; ``uri`` is set where the private half lives elsewhere."""

    name: RoleName
    public: PublicKey
    uri: str | None


class Keyring:
    """Keys in a folder that only its owner may read.

    Args:
        folder: mode 0700; checked at each use.
        rounds: bcrypt_pbkdf rounds for newly sealed keys.
    """

    def __init__(self, folder: Path, *, rounds: int = KDF_ROUNDS) -> None:
        self._folder = folder
        self._rounds = rounds

    def entries(self) -> list[KeyEntry]:
        """All keys, by name; raises ``Damaged`` or ``BadPermissions`` for one that is not as we wrote it."""
        return [self.entry(name) for name in self._names()]

    def entry(self, name: RoleName) -> KeyEntry:
        """One key; raises ``NoSuchKey``."""
        public, private = self._read(name)
        uri = _URI.fullmatch(private)
        return KeyEntry(name, public, uri[1].decode() if uri else None)

    def find(self, key_id: KeyId) -> KeyEntry | None:
        """The entry that holds the key with this id, under whatever name."""
        return next((entry for entry in self.entries() if entry.public.id == key_id), None)

    def open(self, name: RoleName, passphrase: Passphrase) -> PrivateKey:
        """Decrypt a key; raises ``NoSuchKey``, ``WrongPassphrase`` or ``Damaged``."""
        public, private = self._read(name)
        if _URI.fullmatch(private):
            raise UsageError(f"the key {name} lives outside this key ring", hint="it can sign, but not be exported")
        key = unseal(private, passphrase(name), f"the key {name}")
        if PublicKey.of(key.public_key()) != public:
            raise Damaged(f"the two halves of the key {name} do not belong together", hint="restore it from a backup")
        return key

    def add(self, name: RoleName, key: PrivateKey, passphrase: bytes) -> KeyEntry:
        """Seal and keep a new key; raises ``UsageError`` where the name is taken."""
        return self._store(name, PublicKey.of(key.public_key()), seal(key, passphrase, rounds=self._rounds), None)

    def add_uri(self, name: RoleName, public: PublicKey, uri: str) -> KeyEntry:
        """Keep a reference to a key in an HSM or KMS; raises ``UsageError`` where name or URI do not fit."""
        line = f"URI: {uri}\n".encode()
        if not _URI.fullmatch(line):
            raise UsageError(f"{uri[:100]!r} is not a key URI", hint="for example hsm:2?label=release")
        return self._store(name, public, line, uri)

    def promote(self, new: RoleName, name: RoleName) -> RoleName:
        """Let the key ``new`` take the name ``name``; what had it is kept under a name that ends in its id.

        At no moment is there no key called ``name``. Returns what the old key is called now; raises ``NoSuchKey``, or
        ``UsageError`` where that name belongs to a third key.
        """
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
        """Forget a key; raises ``NoSuchKey``."""
        self._read(name)
        self._path(name).unlink()
        sync_folder(self._folder)

    def _store(self, name: RoleName, public: PublicKey, private: bytes, uri: str | None) -> KeyEntry:
        check_owned(self._folder, forbidden=0o077)
        try:
            write_atomic(self._path(name), public.pem.encode() + private, mode=PRIVATE, replace=False)
        except FileExistsError:
            raise _taken(name) from None
        return KeyEntry(name, public, uri)

    def _read(self, name: RoleName) -> tuple[PublicKey, bytes]:
        check_owned(self._folder, forbidden=0o077)
        path = self._path(name)
        if not path.exists():
            raise NoSuchKey(f"the key ring holds no key named {name}", hint="see what it holds: pytrust key list")
        public, end, private = read_private(path, KEY_FILE_MAX_BYTES).partition(_PUBLIC_END)
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
