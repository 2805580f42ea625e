"""SSH keys, as ``ssh-keygen`` writes them, without it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


class SshKey(NamedTuple):
    """A key pair: the line of the public half, with a comment, and the private file."""

    public: str
    private: bytes


def ssh_key(
    kind: Literal["ed25519", "rsa", "ecdsa"], *, passphrase: bytes = b"", bits: int = 2048, pem: bool = False
) -> SshKey:
    """A new one; ``pem``: as old versions wrote it."""
    key = _generated(kind, bits)
    form = PrivateFormat.TraditionalOpenSSL if pem else PrivateFormat.OpenSSH
    private = key.private_bytes(
        Encoding.PEM, form, BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return SshKey(f"{public} alice@host\n", private)


def _generated(kind: str, bits: int) -> ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    match kind:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "rsa":
            return rsa.generate_private_key(65537, bits)
        case _:
            return ec.generate_private_key(ec.SECP256R1())
