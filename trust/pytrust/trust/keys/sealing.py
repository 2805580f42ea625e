"""Small secrets that a store keeps among its rows, sealed under one key that lies beside it.

AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits. What a secret belongs to is authenticated with it, so that
no row can be moved to another collection or role.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pytrust.trust.errors import Damaged
from pytrust.trust.files import PRIVATE, read_private, write_atomic

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class Sealer:
    """Seals and opens under ``key`` (32 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

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


def load_sealer(folder: Path) -> Sealer:
    """The sealer of the store whose online keys lie in ``folder``; its key is made at first use."""
    path = folder / "seal.key"
    if not path.exists():
        with suppress(FileExistsError):
            write_atomic(path, secrets.token_bytes(_KEY_BYTES), mode=PRIVATE, replace=False)
    key = read_private(path, _KEY_BYTES)
    if len(key) != _KEY_BYTES:
        raise Damaged(f"{path} is not a key of {_KEY_BYTES} bytes")
    return Sealer(key)
