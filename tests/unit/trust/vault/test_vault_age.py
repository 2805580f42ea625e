"""Whole age files: ours open again, what comes from elsewhere is bounded, and no error tells what is inside."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rig.ssh_keys import SshKey, ssh_key
from tests.vectors.age.make import IDENTITY, PASSPHRASE, RECIPIENT, STRANGER, by_passphrase, simple

from pytrust.trust.errors import Damaged, PytrustError, UsageError, WrongPassphrase
from pytrust.trust.limits import AGE_FILE_MAX_BYTES, AGE_HEADER_MAX_BYTES, AGE_IDENTITIES_MAX
from pytrust.trust.vault import age
from pytrust.trust.vault.age_armor import armored, dearmored

CANARY = b"canary-77d0"
OURS = IDENTITY.encode()


@given(st.binary(max_size=2000), st.booleans())
def test_what_is_encrypted_opens_again(data: bytes, in_armor: bool) -> None:
    made = age.encrypt(data, [RECIPIENT], armored=in_armor)
    assert made.startswith(b"-----BEGIN AGE" if in_armor else b"age-encryption.org/v1\n")
    assert age.decrypt(made, OURS) == data


@given(st.binary(max_size=300))
def test_armor_comes_off_again(data: bytes) -> None:
    text = armored(data + b"x")
    assert dearmored(text) == data + b"x"
    assert all(len(line) <= 64 for line in text.splitlines())


@given(st.binary(max_size=200))
def test_nothing_but_our_errors_leaves(data: bytes) -> None:
    for file in (data, b"age-encryption.org/v1\n" + data, b"age-encryption.org/v1\n-> X25519 " + data, armored(data)):
        with pytest.raises(PytrustError):
            age.decrypt(file, OURS)


@pytest.mark.parametrize("secret", [{}, {"identities": OURS, "passphrase": PASSPHRASE.encode()}], ids=["none", "both"])
def test_there_is_one_way(secret: dict[str, bytes]) -> None:
    with pytest.raises(UsageError, match="either"):
        age.decrypt(simple("x"), **secret)
    with pytest.raises(UsageError, match="either"):
        age.encrypt(CANARY, [RECIPIENT] if secret else [], secret.get("passphrase"))


@pytest.mark.parametrize(
    "passphrase", [b"", b"short", b"x" * 1001, b"correct\0horse", b"correct hors\xe9"], ids=range(5)
)
def test_a_passphrase_that_is_none_is_refused(passphrase: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        age.encrypt(CANARY, passphrase=passphrase)
    assert "correct" not in str(caught.value)


def test_a_short_passphrase_of_somebody_else_is_tried() -> None:
    with pytest.raises(WrongPassphrase):
        age.decrypt(by_passphrase("x"), passphrase=b"short")


def test_a_file_is_bounded_in_size() -> None:
    with pytest.raises(UsageError):
        age.decrypt(bytes(AGE_FILE_MAX_BYTES + 1), OURS)
    with pytest.raises(UsageError):
        age.encrypt(bytes(AGE_FILE_MAX_BYTES // 2 + 1), [RECIPIENT])


ENDLESS = {
    "no line": b"age-encryption.org/v1\n" + b"-> X25519 " + b"A" * AGE_HEADER_MAX_BYTES * 4,
    "many stanzas": b"age-encryption.org/v1\n" + b"-> a\n\n" * AGE_HEADER_MAX_BYTES,
    "too many stanzas": simple("x").replace(b"-> ", b"-> a\n\n" * 1024 + b"-> ", 1),
    "a long body": b"age-encryption.org/v1\n-> a\n" + (b"A" * 64 + b"\n") * AGE_HEADER_MAX_BYTES,
    "many arguments": b"age-encryption.org/v1\n->" + b" a" * AGE_HEADER_MAX_BYTES * 4,
    "a header of no end": b"\n" * AGE_HEADER_MAX_BYTES * 4,
    "armor of no end": b"-----BEGIN AGE ENCRYPTED FILE-----\n" + (b"A" * 64 + b"\n") * 400_000,
    "armor of one line": b"-----BEGIN AGE ENCRYPTED FILE-----\n" + b"A" * 20_000_000,
    "white space": b" \n" * 10_000_000 + b"x",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_header_is_bounded_in_size_and_time(name: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(Damaged):
        age.decrypt(ENDLESS[name], OURS)
    assert time.perf_counter() - begun < 2


def test_a_work_factor_is_refused_before_any_work() -> None:
    file = by_passphrase("x").replace(b" 8\n", b" 31\n")
    begun = time.perf_counter()
    with pytest.raises(UsageError, match="work factor of 31; at most 22"):
        age.decrypt(file, passphrase=PASSPHRASE.encode())
    assert time.perf_counter() - begun < 0.2


@pytest.mark.parametrize("file", [simple("x", CANARY)[:-1], simple("x", CANARY), by_passphrase("x")], ids=range(3))
def test_an_error_tells_nothing(file: bytes) -> None:
    with pytest.raises(PytrustError) as caught:
        age.decrypt(file, OURS if file.endswith(simple("x", CANARY)[-20:-1]) else STRANGER.encode())
    told = repr(caught.value) + caught.value.hint + repr(caught.value.__cause__)
    assert "canary" not in told
    assert STRANGER not in told


ED, RSA = ssh_key("ed25519"), ssh_key("rsa")


@pytest.mark.parametrize("key", [ED, RSA, ssh_key("rsa", pem=True)], ids=["ed25519", "rsa", "rsa in PEM"])
def test_ssh_keys_are_recipients_and_identities(key: SshKey) -> None:
    made = age.encrypt(CANARY, [key.public, RECIPIENT])
    for identities in (
        key.private,
        key.private.rstrip(),
        key.private.replace(b"\n", b"\r\n"),
        STRANGER.encode() + b"\n\n# mine\n" + key.private,
        key.private + OURS + b"\n",
        ssh_key("ed25519").private + key.private,
    ):
        assert age.decrypt(made, identities) == CANARY


NO_IDENTITY = {
    b"\n# nothing\n\n": "no age identity",
    b"AGE-SECRET-KEY-1QQQ": "line 1",
    f"# a\n{IDENTITY}\nx{IDENTITY}".encode(): "line 3",
    IDENTITY.lower().encode()[:-1]: "line 1",
    IDENTITY[:-1].encode() + b"Q": "line 1",
    RECIPIENT.encode(): "line 1 is no identity that can be used: it is not a private key",
    b"AGE-PLUGIN-YUBIKEY-1QQQ": "plugins are not started",
    b"AGE-SECRET-KEY-PQ-1QQQ": "post-quantum keys are not supported",
    b"\xff\xfe": "not text",
    b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA": "line 1",
    b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----": "line 1",
    armored(by_passphrase("x")): "the file itself is encrypted",
    b"x" * 100_000: "at most 65536 bytes",
    f"{IDENTITY}\n".encode() * (AGE_IDENTITIES_MAX + 1): "too many",
}


@pytest.mark.parametrize("text", NO_IDENTITY, ids=range(len(NO_IDENTITY)))
def test_what_is_no_identity_is_told_by_its_line_alone(text: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        age.decrypt(simple("x"), text)
    assert NO_IDENTITY[text] in str(caught.value)
    assert IDENTITY[20:40] not in repr(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (ssh_key("ecdsa"), "not a private key of age or SSH"),
        (ssh_key("ed25519", passphrase=b"abcde"), "has a passphrase"),
        (ssh_key("rsa", passphrase=b"abcde"), "has a passphrase"),
    ],
    ids=["another kind", "ed25519", "rsa"],
)
def test_an_ssh_key_that_cannot_be_used_is_told(key: SshKey, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        age.decrypt(simple("x"), key.private)


NO_RECIPIENT = ["", " ", "age1", RECIPIENT[:-1] + "q", RECIPIENT.upper() + "x", IDENTITY, "ssh-rsa", "ssh-ed25519 AAAA"]


@pytest.mark.parametrize("text", [*NO_RECIPIENT, f"{RECIPIENT} bob", f"{RECIPIENT}\n{RECIPIENT}", "x" * 5000])
def test_what_is_no_recipient_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no recipient of age"):
        age.encrypt(CANARY, [text])


def test_post_quantum_recipients_and_plugins_are_refused_in_words() -> None:
    with pytest.raises(UsageError, match="post-quantum"):
        age.encrypt(CANARY, ["age1pq1" + "q" * 1900])
    with pytest.raises(UsageError, match="no recipient"):
        age.encrypt(CANARY, ["age1yubikey1qqqq"])


def test_recipients_are_bounded_in_number() -> None:
    with pytest.raises(UsageError):
        age.encrypt(CANARY, [RECIPIENT] * 257)
