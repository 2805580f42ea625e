"""Small secrets that a store keeps among its rows, sealed under one key: beside it in ``seal.key``, or in the vault.

AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits. What a secret belongs to is authenticated with it, so that
no row can be moved to another collection or role.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pytrust.trust.errors import Damaged
from pytrust.trust.files import PRIVATE, locked, read_private, write_atomic
from pytrust.trust.keys.vaulted_keys import Opening, fetch, keep_bytes, read_reference, write_reference
from pytrust.trust.limits import KEY_FILE_MAX_BYTES, LOCK_TIMEOUT
from pytrust.trust.vault.names import SecretName

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_WHAT: Final = "the key of sealed keys"
SEAL_FILE: Final = "seal.key"


class Sealer:
    """Seals and opens under ``key`` (32 bytes), or under what ``key`` gives when it is first needed."""

    def __init__(self, key: bytes | Callable[[], bytes]) -> None:
        self._key = key
        self._made: AESGCM | None = None

    @property
    def _aead(self) -> AESGCM:
        if self._made is None:
            self._made = AESGCM(self._key if isinstance(self._key, bytes) else self._key())
        return self._made

    def seal(self, secret: bytes, belongs_to: str) -> bytes:
        """Encrypt ``secret``, bound to what it belongs to."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._aead.encrypt(nonce, secret, belongs_to.encode())

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        """Decrypt what ``seal`` made; raises ``Damaged`` for anything else, or of anything else."""
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, body if sealed.startswith(_VERSION) else b"", belongs_to.encode())
        except (InvalidTag, ValueError) as error:
            raise Damaged(
                f"a sealed key of {belongs_to.partition(' ')[0]} does not open",
                hint="is store/online/seal.key the one that this store was written with? restore it from a backup",
            ) from error


def load_sealer(folder: Path, vault: Opening | None = None) -> Sealer:
    """The sealer of the store whose online keys lie in ``folder``; its key is made at first use.

    Where there is a vault, it is opened when something is sealed or opened, and not before.
    """
    path = folder / SEAL_FILE
    if vault is None:
        if not path.exists():
            _write_new(path, secrets.token_bytes(_KEY_BYTES))
    elif not path.exists():
        return Sealer(partial(_made, path, vault))
    found = _read(path)
    return Sealer(found) if isinstance(found, bytes) else Sealer(partial(fetch, vault, found.secret, _WHAT))


def make_seal(folder: Path, vault: Opening | None) -> None:
    """Make the key now, where there is none."""
    if vault is None:
        load_sealer(folder)
    elif not (folder / SEAL_FILE).exists():
        _made(folder / SEAL_FILE, vault)


def adopt_seal(folder: Path, vault: Opening) -> bool:
    """Move the key into the vault: first there, then out of its file; whether there was anything to do."""
    path = folder / SEAL_FILE
    with locked(folder / ".lock", timeout=LOCK_TIMEOUT):
        key = _read(path)
        if not isinstance(key, bytes):
            return False
        write_atomic(path, write_reference(keep_bytes(vault(), "online", "seal", key)), mode=PRIVATE)
    return True


class _Elsewhere(NamedTuple):
    """In the vault."""

    secret: SecretName


def _read(path: Path) -> bytes | _Elsewhere:
    data = read_private(path, KEY_FILE_MAX_BYTES)
    if secret := read_reference(data, "online", str(path)):
        return _Elsewhere(secret)
    if len(data) != _KEY_BYTES:
        raise Damaged(f"{path} is not a key of {_KEY_BYTES} bytes")
    return data


def _made(path: Path, vault: Opening) -> bytes:
    """The key of a store that had none; several processes that begin at one time agree on one."""
    if not path.exists():
        secret = keep_bytes(vault(), "online", "seal", secrets.token_bytes(_KEY_BYTES))
        _write_new(path, write_reference(secret))
    found = _read(path)
    return found if isinstance(found, bytes) else fetch(vault, found.secret, _WHAT)


def _write_new(path: Path, data: bytes) -> None:
    with suppress(FileExistsError):
        write_atomic(path, data, mode=PRIVATE, replace=False)
