"""Key files of notary before 0.6 and docker before 17.12: a traditional PEM body, encrypted as openssl once did.

``DEK-Info`` names AES-256-CBC and the initialisation vector, whose first eight bytes are the salt; the key is one round
of MD5 (RFC 1421, 4.6.1.3 for the headers; openssl, EVP_BytesToKey). Such files are read, never written.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from pytrust.trust.errors import Damaged, UsageError
from pytrust.trust.keys.notary_pbes2 import decrypt_cbc
from pytrust.trust.keys.notary_pem import PROC_TYPE, Block

_ENCRYPTED: Final = "4,ENCRYPTED"
_DEK: Final = re.compile(r"AES-256-CBC,([0-9A-Fa-f]{32})")
_SALT_BYTES: Final = 8
_KEY_BYTES: Final = 32


def is_encrypted(block: Block, what: str) -> bool:
    """Whether the headers say so; raises ``Damaged`` where they contradict each other."""
    marks = (block.headers.get(PROC_TYPE) == _ENCRYPTED, "DEK-Info" in block.headers)
    if marks == (True, True):
        return True
    if marks[1] or PROC_TYPE in block.headers:
        raise Damaged(f"{what} is damaged: Proc-Type and DEK-Info belong together")
    return False


def decrypt_legacy(block: Block, passphrase: bytes, what: str) -> bytes:
    """The body in clear; raises ``WrongPassphrase``, ``Damaged``, or ``UsageError`` for another cipher."""
    found = _DEK.fullmatch(block.headers["DEK-Info"])
    if found is None:
        raise UsageError(
            f"{what} is encrypted with another cipher than docker and notary use",
            hint="encrypt it anew: openssl pkey -aes256 -in FILE -out NEW",
        )
    iv = bytes.fromhex(found[1])
    return decrypt_cbc(block.body, _derive(passphrase, iv[:_SALT_BYTES]), iv, what)


def _derive(passphrase: bytes, salt: bytes) -> bytes:
    """EVP_BytesToKey with MD5 and a count of 1: the format's own weakness."""
    derived = block = b""
    while len(derived) < _KEY_BYTES:
        block = hashlib.md5(block + passphrase + salt, usedforsecurity=False).digest()
        derived += block
    return derived
