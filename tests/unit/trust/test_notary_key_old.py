"""Key files of notary before 0.6 and docker before 17.12, and the folders of notary 0.1."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from tests.fakes.notary_keys import (
    EDWARDS,
    KEYS,
    PEM,
    PLAIN,
    RSA,
    TRADITIONAL,
    id_of,
    raw_ed25519,
    same,
    traditional,
)

from pytrust.trust.errors import UsageError, WrongPassphrase
from pytrust.trust.keys.notary_file import open_key, parse
from pytrust.trust.keys.notary_pem import Block, write_block


@pytest.mark.parametrize("kind", ["rsa", "ecdsa-p256"])
def test_unencrypted(kind: str) -> None:
    file = parse(traditional(KEYS[kind], "role: alice"), "it")
    assert (file.role, file.encrypted) == ("alice", False)
    assert same(open_key(file, None, "it"), KEYS[kind])
    assert same(open_key(file, b"not needed", "it"), KEYS[kind])


@pytest.mark.parametrize("kind", ["rsa", "ecdsa-p256"])
def test_encrypted_by_openssl(kind: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEYS[kind].private_bytes(PEM, TRADITIONAL, PLAIN))
    tool = "rsa" if kind == "rsa" else "ec"
    words = ["openssl", tool, "-aes256", "-in", str(tmp_path / "key"), "-passout", "pass:word"]
    words += ["-traditional"] if kind == "rsa" else []
    data = subprocess.run(words, capture_output=True, check=True).stdout
    data = data.replace(b"\n\n", b"\nrole: root\n\n")
    file = parse(data, f"root_keys/{id_of(KEYS[kind])}_root.key")
    assert (file.role, file.encrypted) == ("root", True)
    assert same(open_key(file, b"word", "it"), KEYS[kind])
    for word in (b"wort", b"", None):
        with pytest.raises(WrongPassphrase):
            open_key(file, word, "it")


def test_ed25519() -> None:
    file = parse(write_block(Block("ED25519 PRIVATE KEY", {"role": "bob"}, raw_ed25519())), "it")
    assert same(open_key(file, None, "it"), EDWARDS)


def test_ed25519_encrypted() -> None:
    iv, word = bytes(range(16)), b"word"
    first = hashlib.md5(word + iv[:8]).digest()
    padder = PKCS7(128).padder()
    encryptor = Cipher(AES256(first + hashlib.md5(first + word + iv[:8]).digest()), CBC(iv)).encryptor()
    body = encryptor.update(padder.update(raw_ed25519()) + padder.finalize())
    headers = {"Proc-Type": "4,ENCRYPTED", "DEK-Info": f"AES-256-CBC,{iv.hex()}", "role": "bob"}
    data = write_block(Block("ED25519 PRIVATE KEY", headers, body))
    assert data.splitlines()[1] == b"Proc-Type: 4,ENCRYPTED"
    assert same(open_key(parse(data, "it"), word, "it"), EDWARDS)
    with pytest.raises(WrongPassphrase):
        open_key(parse(data, "it"), b"wort", "it")


def test_another_cipher() -> None:
    headers = {"Proc-Type": "4,ENCRYPTED", "DEK-Info": f"DES-CBC,{'0' * 16}"}
    with pytest.raises(UsageError, match="another cipher"):
        open_key(parse(write_block(Block("EC PRIVATE KEY", headers, bytes(32))), "it"), b"word", "it")


@pytest.mark.parametrize(
    ("place", "role", "gun"),
    [
        ("root_keys/{}_root.key", "root", ""),
        ("/home/a/.docker/trust/private/root_keys/{}_root.key", "root", ""),
        ("tuf_keys/docker.io/foo/web/{}_targets.key", "targets", "docker.io/foo/web"),
        ("x/private/tuf_keys/docker.io/foo/web/{}_snapshot.key", "snapshot", "docker.io/foo/web"),
        ("tuf_keys/127.0.0.1:5000/web/{}_targets", "targets", "127.0.0.1:5000/web"),
        ("tuf_keys/{}_alice.key", "alice", ""),
        ("private/{}.key", "", ""),
        ("docker-{}.key", "", ""),
    ],
)
def test_role_and_image_in_the_path(place: str, role: str, gun: str) -> None:
    path = place.format(id_of(RSA))
    for file in (parse(traditional(RSA), path), parse(traditional(RSA, f"path: {path}"), "backup.pem")):
        assert (file.role, file.gun) == (role, gun)
        assert same(open_key(file, None, "it"), RSA)
