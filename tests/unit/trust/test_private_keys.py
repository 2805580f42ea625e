"""Private keys: sealed, opened with the right passphrase alone, and readable by ssh-keygen and openssl."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.fakes.keys import ALICE, keyring, passphrase, private

from pytrust.trust.errors import Damaged, PytrustError, UsageError, WrongPassphrase
from pytrust.trust.keys.private import KeyKind, PrivateKey, RsaKind, export_pem, generate, import_pem, seal, unseal
from pytrust.trust.keys.public import PublicKey

KINDS: list[KeyKind] = ["ecdsa-p256", "ecdsa-p384", "ed25519"]
WORD = b"correct horse"
PLAIN = serialization.NoEncryption()
PEM = serialization.Encoding.PEM


def same(one: PrivateKey, other: PrivateKey) -> bool:
    return PublicKey.of(one.public_key()) == PublicKey.of(other.public_key())


@pytest.mark.parametrize("kind", KINDS)
def test_seal_and_unseal(kind: KeyKind) -> None:
    key = generate(kind)
    sealed = seal(key, WORD, rounds=1)
    assert sealed.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert same(unseal(sealed, WORD, "it"), key)


def test_rsa_can_be_sealed() -> None:
    key = rsa.generate_private_key(65537, 2048)
    assert same(unseal(seal(key, WORD, rounds=1), WORD, "it"), key)


@pytest.mark.parametrize("kind", get_args(RsaKind))
def test_rsa_for_certificates(kind: RsaKind) -> None:
    key = generate(kind)
    assert PublicKey.of(key.public_key()).kind == kind
    assert same(unseal(seal(key, WORD, rounds=1), WORD, "it"), key)


@pytest.mark.parametrize("word", [b"", b"Correct horse", WORD + b"\n", b"\xff"])
def test_wrong_passphrases(word: bytes) -> None:
    with pytest.raises(WrongPassphrase, match="for the key it"):
        unseal(seal(private("it"), WORD, rounds=1), word, "the key it")


@pytest.mark.parametrize("kind", KINDS)
def test_an_unsealed_key_is_not_taken_for_a_sealed_one(kind: KeyKind) -> None:
    plain = private("it", kind).private_bytes(PEM, serialization.PrivateFormat.OpenSSH, PLAIN)
    with pytest.raises(Damaged, match="not encrypted"):
        unseal(plain, WORD, "it")


def test_truncated_files() -> None:
    sealed = seal(private("it"), WORD, rounds=1)
    for length in range(0, len(sealed) - 37, 13):
        with pytest.raises((Damaged, WrongPassphrase)):
            unseal(sealed[:length], WORD, "it")


def test_flipped_bits_never_open_another_key_and_never_crash(tmp_path: Path) -> None:
    """Every byte but the count of rounds, which would only make it slow. Padding and comment decide nothing.

    The format has no checksum over the secret: it is the public half beside it that tells.
    """
    ring = keyring(tmp_path / "keys", "alice")
    path = tmp_path / "keys" / "alice.key"
    head, begin, sealed = path.read_bytes().partition(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    body = base64.b64decode(sealed.partition(b"-----END")[0])
    rounds = body.index(b"\x00\x00\x00\x18\x00\x00\x00\x10") + 24
    for place in set(range(len(body))) - set(range(rounds, rounds + 4)):
        changed = bytearray(body)
        changed[place] ^= 0x41
        path.write_bytes(head + begin + base64.encodebytes(changed) + b"-----END OPENSSH PRIVATE KEY-----\n")
        try:
            opened = ring.open(ALICE, passphrase)
        except (Damaged, WrongPassphrase, UsageError):
            continue
        assert same(opened, private("alice")), place


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
@pytest.mark.parametrize("kind", KINDS)
def test_ssh_keygen_opens_it_and_changes_its_passphrase(tmp_path: Path, kind: KeyKind) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_bytes(seal(private("it", kind), WORD, rounds=1))
    with_word = ["ssh-keygen", "-q", "-P", WORD.decode(), "-f", str(path)]
    shown = subprocess.run([*with_word, "-y"], capture_output=True, check=True).stdout
    assert serialization.load_ssh_public_key(shown) == private("it", kind).public_key()
    subprocess.run([*with_word, "-p", "-a", "1", "-N", "another"], check=True)
    assert same(unseal(path.read_bytes(), b"another", "it"), private("it", kind))


@pytest.mark.parametrize("kind", KINDS)
def test_export_and_import(kind: KeyKind) -> None:
    key = private("it", kind)
    pem = export_pem(key, WORD)
    assert b"ENCRYPTED" in pem
    assert same(import_pem(pem, WORD, "it"), key)
    for word in (None, b"wrong"):
        with pytest.raises(WrongPassphrase):
            import_pem(pem, word, "it")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_reads_what_is_exported(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(export_pem(private("it", "ecdsa-p256"), WORD))
    opening = ["openssl", "pkey", "-in", str(tmp_path / "key"), "-passin", f"pass:{WORD.decode()}"]
    der = subprocess.run([*opening, "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    assert der == PublicKey.of(private("it", "ecdsa-p256").public_key()).spki


FORMATS = [
    ("ecdsa-p256", serialization.PrivateFormat.PKCS8),
    ("ecdsa-p256", serialization.PrivateFormat.TraditionalOpenSSL),
    ("ecdsa-p256", serialization.PrivateFormat.OpenSSH),
    ("ed25519", serialization.PrivateFormat.PKCS8),
    ("ed25519", serialization.PrivateFormat.OpenSSH),
]


@pytest.mark.parametrize(("kind", "form"), FORMATS)
@pytest.mark.parametrize("word", [None, WORD])
def test_plain_keys_are_imported_whatever_the_passphrase(
    kind: KeyKind, form: serialization.PrivateFormat, word: bytes | None
) -> None:
    plain = private("it", kind).private_bytes(PEM, form, PLAIN)
    assert same(import_pem(plain, word, "it"), private("it", kind))


TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
ENCRYPTED = {
    "openssl ec": private("it", "ecdsa-p256").private_bytes(
        PEM, TRADITIONAL, serialization.BestAvailableEncryption(WORD)
    ),
    "ssh-keygen": seal(private("it", "ecdsa-p256"), WORD, rounds=1),
}


@pytest.mark.parametrize("tool", ENCRYPTED)
def test_encrypted_keys_of_other_tools(tool: str) -> None:
    assert same(import_pem(ENCRYPTED[tool], WORD, "it"), private("it", "ecdsa-p256"))
    for word in (None, b"wrong"):
        with pytest.raises(WrongPassphrase):
            import_pem(ENCRYPTED[tool], word, "it")


BAD_DER = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("data", [b"", b"junk", b"\xff\x00", BAD_DER, b"OPENSSH junk"])
@pytest.mark.parametrize("word", [None, WORD])
def test_what_is_no_private_key(data: bytes, word: bytes | None) -> None:
    with pytest.raises(PytrustError):
        import_pem(data, word, "it")
