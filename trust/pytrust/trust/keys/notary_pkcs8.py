"""The private key inside a Notary key file: PKCS#8 as notary writes it, which is not quite what others write.

Notary gives EC keys the version 1 without the public key that RFC 5958, 2 asks for then, leaves out the NULL of RSA
keys, and has an object identifier and a form of its own for ed25519 (notary, tuf/utils/pkcs8.go). Openssl reads the
first two; ``cryptography`` reads them where the version is 0, so it is set to that before the library sees them.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from cryptography.x509 import ObjectIdentifier

from pytrust.trust.errors import Damaged, UsageError
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.keys.public import UNSUPPORTED, PublicKey
from pytrust.trust.limits import PRIVATE_KEY_MAX_BYTES

_EC: Final = ObjectIdentifier("1.2.840.10045.2.1")
_RSA: Final = ObjectIdentifier("1.2.840.113549.1.1.1")
_NOTARY_ED25519: Final = ObjectIdentifier("1.3.6.1.4.1.11591.15.1")
_CURVES: Final = {
    "secp256r1": ObjectIdentifier("1.2.840.10045.3.1.7"),
    "secp384r1": ObjectIdentifier("1.3.132.0.34"),
}
_SEED_BYTES: Final = 32
_HINT: Final = "restore the file from a backup"


@asn1.sequence
class _Algorithm:
    """AlgorithmIdentifier, with the parameters that the three kinds of keys have."""

    oid: ObjectIdentifier
    parameters: ObjectIdentifier | asn1.Null | None


@asn1.sequence
class _PrivateKeyInfo:
    """RFC 5208, 5, without attributes."""

    version: int
    algorithm: _Algorithm
    key: bytes


def encode_pkcs8(key: PrivateKey) -> bytes:
    """PKCS#8 as notary 0.7 writes it, unencrypted."""
    match key:
        case EllipticCurvePrivateKey():
            info = _info(1, _EC, _CURVES[key.curve.name], _traditional(key))
        case RSAPrivateKey():
            info = _info(0, _RSA, None, _traditional(key))
        case Ed25519PrivateKey():
            public, seed = key.public_key().public_bytes_raw(), key.private_bytes_raw()
            info = _info(0, _NOTARY_ED25519, None, public + seed + public)
    return asn1.encode_der(info)


def decode_pkcs8(der: bytes, what: str) -> PrivateKey:
    """Read what notary wrote, or what others did; ``what`` names the key in errors.

    Raises:
        Damaged: not PKCS#8.
        UsageError: of a kind that cannot sign here.
    """
    try:
        info = asn1.decode_der(_PrivateKeyInfo, der)
    except ValueError:  # attributes, or other parameters: not from notary
        return load_der(der, what)
    if info.algorithm.oid == _NOTARY_ED25519:
        return read_ed25519(info.key, what)
    standard = _info(0, info.algorithm.oid, info.algorithm.parameters, info.key)
    return load_der(asn1.encode_der(standard), what)


def read_ed25519(octets: bytes, what: str) -> PrivateKey:
    """Notary's own form: the public key, and Go's private key, which is the seed and the public key again.

    Raises:
        Damaged: not that form.
    """
    seed = octets[_SEED_BYTES : 2 * _SEED_BYTES]
    if len(octets) != 3 * _SEED_BYTES:
        raise Damaged(f"{what} is damaged: it holds no ed25519 key of notary", hint=_HINT)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw()
    if octets != public + seed + public:
        raise Damaged(f"{what} is damaged: the halves of its key do not belong together", hint=_HINT)
    return key


def load_der(der: bytes, what: str) -> PrivateKey:
    """Read PKCS#8, SEC1 or PKCS#1 with the library; raises what ``decode_pkcs8`` does."""
    if len(der) > PRIVATE_KEY_MAX_BYTES:
        raise Damaged(f"{what} holds a key of more than {PRIVATE_KEY_MAX_BYTES} bytes", hint="use a shorter RSA key")
    try:
        key = load_der_private_key(der, None)
    except (ValueError, TypeError) as error:  # the latter where it is encrypted once more
        raise Damaged(f"{what} is damaged: it holds no private key", hint=_HINT) from error
    except UnsupportedAlgorithm as error:
        raise _unsupported(what) from error
    if isinstance(key, PrivateKey) and PublicKey.of(key.public_key()).kind != UNSUPPORTED:
        return key
    raise _unsupported(what)


def _info(
    version: int, oid: ObjectIdentifier, parameters: ObjectIdentifier | asn1.Null | None, key: bytes
) -> _PrivateKeyInfo:
    return _PrivateKeyInfo(version=version, algorithm=_Algorithm(oid=oid, parameters=parameters), key=key)


def _traditional(key: PrivateKey) -> bytes:
    """SEC1 or PKCS#1."""
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _unsupported(what: str) -> UsageError:
    return UsageError(f"{what} is of a kind that cannot sign here", hint="use ecdsa-p256, ed25519 or rsa")
