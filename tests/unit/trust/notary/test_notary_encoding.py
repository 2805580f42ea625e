"""The encodings of Notary v1: canonical JSON, files as Go writes them, times, ids of keys; vectors of real servers."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical
from tests.fakes.notary_client import bare, signed

from pytrust.trust.canonical import parse_json
from pytrust.trust.collection.model import TIMESTAMP
from pytrust.trust.errors import BadMetadata, PytrustError
from pytrust.trust.formats.notary import canonical, signatures
from pytrust.trust.formats.notary.envelope import (
    Envelope,
    Signature,
    read_envelope,
    sign,
    signed_by,
    unsigned,
    write_envelope,
)
from pytrust.trust.formats.notary.files import read_meta, read_targets
from pytrust.trust.formats.notary.keys import WireId, WireKey
from pytrust.trust.formats.notary.times import format_time, parse_time
from pytrust.trust.keys.public import PublicKey

ED25519 = {
    "keytype": "ed25519",
    "keyval": {"private": None, "public": "UqgXYcZb+DwqQhdwg2fd1EA/zpMZotBCiNmePEIxWlM="},
}
ECDSA = {
    "keytype": "ecdsa",
    "keyval": {
        "private": None,
        "public": (
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcG190Bul1WjEFPBQzSeA/qFMI9CNTDN3UQqxX2U8/B8l6JSfPAkOEJCd1R73sQ8rOjeyGeTVDh"
            "e4jnEFaD5rtw=="
        ),
    },
}
ALICE = {
    "keytype": "ecdsa",
    "keyval": {
        "private": None,
        "public": (
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4utSKgZaynCS5PnY5o7muwGWsGF6dTKZZIzIV+1tTNKWNdSEYi6+Bq9Tk/zHPVq7Aqb0ll7fPR"
            "boe8MrnHNq8g=="
        ),
    },
}
IDS = [
    (ED25519, "46dd2b3f49cc1a1cd14ee8b4560dc01e8cc05c600a12e6065801abbadf63b233"),
    (ECDSA, "918dbb3e62a019a14123f084c9e7a7dae98ddf831a7acf8028fc8bc2b9564bd8"),
    (ALICE, "1c3a274484a12a3d8b47d3644f6af81101f3dc08e1599d2d4cc5abb761d65dc7"),
]
TIMESTAMP_FILE = (
    b'{"signed":{"_type":"Timestamp","expires":"2026-12-07T18:28:28.944130122Z","meta":{"snapshot":{"hashes":{"sha256":'
    b'"D4NDC9hBqu+P+uuHfd0bONW3wbFB+vc30EqpdGyFITE=","sha512":"eog1olIcMsqe6Xa+GeT4VnNLXfPAbvx3V+kOzY5TStmvIgtWWft7d+nh'
    b'SIQm15y3316ZZw0a9mbjNPeLxSsHtg=="},"length":683}},"version":1},"signatures":[{"keyid":"46dd2b3f49cc1a1cd14ee8b4560d'
    b'c01e8cc05c600a12e6065801abbadf63b233","method":"eddsa","sig":"+Q8qW28pSSd5tQK6PfWkBveFRXNuyUne4e88zdjwbQMEw5xFM6yV'
    b'Ut490XgyjbSOMMkIe+gmyZuLtJ72eJlcCg=="}]}'
)
ALICE_FILE = (
    b'{"signed":{"_type":"Targets","delegations":{"keys":{},"roles":[]},"expires":"2029-11-22T18:30:26.090750312Z",'
    b'"targets":{"1":{"hashes":{"sha256":"oP1eijPEqbvOG/9UPOH7x8NZc7XeWKa4+dMl09VwuEw="},"length":527}},"version":1},'
    b'"signatures":[{"keyid":"1c3a274484a12a3d8b47d3644f6af81101f3dc08e1599d2d4cc5abb761d65dc7","method":"ecdsa","sig":'
    b'"6kvVU/i4pj8CaA22IjxGZyG7TkG/yY37+AfNhqsNT59N0KSp5P9UKNFKnY2tLFys833zbmSHJ5QvxtTIKPyYuA=="}]}'
)

text = st.text(st.characters(exclude_categories=["Cs"]))
printed = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('&<>\u2028\u2029"\\/é'))
integers = st.integers(-(10**17) + 1, 10**18 - 1)
values = st.recursive(
    st.none() | st.booleans() | integers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)
documents = st.dictionaries(
    printed,
    st.recursive(
        st.none() | st.booleans() | integers | printed,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printed, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)


@given(values)
def test_canonical_is_what_securesystemslib_writes(value: Any) -> None:
    assert canonical.encode(value).decode() == encode_canonical(value)


def test_keys_sort_by_their_utf_8() -> None:
    """Beyond the basic plane, where UTF-16 sorts otherwise."""
    keys = ["\uff5e", "\U0001f600", "z", "é", "Z", ""]
    made = canonical.encode(dict.fromkeys(keys))
    found = [json.loads(f"[{item}]")[0] for item in made.decode()[1:-1].replace(":null", "").split(",")]
    assert found == sorted(keys, key=str.encode)


@given(documents)
def test_what_is_written_is_read(document: dict[str, Any]) -> None:
    envelope = sign(unsigned(document), bare("alice").signer, bare("alice").wire.id)
    data = write_envelope(envelope)
    assert read_envelope("targets", data) == envelope
    assert write_envelope(read_envelope("targets", data)) == data
    assert json.loads(data)["signed"] == document


@given(printed)
def test_html_escapes_are_five(name: str) -> None:
    made = canonical.as_go_writes(canonical.encode(name)).decode()
    expected = canonical.encode(name).decode()
    for char in "&<>\u2028\u2029":
        expected = expected.replace(char, f"\\u{ord(char):04x}")
    assert made == expected
    assert parse_json(made.encode(), what="it", max_bytes=10_000) == name


def test_a_name_as_the_real_server_wrote_it() -> None:
    data = signed({"v1&<x>é": 1}, [])
    assert data == '{"signed":{"v1\\u0026\\u003cx\\u003eé":1},"signatures":[]}'.encode()
    assert read_envelope("targets", data).payload == '{"v1&<x>é":1}'.encode()


@given(st.binary(max_size=100), st.data())
def test_base64_has_one_spelling(data: bytes, choose: st.DataObject) -> None:
    right = base64.b64encode(data).decode()
    assert canonical.decode_base64(right) == data
    index = choose.draw(st.integers(0, len(right)))
    other = right[:index] + choose.draw(st.sampled_from(["\n", " ", "=", "A", "-", "_", "\0", "é"])) + right[index:]
    try:
        found = canonical.decode_base64(other)
    except ValueError:
        return
    assert base64.b64encode(found).decode() == other


@pytest.mark.parametrize("spelling", ["QQ", "QR==", "QQ==\n", "QQ=", "Q-==", "QQ===", " QQ=="])
def test_other_spellings_of_one_byte(spelling: str) -> None:
    with pytest.raises(ValueError):
        canonical.decode_base64(spelling)


# Times.


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2029-11-22T18:30:26.17579729Z", datetime(2029, 11, 22, 18, 30, 26, 175797, UTC)),
        ("2116-01-11T16:58:57.119711158-08:00", datetime(2116, 1, 12, 0, 58, 57, 119711, UTC)),
        ("2026-12-07T18:28:28Z", datetime(2026, 12, 7, 18, 28, 28, 0, UTC)),
        ("2026-12-07T18:28:28.1Z", datetime(2026, 12, 7, 18, 28, 28, 100_000, UTC)),
        ("2026-12-07T00:28:28+05:30", datetime(2026, 12, 6, 18, 58, 28, 0, UTC)),
    ],
)
def test_times_that_go_writes(written: str, moment: datetime) -> None:
    assert parse_time(written) == moment


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2026-12-07",
        "2026-12-07T18:28:28",
        "2026-12-07t18:28:28z",
        "2026-12-07 18:28:28Z",
        "2026-12-07T18:28:28.Z",
        "2026-12-07T18:28:28.1234567890Z",
        "2026-12-07T18:28:28,5Z",
        "2026-12-07T18:28:60Z",
        "2026-12-07T24:00:00Z",
        "2026-13-07T18:28:28Z",
        "2026-02-30T18:28:28Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
        "2026-12-07T18:28:28+24:00",
        "2026-12-07T18:28:28+0100",
        "２026-12-07T18:28:28Z",
        "2026-12-07T18:28:28Z\n",
        None,
        5,
        ["2026-12-07T18:28:28Z"],
    ],
)
def test_times_that_are_none(written: object) -> None:
    with pytest.raises(ValueError):
        parse_time(written)


moments = st.integers(-62_000_000 * 10**9, 250_000_000 * 10**9).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moments, zones)
def test_times_come_back(moment: datetime, zone: timezone) -> None:
    written = format_time(moment.astimezone(zone))
    assert parse_time(written) == moment
    assert written.endswith("Z")
    assert not written.endswith(("0Z", ".Z")) or "." not in written


@given(moments, moments)
def test_times_keep_their_order(one: datetime, other: datetime) -> None:
    assert (parse_time(format_time(one)) < parse_time(format_time(other))) == (one < other)


# Keys, and files of a real server.


@pytest.mark.parametrize(("document", "key_id"), IDS)
def test_ids_of_keys(document: dict[str, Any], key_id: str) -> None:
    key = WireKey.read(document)
    assert key.id == key_id
    assert key.document() == document
    assert WireKey.plain(key.material) == key


def test_the_timestamp_of_a_real_server() -> None:
    file = read_meta(TIMESTAMP, TIMESTAMP_FILE)
    assert len(TIMESTAMP_FILE) == 495
    key = WireKey.read(ED25519)
    assert signed_by(file.envelope, [key]) == {key.material.id}
    assert signed_by(file.envelope, [WireKey.read(ECDSA)]) == frozenset()
    assert write_envelope(file.envelope) == TIMESTAMP_FILE
    assert file.expires == datetime(2026, 12, 7, 18, 28, 28, 944130, UTC)


def test_the_delegation_of_a_real_client() -> None:
    file = read_targets("targets/alice", ALICE_FILE)
    assert (len(ALICE_FILE), sha256(ALICE_FILE).hexdigest()) == (
        426,
        "8369081fa61a9fabd712a0b60dd6a9d76ede99f24e9634798454ad8f13b750c3",
    )
    assert len(signed_by(file.envelope, map(WireKey.read, (ED25519, ECDSA, ALICE)))) == 1
    assert write_envelope(file.envelope) == ALICE_FILE
    assert list(file.targets) == ["1"]


KEYS_REFUSED: list[Any] = [
    None,
    [],
    {},
    {**ECDSA, "keytype": "dsa"},
    {**ECDSA, "keytype": "ECDSA"},
    {**ECDSA, "keytype": ["ecdsa"]},
    {**ECDSA, "more": 1},
    {"keytype": "ecdsa", "keyval": ECDSA["keyval"], "Keytype": "rsa"},
    {"keytype": "ecdsa", "keyval": None},
    {"keytype": "ecdsa", "keyval": {"public": "QQ=="}},
    {"keytype": "ecdsa", "keyval": {"private": "QQ==", "public": "QQ=="}},
    {"keytype": "ecdsa", "keyval": {"private": None, "public": None}},
    {"keytype": "ecdsa", "keyval": {"private": None, "public": "QR=="}},
    {"keytype": "ecdsa", "keyval": {"private": None, "public": 5}},
]


@pytest.mark.parametrize("document", KEYS_REFUSED, ids=str)
def test_keys_that_are_none(document: Any) -> None:
    with pytest.raises(BadMetadata):
        WireKey.read(document)


@given(st.sampled_from(["ecdsa", "rsa", "ed25519", "ecdsa-x509", "rsa-x509"]), st.binary(max_size=200))
def test_material_of_any_bytes(keytype: str, public: bytes) -> None:
    try:
        _ = WireKey(keytype, public).material
    except PytrustError as error:
        assert "\n" not in str(error)


# Envelopes.

ENVELOPES_REFUSED = {
    "no JSON": b"",
    "a number": b"5",
    "a list": b"[]",
    "no signatures": b'{"signed":{}}',
    "no signed": b'{"signatures":[]}',
    "another field": b'{"signed":{},"signatures":[],"x":1}',
    "case": b'{"Signed":{},"signatures":[]}',
    "signed twice": b'{"signed":{},"signed":{},"signatures":[]}',
    "signed is a list": b'{"signed":[],"signatures":[]}',
    "signed is null": b'{"signed":null,"signatures":[]}',
    "signatures are an object": b'{"signed":{},"signatures":{}}',
    "signatures are false": b'{"signed":{},"signatures":false}',
    "signatures are text": b'{"signed":{},"signatures":""}',
    "a signature that is none": b'{"signed":{},"signatures":[1]}',
    "a float": b'{"signed":{"a":1.0},"signatures":[]}',
    "an exponent": b'{"signed":{"a":1e3},"signatures":[]}',
    "NaN": b'{"signed":{"a":NaN},"signatures":[]}',
    "Infinity": b'{"signed":{"a":-Infinity},"signatures":[]}',
    "a huge number": b'{"signed":{"a":' + b"9" * 5000 + b'},"signatures":[]}',
    "half a surrogate": b'{"signed":{"a":"\\ud800"},"signatures":[]}',
    "half a surrogate as a key": b'{"signed":{"\\udfff":1},"signatures":[]}',
    "no UTF-8": b'{"signed":{"a":"\xff"},"signatures":[]}',
    "a byte order mark": b'\xef\xbb\xbf{"signed":{},"signatures":[]}',
    "a line feed in a text": b'{"signed":{"a":"\\n"},"signatures":[]}',
    "a null in a key": b'{"signed":{"\\u0000":1},"signatures":[]}',
    "a key twice, escaped": b'{"signed":{"a":1,"\\u0061":2},"signatures":[]}',
    "something behind": b'{"signed":{},"signatures":[]} {}',
    "deep": b'{"signed":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b'},"signatures":[]}',
}


@pytest.mark.parametrize("data", ENVELOPES_REFUSED.values(), ids=ENVELOPES_REFUSED)
def test_envelopes_that_are_none(data: bytes) -> None:
    with pytest.raises(BadMetadata) as caught:
        read_envelope("targets", data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


SIGNATURE: dict[str, Any] = {"keyid": "ab", "method": "ecdsa", "sig": "QQ=="}


@pytest.mark.parametrize(
    "signature",
    [
        {},
        {**SIGNATURE, "more": ""},
        {**SIGNATURE, "keyid": ""},
        {**SIGNATURE, "keyid": "a b"},
        {**SIGNATURE, "keyid": 'a"'},
        {**SIGNATURE, "keyid": "é"},
        {**SIGNATURE, "keyid": None},
        {**SIGNATURE, "method": ""},
        {**SIGNATURE, "method": 'a"'},
        {**SIGNATURE, "method": "a\\"},
        {**SIGNATURE, "method": "a\n"},
        {**SIGNATURE, "method": "<a>"},
        {**SIGNATURE, "method": None},
        {**SIGNATURE, "sig": "QR=="},
        {**SIGNATURE, "sig": "QQ"},
        {**SIGNATURE, "sig": 1},
        {"Keyid": "ab", "method": "ecdsa", "sig": "QQ=="},
    ],
    ids=str,
)
def test_signatures_that_are_none(signature: dict[str, Any]) -> None:
    with pytest.raises(BadMetadata):
        read_envelope("targets", json.dumps({"signed": {}, "signatures": [signature]}).encode())


def test_signatures_are_counted() -> None:
    def of(*keyids: object) -> bytes:
        made = [{**SIGNATURE, "keyid": str(keyid)} for keyid in keyids]
        return json.dumps({"signed": {}, "signatures": made}).encode()

    assert len(read_envelope("targets", of(*range(64))).signatures) == 64
    with pytest.raises(BadMetadata, match="more than 64"):
        read_envelope("targets", of(*range(65)))
    with pytest.raises(BadMetadata, match="one key signed it twice"):
        read_envelope("targets", of(1, 2, 1))
    assert read_envelope("targets", b'{"signed":{},"signatures":null}').signatures == ()


def test_a_signature_counts_once_and_under_its_own_id() -> None:
    alice, bob = bare("alice"), bare("bob")
    once = sign(unsigned({"a": 1}), alice.signer, alice.wire.id)
    assert sign(once, alice.signer, alice.wire.id).signatures[0].keyid == alice.wire.id
    assert len(sign(once, alice.signer, alice.wire.id).signatures) == 1
    twice = Envelope(once.signed, once.signatures * 2, once.payload)
    assert len(signed_by(twice, [alice.wire, alice.wire])) == 1
    under_bob = Envelope(once.signed, (Signature(bob.wire.id, "ecdsa", once.signatures[0].sig),), once.payload)
    assert signed_by(under_bob, [alice.wire, bob.wire]) == frozenset()
    wrong_then_right = Envelope(once.signed, (under_bob.signatures[0], *once.signatures), once.payload)
    assert len(signed_by(wrong_then_right, [alice.wire, bob.wire])) == 1
    assert signed_by(once, [WireKey.plain(bob.signer.public)]) == frozenset()
    assert signed_by(Envelope(once.signed, (Signature(WireId("0"), "ecdsa", b""),), once.payload), []) == frozenset()


@pytest.mark.parametrize("method", ["eddsa", "rsapss", "rsapkcs1v15", "none", "ecdsa "])
def test_a_signature_by_another_method(method: str) -> None:
    alice = bare("alice")
    once = sign(unsigned({"a": 1}), alice.signer, alice.wire.id)
    other = Envelope(once.signed, (Signature(alice.wire.id, method, once.signatures[0].sig),), once.payload)
    assert signed_by(other, [alice.wire]) == frozenset()


@pytest.mark.parametrize(("bits", "exponent"), [(3072, 2**31 + 1), (3072, 2**3000 + 1), (16384, 65537)])
def test_rsa_keys_that_are_slow_to_verify_with(bits: int, exponent: int) -> None:
    """A file may have sixty-four signatures, an upload as many files."""
    key = PublicKey.of(RSAPublicNumbers(exponent, 2**bits - 1).public_key())
    started = time.perf_counter()
    for _ in range(64):
        assert not signatures.verifies(key, "rsapss", b"\1" * (bits // 8), b"anything")
    assert time.perf_counter() - started < 0.3


def test_a_method_in_capitals() -> None:
    """Stock clients lower it."""
    alice = bare("alice")
    once = sign(unsigned({"a": 1}), alice.signer, alice.wire.id)
    other = Envelope(once.signed, (Signature(alice.wire.id, "ECDSA", once.signatures[0].sig),), once.payload)
    assert len(signed_by(other, [alice.wire])) == 1


def test_signatures_in_der_or_of_another_length() -> None:
    alice = bare("alice")
    once = sign(unsigned({"a": 1}), alice.signer, alice.wire.id)
    raw = once.signatures[0].sig
    assert alice.signer.private is not None
    der = bytes.fromhex(alice.signer.library.sign(once.payload).signature)
    for made in (
        der,
        raw[:-1],
        raw + b"\0",
        raw[:32] + b"\0" + raw[32:],
        b"\0" + raw,
        b"",
        bytes(64),
        b"\xff" * 64,
        raw[32:] + raw[:32],
    ):
        other = Envelope(once.signed, (Signature(alice.wire.id, "ecdsa", made),), once.payload)
        assert signed_by(other, [alice.wire]) == frozenset()
