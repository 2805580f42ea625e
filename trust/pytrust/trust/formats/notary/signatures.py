"""Signatures as Notary encodes them: always over canonical JSON, always SHA-256.

``ecdsa`` is r and s side by side, each as long as the curve's order (DER is refused); ``rsapss`` has a salt of 32
bytes; ``eddsa`` is Ed25519; ``rsapkcs1v15`` and ``pycrypto-pkcs#1 pss`` are read and never written.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from pytrust.trust.errors import UsageError
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.keys.public import UNSUPPORTED, PublicKey
from pytrust.trust.keys.signers import Signer

_SHA256: Final = hashes.SHA256()
_ECDSA: Final = ec.ECDSA(_SHA256)
_PSS: Final = padding.PSS(padding.MGF1(_SHA256), 32)
_RSA_MAX_BITS: Final = 8192  # half a millisecond to verify
_EXPONENT_MAX: Final = 2**31 - 1  # Go's; a larger one makes each signature cost a hundred times as much
_RSA_PADDINGS: Final = {
    "rsapss": _PSS,
    "rsapkcs1v15": padding.PKCS1v15(),
    "pycrypto-pkcs#1 pss": _PSS,
}


def verifies(key: PublicKey, method: str, signature: bytes, payload: bytes) -> bool:
    """Whether ``signature`` is one of ``key`` over ``payload``."""
    if key.kind == UNSUPPORTED:
        return False
    try:
        return _check(key.load(), method.lower(), signature, payload)
    except InvalidSignature:
        return False


def make(signer: Signer, payload: bytes) -> tuple[str, bytes]:
    """Method and signature; raises ``UsageError`` for a key that cannot sign in this format."""
    if signer.private is not None:
        return _sign(signer.private, payload)
    kind = signer.public.kind
    if kind == "ecdsa-p384":  # the library hashes with SHA-384, notary does not
        raise UsageError(
            "a P-384 key in an HSM or KMS cannot sign for docker's and notary's clients",
            hint="use a P-256 key, or sign in one format: --format tuf",
        )
    made = bytes.fromhex(signer.library.sign(payload).signature)
    if kind.startswith("ecdsa"):
        return "ecdsa", _side_by_side(made, 32)
    return ("eddsa" if kind == "ed25519" else "rsapss"), made


def _check(key: PublicKeyTypes, method: str, signature: bytes, payload: bytes) -> bool:
    if isinstance(key, ec.EllipticCurvePublicKey) and method == "ecdsa":
        size = (key.curve.key_size + 7) // 8
        if len(signature) != 2 * size:
            return False
        r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
        key.verify(encode_dss_signature(r, s), payload, _ECDSA)
    elif isinstance(key, Ed25519PublicKey) and method == "eddsa":
        key.verify(signature, payload)
    elif isinstance(key, RSAPublicKey) and method in _RSA_PADDINGS and _is_quick(key):
        key.verify(signature, payload, _RSA_PADDINGS[method], _SHA256)
    else:
        return False
    return True


def _is_quick(key: RSAPublicKey) -> bool:
    return key.key_size <= _RSA_MAX_BITS and key.public_numbers().e <= _EXPONENT_MAX


def _sign(key: PrivateKey, payload: bytes) -> tuple[str, bytes]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ecdsa", _side_by_side(key.sign(payload, _ECDSA), (key.curve.key_size + 7) // 8)
    if isinstance(key, Ed25519PrivateKey):
        return "eddsa", key.sign(payload)
    return "rsapss", key.sign(payload, _PSS, _SHA256)


def _side_by_side(der: bytes, size: int) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
