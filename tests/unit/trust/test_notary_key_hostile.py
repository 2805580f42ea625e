"""Key files that somebody made or broke: nothing but a sentence leaves."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.notary_keys import (
    EDWARDS,
    KEYS,
    RSA,
    WORD,
    id_of,
    same,
    written,
)

from pytrust.trust.errors import Damaged, PytrustError, UsageError, WrongPassphrase
from pytrust.trust.keys import notary_pbes2
from pytrust.trust.keys.notary_file import Kind, file_name, open_key, parse, parse_all
from pytrust.trust.keys.notary_pem import Block, write_block
from pytrust.trust.keys.notary_pkcs8 import encode_pkcs8
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import KDF_ROUNDS_MAX
from pytrust.trust.names import RoleName


def tlv(tag: int, *parts: bytes) -> bytes:
    """DER of fewer than 256 bytes."""
    content = b"".join(parts)
    length = [len(content)] if len(content) < 128 else [0x81, len(content)]
    return bytes([tag, *length]) + content


def encrypted(rounds: bytes) -> bytes:
    """What no honest tool makes: noise, under a key that takes so many rounds."""
    kdf = tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d01050c")), tlv(0x30, tlv(4, bytes(8)), tlv(2, rounds)))
    cipher = tlv(0x30, tlv(6, bytes.fromhex("60864801650304012a")), tlv(4, bytes(16)))
    scheme = tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d01050d")), tlv(0x30, kdf, cipher))
    return tlv(0x30, scheme, tlv(4, bytes(32)))


def test_a_file_under_the_name_of_another_key() -> None:
    file = parse(written(EDWARDS), file_name(PublicKey.of(RSA.public_key())))
    with pytest.raises(Damaged, match="another key than its name says"):
        open_key(file, WORD, "it")


def test_a_path_that_names_another_key() -> None:
    data = written(EDWARDS).replace(b"role:", b"path: " + b"0" * 64 + b"\nrole:")
    with pytest.raises(Damaged, match="another key than its name says"):
        open_key(parse(data, file_name(PublicKey.of(EDWARDS.public_key()))), WORD, "it")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"role: alice\n", b"role: alice\nrole: bob\n", "twice"),
        (b"role: alice\n", b"role: alice\n bob\n", "not a private key file"),
        (b"role: alice\n", b"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n", "two ways"),
        (b"role: alice\n", b"Proc-Type: 4,ENCRYPTED\n", "belong together"),
        (b"role: alice\n", b"DEK-Info: AES-256-CBC,00\n", "belong together"),
        (b"role: alice\n\n", b"role: alice\n", "not a private key file"),
        (b"PRIVATE KEY-----\n", b"PRIVATE KEY-----\njunk\n", "not a private key file"),
        (
            b"\n-----END ENCRYPTED PRIVATE KEY-----\n",
            b"\n-----END ENCRYPTED PRIVATE KEY-----\njunk\n",
            "not a private key file",
        ),
        (b"-----BEGIN", b"Bag Attributes\n-----BEGIN", "not a private key file"),
        (b"ENCRYPTED PRIVATE", b"PUBLIC", "not a private key of docker or notary"),
        (b"ENCRYPTED PRIVATE", b"OPENSSH PRIVATE", "not a private key of docker or notary"),
        (b"END ENCRYPTED", b"END", "not a private key file"),
        (b"-----END", b"=\n-----END", "not base64"),
    ],
)
def test_what_has_two_readings(old: bytes, new: bytes, why: str) -> None:
    assert old in written()
    with pytest.raises(PytrustError, match=why):
        parse(written().replace(old, new), "it")


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 100, b"-----BEGIN PRIVATE KEY-----", "é".encode()])
def test_what_is_no_pem(data: bytes) -> None:
    with pytest.raises(UsageError, match="it is not a private key file"):
        parse(data, "it")


def test_a_role_in_the_name_that_is_not_the_one_inside() -> None:
    with pytest.raises(Damaged, match="alice and root"):
        parse(written(), f"root_keys/{'0' * 64}_root.key")


@pytest.mark.parametrize("rounds", [0, -1, KDF_ROUNDS_MAX + 1, 2**31, 2**80])
def test_rounds_that_would_take_for_ever(rounds: int) -> None:
    number = rounds.to_bytes(12, "big", signed=True)
    for size in range(11, 0, -1):  # DER: no more bytes than needed
        shorter = rounds.to_bytes(12, "big", signed=True)[12 - size :]
        number = shorter if int.from_bytes(shorter, "big", signed=True) == rounds else number
    with pytest.raises(PytrustError, match="rounds|not encrypted as docker"):
        open_key(parse(write_block(Block("ENCRYPTED PRIVATE KEY", {}, encrypted(number))), "it"), WORD, "it")


def test_rounds_that_can_be_done_are_done() -> None:
    """The same file by the same hands: what is refused above is the number alone."""
    with pytest.raises(WrongPassphrase):
        open_key(parse(write_block(Block("ENCRYPTED PRIVATE KEY", {}, encrypted(b"\x01"))), "it"), WORD, "it")


def test_an_encryption_that_docker_does_not_know() -> None:
    scrypt_like = parse(written(), "it").block.body.replace(bytes.fromhex("2a864886f70d01050c"), bytes(9))
    with pytest.raises(UsageError, match="not encrypted as docker"):
        open_key(parse(write_block(Block("ENCRYPTED PRIVATE KEY", {}, scrypt_like)), "it"), WORD, "it")


def test_noise_that_looks_like_padding() -> None:
    """One wrong passphrase in 256 gets as far as this."""
    body = notary_pbes2.encrypt(b"noise", WORD, rounds=1)
    with pytest.raises(WrongPassphrase):
        open_key(parse(write_block(Block("ENCRYPTED PRIVATE KEY", {}, body)), "it"), WORD, "it")


def test_several_keys_where_one_is_wanted() -> None:
    data = written() + written(RSA, RoleName("bob"))
    with pytest.raises(UsageError, match="holds 2 keys"):
        parse(data, "it")
    assert [file.role for file in parse_all(data, "it")] == ["alice", "bob"]


@pytest.mark.parametrize("kind", KEYS)
def test_cut_anywhere(kind: str) -> None:
    data = written(KEYS[kind])
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(PytrustError):
            parse(data[:length], "it")


@pytest.mark.parametrize(
    ("kind", "label"), [(kind, label) for kind in KEYS for label in ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")]
)
def test_a_body_cut_anywhere(kind: str, label: str) -> None:
    file = parse(written(KEYS[kind]), "it")
    body = encode_pkcs8(KEYS[kind]) if label == "PRIVATE KEY" else file.block.body
    for length in range(1, len(body), 5):
        with pytest.raises(PytrustError):
            open_key(parse(write_block(Block(label, {}, body[:length])), "it"), WORD, "it")


@pytest.mark.parametrize("label", list(Kind))
@pytest.mark.parametrize("kind", KEYS)
def test_flipped_bits(kind: str, label: Kind) -> None:
    """What opens all the same is the same key: an unencrypted file has no checksum, but its name has."""
    body = parse(written(KEYS[kind]), "it").block.body if label is Kind.ENCRYPTED else encode_pkcs8(KEYS[kind])
    rng = random.Random(f"{kind} {label}")
    for _ in range(60):
        place = rng.randrange(len(body))
        flipped = body[:place] + bytes([body[place] ^ 1 << rng.randrange(8)]) + body[place + 1 :]
        try:
            opened = open_key(parse(write_block(Block(label, {}, flipped)), id_of(KEYS[kind])), WORD, "it")
        except PytrustError:
            continue
        assert same(opened, KEYS[kind])


@settings(deadline=None, max_examples=300)
@given(
    label=st.sampled_from([*Kind, "CERTIFICATE"]),
    headers=st.dictionaries(
        st.sampled_from(["role", "gun", "path", "Proc-Type", "DEK-Info", "X"]),
        st.one_of(st.text(), st.sampled_from(["4,ENCRYPTED", f"AES-256-CBC,{'0' * 32}", "0" * 64, "root"])),
    ),
    body=st.binary(max_size=200),
    name=st.text(),
)
def test_any_block(label: str, headers: dict[str, str], body: bytes, name: str) -> None:
    try:
        for file in parse_all(write_block(Block(label, headers, body)), name):
            open_key(file, WORD, "it")
    except PytrustError as error:
        assert str(error)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for text in (data, b"-----BEGIN PRIVATE KEY-----\n" + data, base64.b64encode(data)):
        with pytest.raises(PytrustError):
            parse(text, "it")
