"""Which client certificates count: every wrong row of the matrix, every way in which a list fails to count."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.certificates import Held, name, new_key
from tests.fakes.foreign_ca import ANY, CLIENT, DAY, SERVER, ForeignCa

from pytrust.trust.errors import BadMetadata, BadSignature, Damaged, PytrustError, UsageError
from pytrust.trust.pki.clients import standing
from pytrust.trust.pki.clients.cas import CAS_MAX
from pytrust.trust.pki.clients.standing import KNOWN_MAX, LEAF_MAX_BYTES, SKEW, Bad, ClientTrust, Good, Standing

CA = ForeignCa("client CA")
NOW = CA.now
OTHER = ForeignCa("another CA")
ROGUE = ForeignCa("client CA")  # the same name, another key
TRUST = ClientTrust.read(CA.pem, CA.crl())
MINUTE = timedelta(minutes=1)


def judge(holder: Held, *, lists: bytes | None = None, cas: bytes = CA.pem, now: datetime = NOW) -> Standing:
    return ClientTrust.read(cas, CA.crl() if lists is None else lists).judge(holder.der, now)


def code(found: Standing) -> str:
    return found.code if isinstance(found, Bad) else "good"


def below_a_leaf() -> Held:
    leaf = CA.issue("leaf")
    return ForeignCa("leaf", key=leaf.key).issue()


def below_an_intermediate() -> Held:
    middle = ForeignCa("a CA below", uses=CLIENT)
    CA.issue(subject=name("a CA below"), ca=True)
    return middle.issue()


@pytest.mark.parametrize(
    ("expected", "make"),
    [
        ("good", lambda: CA.issue(uses=CLIENT)),
        ("good", lambda: CA.issue(uses=None)),
        ("good", lambda: CA.issue(uses=ANY)),
        ("good", lambda: CA.issue(uses=(*SERVER, *CLIENT))),
        ("good", lambda: CA.issue(ca=None)),
        ("good", lambda: CA.issue(dns=["alice.example"])),
        ("good", lambda: CA.issue(authority=None)),
        ("good", lambda: CA.issue(None, uris=["pytrust:client:alice"])),
        ("wrong-purpose", lambda: CA.issue(uses=SERVER)),
        ("wrong-purpose", lambda: CA.issue(ca=True)),
        ("expired", lambda: CA.issue(ends=NOW - MINUTE)),
        ("expired", lambda: CA.issue(ends=NOW)),
        ("not-yet-valid", lambda: CA.issue(begins=NOW + MINUTE)),
        ("unknown-issuer", OTHER.issue),
        ("unknown-issuer", ROGUE.issue),
        ("unknown-issuer", lambda: ROGUE.issue(authority=None)),
        ("unknown-issuer", lambda: CA.issue(authority=b"x" * 20)),
        ("unknown-issuer", below_a_leaf),
        ("unknown-issuer", below_an_intermediate),
        ("malformed", lambda: CA.issue(subject=x509.Name([*name("alice"), *name("bob")]))),
    ],
)
def test_matrix(expected: str, make: Callable[[], Held]) -> None:
    assert code(TRUST.judge(make().der, NOW)) == expected


def test_who_it_is() -> None:
    alice = CA.issue("alice", uris=["pytrust:client:alice", "spiffe://example/alice"])
    good = TRUST.judge(alice.der, NOW)
    assert isinstance(good, Good)
    assert good.identity.common_name == "alice"
    assert good.identity.uris == ("pytrust:client:alice", "spiffe://example/alice")
    assert good.identity.serial == alice.certificate.serial_number


@pytest.mark.parametrize("data", [b"", b"\x30", b"\0" * 100, CA.issue().der + b"\0", CA.issue().der[:-1]])
def test_what_is_no_certificate(data: bytes) -> None:
    assert code(TRUST.judge(data, NOW)) == "malformed"


def test_a_certificate_has_a_size() -> None:
    big = CA.issue(uris=[f"https://example.com/{number:0100}" for number in range(LEAF_MAX_BYTES // 100)])
    assert code(TRUST.judge(big.der, NOW)) == "malformed"


@settings(max_examples=200)
@pytest.mark.filterwarnings("ignore")
@given(st.data())
def test_a_changed_certificate_is_not_good(data: st.DataObject) -> None:
    leaf = bytearray(ALICE.der)
    position = data.draw(st.integers(0, len(leaf) - 1))
    leaf[position] ^= data.draw(st.integers(1, 255))
    if code(TRUST.judge(bytes(leaf), NOW)) == "good":  # such as unused bits of the signature, which nobody signs
        assert x509.load_der_x509_certificate(bytes(leaf)).tbs_certificate_bytes == SIGNED
    else:
        assert code(TRUST.judge(bytes(leaf), NOW)) in {"malformed", "unknown-issuer"}


@given(st.binary(max_size=300))
def test_noise_is_never_good(data: bytes) -> None:
    assert code(TRUST.judge(data, NOW)) == "malformed"


# lists

ALICE = CA.issue("alice")
SERIAL = ALICE.certificate.serial_number
SIGNED = ALICE.certificate.tbs_certificate_bytes
LIST = CA.crl(1, SERIAL, 3)
INDIRECT = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=False,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=True,
    only_contains_attribute_certs=False,
)
LIST_DER = x509.load_pem_x509_crl(LIST).public_bytes(Encoding.DER)


def test_revoked_names_the_serial_as_openssl_prints_it() -> None:
    alice = CA.issue(serial=0x0A1B2C)
    bad = judge(alice, lists=CA.crl(5, 0x0A1B2C, 7))
    assert isinstance(bad, Bad)
    assert bad.code == "revoked"
    assert "(0A1B2C) was revoked" in bad.text


def test_a_revoked_certificate_stays_so_whatever_else_is_wrong() -> None:
    stale = CA.crl(SERIAL, since=NOW - 9 * DAY, until=NOW - DAY)
    assert code(judge(ALICE, lists=stale)) == "revoked"
    future = CA.crl(SERIAL, since=NOW + DAY, until=NOW + 2 * DAY)
    assert code(judge(ALICE, lists=future)) == "revoked"
    assert code(judge(ALICE, lists=CA.crl(SERIAL), now=NOW + 60 * DAY)) == "revoked"


def test_no_list_of_its_issuer() -> None:
    assert code(judge(ALICE, lists=b"")) == "no-revocation-list"
    assert code(judge(ALICE, lists=OTHER.crl())) == "no-revocation-list"


def test_a_serial_counts_only_in_the_list_of_its_issuer() -> None:
    lists = CA.crl() + OTHER.crl(SERIAL)
    assert code(judge(ALICE, cas=CA.pem + OTHER.pem, lists=lists)) == "good"
    assert code(judge(ALICE, cas=CA.pem, lists=lists)) == "good"
    twin = OTHER.issue(serial=SERIAL)
    assert code(judge(twin, cas=CA.pem + OTHER.pem, lists=lists)) == "revoked"


@pytest.mark.parametrize(
    ("expected", "since", "until"),
    [
        ("good", NOW - DAY, NOW + MINUTE),
        ("good", NOW + SKEW, NOW + DAY),
        ("stale-revocation-list", NOW + SKEW + timedelta(seconds=1), NOW + DAY),
        ("stale-revocation-list", NOW - DAY, NOW),
        ("stale-revocation-list", NOW - DAY, NOW - MINUTE),
    ],
)
def test_a_list_has_its_time(expected: str, since: datetime, until: datetime) -> None:
    assert code(judge(ALICE, lists=CA.crl(since=since, until=until))) == expected


def test_of_two_lists_the_newer_counts() -> None:
    old, new = CA.crl(number=8), CA.crl(SERIAL, number=9)
    assert code(judge(ALICE, lists=old + new)) == code(judge(ALICE, lists=new + old)) == "revoked"
    lifted = CA.crl(number=10)
    assert code(judge(ALICE, lists=lifted + new)) == "good"


@pytest.mark.parametrize("since", [NOW - DAY, NOW - 2 * DAY])
def test_two_lists_of_one_number_count_together(since: datetime) -> None:
    """As of a CA that was restored from a backup; which of them is newer, nobody knows."""
    one, other = CA.crl(SERIAL, number=9), CA.crl(4, number=9, since=since)
    assert code(judge(ALICE, lists=one + other)) == code(judge(ALICE, lists=other + one)) == "revoked"
    assert code(judge(CA.issue(serial=4), lists=one + other)) == "revoked"


def test_a_list_under_another_key_identifier_of_the_same_ca_counts() -> None:
    """One key and name, certified twice: a list that was taken back under one identifier lets nobody in."""
    bare = ForeignCa("client CA", key=CA.key, key_id=False)
    named = ForeignCa("client CA", key=CA.key, key_name=b"by another method")
    alice = CA.issue(authority=None)
    old, new = bare.crl(), named.crl(alice.certificate.serial_number, number=2, authority=b"by another method")
    for cas in (bare.pem + named.pem, named.pem + bare.pem):
        assert code(judge(alice, cas=cas, lists=old + new)) == "revoked"


@pytest.mark.parametrize(
    ("error", "lists"),
    [
        (BadSignature, lambda: CA.crl(key=new_key())),
        (BadMetadata, lambda: CA.crl(number=None)),
        (BadMetadata, lambda: CA.crl(extra=[(x509.DeltaCRLIndicator(1), True)])),
        (BadMetadata, lambda: CA.crl(extra=[(x509.DeltaCRLIndicator(1), False)])),
        (BadMetadata, lambda: CA.crl(extra=[(INDIRECT, True)])),
        (BadMetadata, lambda: CA.crl(extra=[(INDIRECT, False)])),
        (BadMetadata, lambda: CA.crl(extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""), True)])),
        (BadMetadata, lambda: CA.crl(number=1 << 160)),
        (BadMetadata, lambda: CA.crl(authority=None)),
        (BadMetadata, lambda: CA.crl()[:-40]),
        (BadMetadata, lambda: b"not a list"),
        (BadMetadata, lambda: CA.pem),
    ],
)
def test_lists_that_let_nothing_be_loaded(error: type[Exception], lists: Callable[[], bytes]) -> None:
    with pytest.raises(error):
        ClientTrust.read(CA.pem, lists())


def test_a_list_of_a_ca_that_may_not_sign_lists() -> None:
    mute = ForeignCa("mute", usage=(True, False))
    with pytest.raises(BadSignature):
        ClientTrust.read(mute.pem, mute.crl())


@settings(max_examples=200)
@pytest.mark.filterwarnings("ignore")
@given(st.data())
def test_changed_files_are_refused_in_words(data: st.DataObject) -> None:
    original = data.draw(st.sampled_from([CA.certificate.public_bytes(Encoding.DER), LIST_DER]))
    changed = bytearray(original)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    cas = CA.pem if original == LIST_DER else _pem(bytes(changed), "CERTIFICATE")
    lists = _pem(bytes(changed), "X509 CRL") if original == LIST_DER else LIST
    with suppress(PytrustError):
        ClientTrust.read(cas, lists)


def _pem(der: bytes, label: str) -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), base64.encodebytes(der), label.encode())


# CAs


def test_two_cas_of_one_name_each_have_their_own_list() -> None:
    alice, bob = CA.issue("alice", serial=11), ROGUE.issue("bob", serial=11)
    trust = ClientTrust.read(CA.pem + ROGUE.pem, CA.crl(11) + ROGUE.crl(12))
    assert (code(trust.judge(alice.der, NOW)), code(trust.judge(bob.der, NOW))) == ("revoked", "good")
    half = ClientTrust.read(CA.pem + ROGUE.pem, CA.crl())
    assert (code(half.judge(alice.der, NOW)), code(half.judge(bob.der, NOW))) == ("good", "no-revocation-list")


def test_cas_of_one_name_without_key_identifiers() -> None:
    first, second = ForeignCa("same", key_id=False), ForeignCa("same", key_id=False)
    trust = ClientTrust.read(first.pem + second.pem, first.crl() + second.crl())
    for ca in (first, second):
        assert code(trust.judge(ca.issue(authority=None).der, NOW)) == "good"


def test_a_ca_that_stands_twice_counts_once() -> None:
    trust = ClientTrust.read(CA.pem * 3, CA.crl())
    assert len(trust.cas) == 1
    assert not trust.findings


def test_a_renewed_ca_certificate_goes_on_for_the_old_one() -> None:
    old = ForeignCa("renewed", ends=NOW - MINUTE)
    new = ForeignCa("renewed", key=old.key)
    alice = old.issue()
    assert code(judge(alice, cas=old.pem, lists=old.crl())) == "expired"
    for cas in (old.pem + new.pem, new.pem + old.pem):
        assert code(judge(alice, cas=cas, lists=old.crl())) == "good"
        assert code(judge(alice, cas=cas, lists=old.crl(alice.certificate.serial_number))) == "revoked"


@pytest.mark.parametrize(
    ("expected", "now"),
    [("not-yet-valid", NOW - MINUTE), ("good", NOW), ("expired", NOW + DAY)],
)
def test_a_ca_has_its_time(expected: str, now: datetime) -> None:
    short = ForeignCa("short", begins=NOW, ends=NOW + DAY)
    assert code(judge(short.issue(), cas=short.pem, lists=short.crl(), now=now)) == expected


@pytest.mark.parametrize(
    "ca",
    [
        ForeignCa("for servers", uses=SERVER),
        ForeignCa("not a CA", is_ca=False),
        ForeignCa("signs lists alone", usage=(False, True)),
    ],
)
def test_a_certificate_that_may_not_vouch_for_clients(ca: ForeignCa) -> None:
    with pytest.raises(UsageError, match="no CA certificate may vouch for clients"):
        ClientTrust.read(ca.pem, ca.crl())
    trust = ClientTrust.read(CA.pem + ca.pem, CA.crl())
    assert code(trust.judge(ca.issue().der, NOW)) == "unknown-issuer"


@pytest.mark.parametrize(
    "ca",
    [
        ForeignCa("of the old guide", usage=None),
        ForeignCa("for clients", uses=CLIENT),
        ForeignCa("ed25519", key=ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_a_ca_that_may(ca: ForeignCa) -> None:
    assert code(judge(ca.issue(), cas=ca.pem, lists=ca.crl())) == "good"


@pytest.mark.parametrize("pem", [b"", b"nothing", CA.pem[:-30], CA.crl(), b"-" * 2_000_000])
def test_what_is_no_file_of_cas(pem: bytes) -> None:
    with pytest.raises(Damaged):
        ClientTrust.read(pem, b"")


def test_there_are_not_endlessly_many_cas() -> None:
    key = new_key()
    pem = b"".join(ForeignCa(f"number {number}", key=key).pem for number in range(CAS_MAX + 1))
    with pytest.raises(Damaged, match="65 CA certificates are more than 64"):
        ClientTrust.read(pem, b"")


def test_findings() -> None:
    trust = ClientTrust.read(CA.pem + OTHER.pem, CA.crl() + ForeignCa("foreign").crl())
    assert [(finding.code, finding.severity) for finding in trust.findings] == [
        ("no-revocation-list", "error"),
        ("foreign-revocation-list", "warning"),
    ]
    assert "another CA" in trust.findings[0].text


# time, memory, speed


@given(st.tuples(*[st.integers(1, 1000)] * 3), st.integers(-1000, 1000))
def test_good_says_until_when(ends: tuple[int, int, int], late: int) -> None:
    leaf_end, ca_end, list_end = (NOW + end * MINUTE for end in ends)
    ca = ForeignCa("c", now=NOW, key=CA.key, ends=ca_end)
    trust = ClientTrust.read(ca.pem, ca.crl(until=list_end))
    leaf = ca.issue(ends=leaf_end).der
    now = NOW + late * MINUTE
    found = trust.judge(leaf, now)
    assert isinstance(found, Good) == (now < min(leaf_end, ca_end, list_end))
    if isinstance(found, Good):
        assert found.until == min(leaf_end, ca_end, list_end)


def test_the_same_certificate_is_examined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trust = ClientTrust.read(CA.pem, CA.crl())
    first = trust.judge(ALICE.der, NOW)
    monkeypatch.setattr(standing, "read_certificate", None)
    assert trust.judge(bytes(bytearray(ALICE.der)), NOW + MINUTE) == first
    assert code(trust.judge(ALICE.der, NOW + 300 * DAY)) == "expired"


def test_what_is_remembered_has_a_bound() -> None:
    trust = ClientTrust.read(CA.pem, CA.crl())
    for number in range(KNOWN_MAX + 10):
        trust.judge(b"%d" % number, NOW)
    assert len(trust._known) <= KNOWN_MAX
    assert code(trust.judge(ALICE.der, NOW)) == "good"


def test_a_list_of_100_000_entries() -> None:
    serials = [Random(1).getrandbits(159) + number for number in range(100_000)]
    pem = CA.crl(*serials, SERIAL)
    begin = time.perf_counter()
    trust = ClientTrust.read(CA.pem, pem)
    found = trust.judge(ALICE.der, NOW)
    took = time.perf_counter() - begin
    assert code(found) == "revoked"
    assert took < 2
    begin = time.perf_counter()
    for _ in range(1000):
        trust.judge(ALICE.der, NOW)
    assert time.perf_counter() - begin < 0.1  # some microseconds each


def test_a_subject_in_another_encoding_is_another_issuer() -> None:
    """Names are compared as they are written (RFC 5280, 7.1, allows more; no CA needs it)."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Client CA")])
    assert code(TRUST.judge(ForeignCa("Client CA", key=CA.key).issue(subject=subject).der, NOW)) == "unknown-issuer"
