"""Private keys of engines and clients: made, written as programs read them, matched with certificates. Pure."""

from __future__ import annotations

from typing import assert_never

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pytrust.trust.keys.private import PrivateKey, generate
from pytrust.trust.pki.model import CertKeyKind

_RSA_EXPONENT = 65537


def generate_key(kind: CertKeyKind) -> PrivateKey:
    """Make a new private key of any kind that certificates are made for."""
    match kind:
        case "ecdsa-p256" | "ecdsa-p384" | "ed25519":
            return generate(kind)
        case "rsa-3072":
            return rsa.generate_private_key(_RSA_EXPONENT, 3072)
        case "rsa-4096":
            return rsa.generate_private_key(_RSA_EXPONENT, 4096)
        case _:
            assert_never(kind)


def key_pem(key: PrivateKey) -> bytes:
    """PKCS#8 in PEM, not encrypted: dockerd and the docker client ask nobody for a passphrase."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def belongs(pem: bytes, certificate: x509.Certificate) -> bool:
    """Whether this is the private key of the certificate."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return key.public_key() == certificate.public_key()
