"""Public keys as values, identified by what they are.

A ``KeyId`` is the sha256 of the DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), so one key has one id whatever name a
metadata format gives it: ``openssl pkey -pubin -outform DER | sha256sum`` prints the same. TUF's own key ids are labels
(TAP 12); counting those instead would let one key sign twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from pytrust.trust.errors import UsageError
from pytrust.trust.names import KeyId

_RSA_MIN_BITS = 2048
_LOADED_MAX = 256  # keys kept as objects: those of the collections at hand, asked for at every signature
UNSUPPORTED: Final = "unsupported"
"""The ``kind`` of a key that nothing here verifies: other curves, DSA, short RSA."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key; two are equal when their key material is."""

    spki: bytes = field(repr=False)
    id: KeyId

    @classmethod
    def of(cls, key: PublicKeyTypes) -> PublicKey:
        """Wrap a key of the ``cryptography`` library."""
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return cls(spki, KeyId(hashlib.sha256(spki).hexdigest()))

    @property
    def pem(self) -> str:
        """PEM SubjectPublicKeyInfo, as openssl and cosign write it."""
        encoded = self.load().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return encoded.decode()

    @property
    def kind(self) -> str:
        """``ecdsa-p256``, ``ecdsa-p384``, ``ed25519`` or ``rsa-<bits>``; else ``UNSUPPORTED``."""
        return _kind_of(self.spki)

    def load(self) -> PublicKeyTypes:
        """The key as an object of the ``cryptography`` library."""
        return _load(self.spki)


@lru_cache(maxsize=_LOADED_MAX)
def _load(spki: bytes) -> PublicKeyTypes:
    return serialization.load_der_public_key(spki)


@lru_cache(maxsize=_LOADED_MAX)
def _kind_of(spki: bytes) -> str:
    return _kind(_load(spki))


def read_public_pem(data: bytes, what: str) -> PublicKey:
    """Read one PEM public key.

    Raises:
        UsageError: not a public key, or of a kind that nothing here verifies.
    """
    hint = "give a PEM file: -----BEGIN PUBLIC KEY-----"
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        if b"PRIVATE KEY" in data:
            raise UsageError(f"{what} holds a private key, not a public one", hint=hint) from error
        raise UsageError(f"{what} is not a PEM public key", hint=hint) from error
    if _kind(key) == UNSUPPORTED:
        raise UsageError(f"{what} is of a kind that cannot sign here", hint="use ecdsa-p256, ed25519 or rsa")
    return PublicKey.of(key)


def _kind(key: PublicKeyTypes) -> str:
    if isinstance(key, Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, EllipticCurvePublicKey):
        curves = {SECP256R1.name: "ecdsa-p256", SECP384R1.name: "ecdsa-p384"}
        return curves.get(key.curve.name, UNSUPPORTED)
    if isinstance(key, RSAPublicKey) and key.key_size >= _RSA_MIN_BITS:
        return f"rsa-{key.key_size}"
    return UNSUPPORTED
