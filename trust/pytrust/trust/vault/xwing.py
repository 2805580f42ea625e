"""Sealing to a key pair that 32 bytes of seed give: HPKE (RFC 9180) with X-Wing, ML-KEM-768 and X25519 in one. Pure.

Who copies a vault today and has a quantum computer in twenty years meets the lattice half.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

SEED_BYTES: Final = 32
_LATTICE_BYTES: Final = 1184  # FIPS 203, table 3
PUBLIC_BYTES: Final = _LATTICE_BYTES + 32
_LATTICE_SEED_BYTES: Final = 64  # FIPS 203: d and z
_SUITE: Final = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def public_key(seed: bytes) -> bytes:
    """The public key of a seed: ML-KEM-768's, then X25519's."""
    lattice, curve = _halves(seed)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def seal(secret: bytes, public: bytes, info: bytes) -> bytes:
    """``secret`` for whoever has the seed, bound to ``info``; raises ``ValueError`` where ``public`` is no key."""
    key = hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_LATTICE_BYTES]),
        X25519PublicKey.from_public_bytes(public[_LATTICE_BYTES:]),
    )
    return _SUITE.encrypt(secret, key, info)


def open_sealed(sealed: bytes, seed: bytes, info: bytes) -> bytes:
    """What ``seal`` was given; raises ``InvalidTag`` or ``ValueError`` for anything else."""
    return _SUITE.decrypt(sealed, hpke.MLKEM768X25519PrivateKey(*_halves(seed)), info)


def _halves(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """Expanded as X-Wing does it: SHAKE-256 to 96 bytes (draft-connolly-cfrg-xwing-kem, 5.2)."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes")
    expanded = hashlib.shake_256(seed).digest(_LATTICE_SEED_BYTES + 32)
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:_LATTICE_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(expanded[_LATTICE_SEED_BYTES:]),
    )
