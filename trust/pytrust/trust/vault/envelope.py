"""How one value is sealed: under a key of its own, bound to its place. Pure.

    record = nonce (12 bytes) | AES-256-GCM ciphertext | tag (16)

The data key is random and used once. It is wrapped with AES-256-SIV (RFC 5297), which needs no nonce, under a key of
the vault's; value and wrapped key are bound to the same words: store, name, number, time, author, size, record.
"""

from __future__ import annotations

import secrets
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from pytrust.trust.errors import Damaged
from pytrust.trust.vault.master import bound
from pytrust.trust.vault.model import Version, VersionNumber
from pytrust.trust.vault.names import SecretName

ALGORITHM: Final = "A256GCM"
"""The only one so far; what names another is refused."""

OVERHEAD: Final = 28
"""Bytes that a record is longer than its value."""

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Place(NamedTuple):
    """What a value is bound to besides its store; see ``Version``."""

    name: SecretName
    number: VersionNumber
    created: int
    author: str


class Envelope:
    """Seals and opens the values of one vault.

    Args:
        wrapping_key: 64 bytes.
        store: the vault's id.
    """

    def __init__(self, wrapping_key: bytes, store: str) -> None:
        self._wrapping, self._store = AESSIV(wrapping_key), store

    def seal(self, value: bytes, place: Place) -> tuple[Version, bytes]:
        """A new version and its record."""
        record, key, nonce = secrets.token_hex(16), secrets.token_bytes(_KEY_BYTES), secrets.token_bytes(_NONCE_BYTES)
        version = Version(place.number, place.created, place.author, len(value), record, b"", ALGORITHM)
        words = self._bound(place.name, version)
        sealed = nonce + AESGCM(key).encrypt(nonce, value, words)
        wrapped = self._wrapping.encrypt(key, [words])
        return Version(place.number, place.created, place.author, len(value), record, wrapped, ALGORITHM), sealed

    def open(self, record: bytes, name: SecretName, version: Version) -> bytes:
        """The value; raises ``Damaged`` for what ``seal`` did not make for this very place."""
        words = self._bound(name, version)
        key = self._unwrap(name, version, words)
        try:
            return AESGCM(key).decrypt(record[:_NONCE_BYTES], record[_NONCE_BYTES:], words)
        except (InvalidTag, ValueError) as error:
            raise _changed(name, version) from error

    def rewrap(self, other: Envelope, name: SecretName, version: Version) -> Version:
        """The same version under the key of ``other``; the record stays as it is."""
        words = self._bound(name, version)
        wrapped = other._wrapping.encrypt(self._unwrap(name, version, words), [words])
        return Version(
            version.number,
            version.created,
            version.author,
            version.size,
            version.record,
            wrapped,
            version.algorithm,
        )

    def _unwrap(self, name: SecretName, version: Version, words: bytes) -> bytes:
        if version.algorithm != ALGORITHM:
            raise Damaged(f"{name} is sealed with {version.algorithm[:20]!r}, which this pytrust does not know")
        try:
            return self._wrapping.decrypt(version.wrapped, [words])
        except (InvalidTag, ValueError) as error:
            raise _changed(name, version) from error

    def _bound(self, name: SecretName, version: Version) -> bytes:
        return bound(
            "pytrust vault 1 value",
            self._store,
            name,
            version.number,
            version.created,
            version.author,
            version.size,
            version.record,
            version.algorithm,
        )


def _changed(name: SecretName, version: Version) -> Damaged:
    return Damaged(f"version {version.number} of {name} was changed by something that is not the vault")
