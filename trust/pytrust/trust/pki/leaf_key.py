"""Private keys of engines and clients: written as programs read them, matched with certificates. Pure."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.pki.foreign import UNREADABLE


def key_pem(key: PrivateKey) -> bytes:
    """PKCS#8 in PEM, not encrypted: dockerd and the docker client ask nobody for a passphrase."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def belongs(pem: bytes, certificate: x509.Certificate) -> bool:
    """Whether this is the private key of the certificate."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except UNREADABLE:
        return False
    return key.public_key() == certificate.public_key()
