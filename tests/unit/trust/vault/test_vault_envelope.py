"""A value and its place belong together."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pytrust.trust.errors import Damaged, InvalidName, UsageError
from pytrust.trust.vault.envelope import ALGORITHM, OVERHEAD, Envelope, Place
from pytrust.trust.vault.model import Terms, VersionNumber, check_terms, parse_reader
from pytrust.trust.vault.names import SecretName, file_name, parse_secret_name

NAME, STORE = SecretName("a"), "5" * 32
PLACE = Place(NAME, VersionNumber(1), 7, "uid:0")
ENVELOPE = Envelope(bytes(range(64)), STORE)


@given(st.binary(max_size=300))
def test_round_trip(data: bytes) -> None:
    version, record = ENVELOPE.seal(data, PLACE)
    assert ENVELOPE.open(record, NAME, version) == data
    assert len(record) == len(data) + OVERHEAD
    assert data not in record or len(data) < 4


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"created": 8},
        {"author": "uid:1"},
        {"size": 4},
        {"record": "0" * 32},
        {"wrapped": b""},
        {"wrapped": bytes(48)},
        {"algorithm": "A128GCM"},
        {"algorithm": ""},
    ],
    ids=str,
)
def test_of_another_place(change: dict[str, object]) -> None:
    version, record = ENVELOPE.seal(b"value", PLACE)
    with pytest.raises(Damaged):
        ENVELOPE.open(record, NAME, replace(version, **change))
    with pytest.raises(Damaged):
        ENVELOPE.open(record, SecretName("b"), version)


@pytest.mark.parametrize("other", [Envelope(bytes(64), STORE), Envelope(bytes(range(64)), "6" * 32)])
def test_of_another_vault_or_key(other: Envelope) -> None:
    version, record = ENVELOPE.seal(b"value", PLACE)
    with pytest.raises(Damaged):
        other.open(record, NAME, version)
    with pytest.raises(Damaged):
        other.rewrap(ENVELOPE, NAME, version)


def test_two_versions_of_one_secret_are_not_exchanged() -> None:
    (first, one), (second, other) = ENVELOPE.seal(b"1", PLACE), ENVELOPE.seal(b"2", PLACE)
    for version, record in ((first, other), (second, one), (replace(first, wrapped=second.wrapped), one)):
        with pytest.raises(Damaged):
            ENVELOPE.open(record, NAME, version)


def test_a_wrapped_key_under_another_algorithm_is_refused_before_it_is_used() -> None:
    """Sealed with the vault's own key, as an attacker with a bug of ours could have it: the id is bound, and known."""
    version, _ = ENVELOPE.seal(b"value", PLACE)
    weaker = replace(version, algorithm="none")
    key = bytes(32)
    wrapped = AESSIV(bytes(range(64))).encrypt(key, [ENVELOPE._bound(NAME, weaker)])
    sealed = bytes(12) + AESGCM(key).encrypt(bytes(12), b"value", ENVELOPE._bound(NAME, weaker))
    with pytest.raises(Damaged, match="does not know"):
        ENVELOPE.open(sealed, NAME, replace(weaker, wrapped=wrapped))


def test_rewrapped_for_the_next_epoch() -> None:
    version, record = ENVELOPE.seal(b"value", PLACE)
    other = Envelope(bytes(64), STORE)
    again = ENVELOPE.rewrap(other, NAME, version)
    assert other.open(record, NAME, again) == b"value"
    assert replace(again, wrapped=b"") == replace(version, wrapped=b"")
    with pytest.raises(Damaged):
        ENVELOPE.open(record, NAME, again)


def test_keys_nonces_and_records_are_used_once() -> None:
    found = [ENVELOPE.seal(b"", PLACE) for _ in range(5000)]
    keys = {AESSIV(bytes(range(64))).decrypt(each.wrapped, [ENVELOPE._bound(NAME, each)]) for each, _ in found}
    assert len(keys) == len({record[:12] for _, record in found}) == len({each.record for each, _ in found}) == 5000
    assert {each.algorithm for each, _ in found} == {ALGORITHM}


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=30), st.from_regex(r"[A-Za-z0-9_.\-/]{1,40}", fullmatch=True)))
def test_names_are_paths_below_a_folder(text: str) -> None:
    try:
        name = parse_secret_name(text)
    except InvalidName as error:
        assert "\n" not in str(error)
        return
    folder = Path("/run/secrets")
    assert (folder / name).resolve().is_relative_to(folder)
    assert (folder / name).as_posix() == f"/run/secrets/{name}"
    assert name.isascii()
    assert name.isprintable()
    assert file_name(name) in name
    assert "/" not in file_name(name)
    assert file_name(name)[0] not in ".-"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../b",
        "a/./b",
        "/a",
        "a/",
        "a//b",
        "-a",
        "a-",
        ".a",
        "a\n",
        "\na",
        "a b",
        "a\0",
        "a\\b",
        "\u0430",  # looks like a
        "a\u0301",
        "\uff41",
        "a" * 65,
        "/".join("a" * 9),
        "/".join(["a" * 60] * 4),
        "\udcff",
    ],
    ids=ascii,
)
def test_no_names(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_secret_name(text)


@pytest.mark.parametrize("text", ["a", "A", "a.b", "a-b_c", "a" * 64, "/".join("a" * 8), "0"])
def test_names(text: str) -> None:
    assert parse_secret_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uid:",
        "uid:-1",
        "uid:01",
        "gid:99999999999",
        "image:",
        "image:a b",
        "image:***",
        "service:" + "*a" * 4,
        "x:y",
        "uid:1\n",
    ],
)
def test_no_readers(text: str) -> None:
    with pytest.raises(UsageError):
        parse_reader(text)


@pytest.mark.parametrize(
    "terms",
    [
        {"keep": 0},
        {"keep": 101},
        {"expires": -1},
        {"expires": 253_402_300_800},
        {"labels": (("a", "x" * 513),)},
        {"labels": (("a", "\n"),)},
        {"labels": (("", "x"),)},
        {"labels": tuple((f"a{number}", "") for number in range(33))},
        {"readers": tuple(f"uid:{number}" for number in range(65))},
    ],
    ids=lambda terms: str(terms)[:30],
)
def test_no_terms(terms: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        check_terms(Terms(**terms))  # type: ignore[arg-type]
