"""Key files of docker and notary: read as the real clients wrote them, written so that nobody can tell the difference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.notary_keys import (
    ALICE,
    DER,
    EDWARDS,
    KEYS,
    PEM,
    PKCS8,
    PLAIN,
    RSA,
    TARGETS,
    TRADITIONAL,
    WEB,
    WORD,
    id_of,
    raw_ed25519,
    same,
    traditional,
    vectors,
    word_of,
    written,
)

from pytrust.trust.errors import Damaged, PytrustError, UsageError, WrongPassphrase
from pytrust.trust.keys import notary_pbes2
from pytrust.trust.keys.notary_file import Kind, file_name, is_notary_file, open_key, parse, write_key
from pytrust.trust.keys.notary_pem import Block, write_block
from pytrust.trust.keys.notary_pkcs8 import decode_pkcs8, encode_pkcs8, load_der
from pytrust.trust.keys.private import PrivateKey, export_pem
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import CollectionName


def test_every_key_opens_and_is_the_one_that_the_name_promises() -> None:
    found = vectors()
    assert len(found) == 40
    for name, data in found:
        file = parse(data, name)
        assert file.encrypted
        assert file.ids == {name.removesuffix(".key")}
        key = open_key(file, word_of(file.role), name)
        assert file_name(PublicKey.of(key.public_key())) == name


def test_what_is_written_is_what_they_wrote() -> None:
    """Byte for byte, with the salt and the vector that they drew."""
    for name, data in vectors():
        file = parse(data, name)
        key = open_key(file, word_of(file.role), name)
        body, place = file.block.body, file.block.body.index(b"\x04\x08")
        vector = body.index(b"\x04\x10", place + 10)
        drawn = body[place + 2 : place + 10] + body[vector + 2 : vector + 18]
        assert notary_pbes2.encrypt(encode_pkcs8(key), word_of(file.role), rounds=2048, random=drawn) == body
        assert write_block(file.block) == data


def test_no_other_passphrase_opens_them() -> None:
    for name, data in vectors():
        file = parse(data, name)
        for word in (b"", None, b"short ", b"Short", b"rootpass", word_of(file.role) + b"\n"):
            with pytest.raises(WrongPassphrase, match=name):
                open_key(file, word, name)


def test_their_headers_are_told() -> None:
    files = [parse(data, name) for name, data in vectors()]
    assert {file.role for file in files} >= {"root", "targets", "snapshot", "alice", "targets/releases", "x"}
    assert all(bool(file.gun) == (file.role in {"targets", "snapshot"}) for file in files)


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("gun", [None, WEB, CollectionName("127.0.0.1:5000/foo/web")])
def test_written_and_read(kind: str, gun: CollectionName | None) -> None:
    name = f"{id_of(KEYS[kind])}.key"
    file = parse(written(KEYS[kind], TARGETS, gun), name)
    assert (file.role, file.gun, file.kind, file.encrypted) == ("targets", gun or "", Kind.ENCRYPTED, True)
    assert same(open_key(file, WORD, "it"), KEYS[kind])


@settings(deadline=None)
@given(word=st.binary(min_size=1, max_size=200), wrong=st.binary(max_size=20), kind=st.sampled_from([*KEYS]))
def test_under_any_passphrase_and_no_other(word: bytes, wrong: bytes, kind: str) -> None:
    file = parse(write_key(KEYS[kind], word, ALICE, None, rounds=1), "it")
    assert same(open_key(file, word, "it"), KEYS[kind])
    if wrong.rstrip(b"\0") != word.rstrip(b"\0"):  # HMAC fills up keys with zeros
        with pytest.raises(WrongPassphrase):
            open_key(file, wrong, "it")


def test_no_two_files_are_alike() -> None:
    one, other = written(), written()
    assert one.splitlines()[3] != other.splitlines()[3]


def test_the_form_of_notary() -> None:
    lines = written(gun=WEB).decode().splitlines()
    assert lines[:4] == ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "gun: docker.io/foo/web", "role: alice", ""]
    assert max(map(len, lines[4:-1])) == 64


def test_the_path_where_it_is_wanted() -> None:
    name = id_of(EDWARDS)
    data = write_key(EDWARDS, WORD, ALICE, None, rounds=1, with_path=True)
    assert f"\npath: {name}\nrole: alice\n\n".encode() in data
    assert parse(data, "it").ids == {name}


def test_the_rounds_are_many() -> None:
    assert (600_000).to_bytes(3, "big") in parse(write_key(RSA, WORD, ALICE, None), "it").block.body


@pytest.mark.parametrize("kind", KEYS)
def test_of_the_library(kind: str) -> None:
    assert same(decode_pkcs8(KEYS[kind].private_bytes(DER, PKCS8, PLAIN), "it"), KEYS[kind])


@pytest.mark.parametrize("kind", ["rsa", "ecdsa-p256", "ecdsa-p384"])
def test_openssl_reads_what_is_written(kind: str, tmp_path: Path) -> None:
    """All but the headers, at which it stops."""
    path = tmp_path / "key"
    path.write_bytes(parse(written(KEYS[kind]), "it").block.body)
    words = ["openssl", "pkey", "-inform", "DER", "-in", str(path), "-passin", f"pass:{WORD.decode()}", "-pubout"]
    done = subprocess.run(words, capture_output=True, check=True)
    assert done.stdout.decode() == PublicKey.of(KEYS[kind].public_key()).pem


def test_openssl_encrypts_so_that_it_can_be_read(tmp_path: Path) -> None:
    """Its PRF is HMAC-SHA256: docker and notary would not open it."""
    (tmp_path / "key").write_bytes(RSA.private_bytes(PEM, PKCS8, PLAIN))
    words = ["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", str(tmp_path / "key"), "-passout", "pass:word"]
    done = subprocess.run(words, capture_output=True, check=True)
    assert same(open_key(parse(done.stdout, "it"), b"word", "it"), RSA)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (ec.generate_private_key(ec.SECP521R1()), UsageError),
        (ed448.Ed448PrivateKey.generate(), UsageError),
    ],
)
def test_kinds_that_cannot_sign_here(key: PrivateKey, kind: type[PytrustError]) -> None:
    with pytest.raises(kind, match="cannot sign here"):
        decode_pkcs8(key.private_bytes(DER, PKCS8, PLAIN), "it")


@pytest.mark.parametrize(
    "octets",
    [b"", raw_ed25519()[:-1], raw_ed25519() + b"x", bytes(96), raw_ed25519()[:64] + bytes(32)],
    ids=["empty", "short", "long", "zeros", "other half"],
)
def test_halves_of_ed25519_that_do_not_belong_together(octets: bytes) -> None:
    body = encode_pkcs8(EDWARDS).replace(b"\x04\x60" + raw_ed25519(), b"\x04" + bytes([len(octets)]) + octets)
    body = b"\x30" + bytes([len(body) - 2]) + body[2:]
    with pytest.raises(Damaged):
        open_key(parse(write_block(Block("PRIVATE KEY", {}, body)), "it"), None, "it")


def test_a_key_so_long_that_checking_it_takes_minutes() -> None:
    with pytest.raises(Damaged, match="more than 5000 bytes"):
        load_der(b"\x30\x82\xff\xff" + bytes(65535), "it")


def test_docker_and_notary() -> None:
    for name, data in vectors():
        assert is_notary_file(data, "backup.pem")
        assert is_notary_file(data, name)
    assert is_notary_file(traditional(RSA, "Proc-Type: 4,ENCRYPTED", "DEK-Info: A", "role: root"), "it")
    assert is_notary_file(RSA.private_bytes(PEM, PKCS8, PLAIN), f"{'0' * 64}.key")


def test_others() -> None:
    assert not is_notary_file(export_pem(RSA, WORD), "alice.pem")
    assert not is_notary_file(RSA.private_bytes(PEM, TRADITIONAL, PLAIN), "alice.key")
    assert not is_notary_file(b"role: root", f"{'0' * 64}.key")
