"""Public keys: one id whatever the format, and only kinds that something here verifies."""

from __future__ import annotations

import hashlib
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from pytrust.trust.errors import UsageError
from pytrust.trust.keys.private import import_pem
from pytrust.trust.keys.public import PublicKey, read_public_pem

GOOD: dict[str, PrivateKeyTypes] = {
    "ecdsa-p256": ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-p384": ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "rsa-2048": rsa.generate_private_key(65537, 2048),
}
BAD: dict[str, PrivateKeyTypes] = {
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "rsa-1024": rsa.generate_private_key(65537, 1024),
    "dsa": dsa.generate_private_key(1024),
    "ed448": ed448.Ed448PrivateKey.generate(),
    "x25519": x25519.X25519PrivateKey.generate(),
}
UNKNOWN_CURVE = b"""-----BEGIN PUBLIC KEY-----
MDIwEAYHKoZIzj0CAQYFK4EEAAYDHgAEqvbyg82dhFXKQmqWDAtRLfE3wDhk546F
POKPaw==
-----END PUBLIC KEY-----
"""  # secp112r1


def public_pem(key: PrivateKeyTypes) -> bytes:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, spki)


def private_pem(key: PrivateKeyTypes) -> bytes:
    pkcs8 = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())


@pytest.mark.parametrize("kind", GOOD)
def test_the_id_is_the_hash_of_the_spki(kind: str) -> None:
    key = GOOD[kind].public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert PublicKey.of(key).id == hashlib.sha256(der).hexdigest()
    assert PublicKey.of(key).kind == kind


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize("kind", GOOD)
def test_the_id_is_what_openssl_prints(kind: str) -> None:
    pem = public_pem(GOOD[kind])
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, capture_output=True, check=True)
    assert read_public_pem(pem, "it").id == hashlib.sha256(der.stdout).hexdigest()


@pytest.mark.parametrize("kind", GOOD)
def test_pem_round_trip(kind: str) -> None:
    key = PublicKey.of(GOOD[kind].public_key())
    assert read_public_pem(key.pem.encode(), "it") == key
    assert key.pem.encode() == public_pem(GOOD[kind])


@pytest.mark.parametrize("kind", GOOD)
def test_both_halves_agree(kind: str) -> None:
    assert PublicKey.of(import_pem(private_pem(GOOD[kind]), None, "it").public_key()).kind == kind


@pytest.mark.parametrize("kind", BAD)
def test_kinds_that_nothing_verifies(kind: str) -> None:
    with pytest.raises(UsageError, match="cannot sign here"):
        read_public_pem(public_pem(BAD[kind]), "it")


@pytest.mark.parametrize("kind", BAD)
def test_private_keys_of_such_kinds_are_not_taken_either(kind: str) -> None:
    """A key ring that took one could not be listed any more."""
    with pytest.raises(UsageError, match="cannot sign here"):
        import_pem(private_pem(BAD[kind]), None, "it")


NO_KEYS = {
    "empty": b"",
    "junk": b"junk",
    "bad der": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "unknown curve": UNKNOWN_CURVE,
    "truncated": public_pem(GOOD["ed25519"])[:60],
}


@pytest.mark.parametrize("data", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_what_is_no_key(data: bytes) -> None:
    with pytest.raises(UsageError):
        read_public_pem(data, "it")


@pytest.mark.parametrize("kind", GOOD)
def test_a_private_key_is_not_a_public_one(kind: str) -> None:
    with pytest.raises(UsageError, match="holds a private key"):
        read_public_pem(private_pem(GOOD[kind]), "it")
