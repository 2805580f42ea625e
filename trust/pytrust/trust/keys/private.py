"""Private keys in memory: made, sealed under a passphrase, opened again.

At rest a key is an OpenSSH private key (PROTOCOL.key): aes256-ctr under bcrypt_pbkdf, the strongest passphrase
hashing that ``cryptography`` writes for a single key (its PKCS#8 output uses 2,048 rounds of PBKDF2). ``ssh-keygen``
can read it and change its passphrase.
"""

from __future__ import annotations

from typing import Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key

from pytrust.trust.errors import Damaged, UsageError, WrongPassphrase
from pytrust.trust.keys.public import UNSUPPORTED, PublicKey

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey
KeyKind = Literal["ecdsa-p256", "ecdsa-p384", "ed25519"]
RsaKind = Literal["rsa-3072", "rsa-4096"]
"""For certificates alone, whose peers may know nothing better."""

RSA_EXPONENT: Final = 65537  # RFC 8017 leaves it open; every verifier takes this one, and a large one is slow
KDF_ROUNDS: Final = 64  # bcrypt_pbkdf: half a second on a 2026 server core, per guess
_HINT = "give it by prompt, --passphrase-file, --passphrase-fd or PYTRUST_PASSPHRASE"


def generate(kind: KeyKind | RsaKind) -> PrivateKey:
    """Make a new private key; RSA takes its time."""
    match kind:
        case "ecdsa-p256":
            return generate_private_key(SECP256R1())
        case "ecdsa-p384":
            return generate_private_key(SECP384R1())
        case "ed25519":
            return Ed25519PrivateKey.generate()
        case "rsa-3072":
            return generate_rsa_key(RSA_EXPONENT, 3072)
        case "rsa-4096":
            return generate_rsa_key(RSA_EXPONENT, 4096)


def seal(key: PrivateKey, passphrase: bytes, *, rounds: int = KDF_ROUNDS) -> bytes:
    """Encrypt ``key``; returns an OpenSSH PEM block."""
    builder = serialization.PrivateFormat.OpenSSH.encryption_builder()
    encryption = builder.kdf_rounds(rounds).build(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption)


def unseal(pem: bytes, passphrase: bytes, what: str) -> PrivateKey:
    """Decrypt what ``seal`` made; ``what`` names the key in errors.

    Raises:
        WrongPassphrase: it does not open the key.
        Damaged: not a sealed private key.
    """
    try:
        return _supported(serialization.load_ssh_private_key(pem, passphrase), what)
    except TypeError as error:  # the library's way to say "this key is not encrypted", or "the passphrase is empty"
        if not passphrase:
            raise WrongPassphrase(f"no passphrase for {what}", hint=_HINT) from error
        raise Damaged(f"{what} is not encrypted", hint="remove it and import the key again") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if "password" in str(error).lower() or "checksum" in str(error).lower():
            raise WrongPassphrase(f"wrong passphrase for {what}", hint=_HINT) from error
        raise Damaged(f"{what} is not a sealed private key") from error


def export_pem(key: PrivateKey, passphrase: bytes) -> bytes:
    """PKCS#8, encrypted: what openssl, cosign and other tools import."""
    encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def import_pem(data: bytes, passphrase: bytes | None, what: str) -> PrivateKey:
    """Read a PEM (PKCS#8, SEC1, PKCS#1) or OpenSSH private key, encrypted or not.

    Raises:
        WrongPassphrase: the key is encrypted and ``passphrase`` does not open it.
        UsageError: not a private key, or of a kind that cannot sign here.
    """
    load = serialization.load_ssh_private_key if b"OPENSSH" in data else serialization.load_pem_private_key
    try:
        return _supported(load(data, passphrase), what)
    except TypeError as error:
        if passphrase is None:
            raise WrongPassphrase(
                f"{what} is encrypted", hint="give its passphrase with --old-passphrase-file"
            ) from error
        return import_pem(data, None, what)
    except (ValueError, UnsupportedAlgorithm) as error:
        if passphrase is not None and (b"ENCRYPTED" in data or b"OPENSSH" in data):
            raise WrongPassphrase(
                f"wrong passphrase for {what}", hint="give its passphrase with --old-passphrase-file"
            ) from error
        raise UsageError(
            f"{what} is not a private key in PEM or OpenSSH form",
            hint="give a file that holds one: pytrust key import NAME FILE",
        ) from error


def _supported(key: object, what: str) -> PrivateKey:
    kinds = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey
    if isinstance(key, kinds) and PublicKey.of(key.public_key()).kind != UNSUPPORTED:
        return key
    raise UsageError(f"{what} is of a kind that cannot sign here", hint="use ecdsa-p256, ed25519 or rsa")
