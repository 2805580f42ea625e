"""Revocation lists: what goes in comes out; what is forged, partial, foreign or broken does not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.der.decoder import decode  # type: ignore[import-untyped]
from pyasn1.codec.der.encoder import encode  # type: ignore[import-untyped]
from pyasn1_alt_modules import rfc5280  # type: ignore[import-untyped]
from tests.fakes.pki import KINDS, NOW, authorities, key, public, stamp
from tests.rig.linting import list_errors

from pytrust.trust.errors import BadMetadata, BadSignature
from pytrust.trust.pki.mint.build import SigningCa, make_client_ca
from pytrust.trust.pki.mint.crl import CRL_MAX_BYTES, CRLS_MAX, make_crl, pem_of, read_crl, read_crls
from pytrust.trust.pki.mint.profile import key_id_of
from pytrust.trust.pki.model import CRL_LIFETIME, CertKeyKind, Reason, Revocation, Serial

SERIAL = st.integers(1, 2**159 - 1).map(Serial)
MOMENT = st.integers(-(10**8), 10**8).map(lambda seconds: NOW + timedelta(seconds=seconds))
REVOKED = st.dictionaries(SERIAL, st.builds(Revocation, MOMENT, st.sampled_from(Reason)), max_size=20)
SHA256_WITH_RSA = bytes.fromhex("2a864886f70d01010b")  # 1.2.840.113549.1.1.11
SHA1_WITH_RSA = bytes.fromhex("2a864886f70d010105")
ONE = {Serial(7): Revocation(NOW, Reason.KEY_COMPROMISE)}
CA = authorities().client


def der(crl: x509.CertificateRevocationList) -> bytes:
    return crl.public_bytes(Encoding.DER)


@settings(deadline=None)
@given(st.sampled_from(KINDS), REVOKED, st.integers(0, 2**64))
def test_what_goes_in_comes_out(kind: CertKeyKind, revoked: dict[Serial, Revocation], number: int) -> None:
    issuer = authorities(kind).client
    made = make_crl(issuer, revoked, number=number, now=NOW + timedelta(microseconds=1))
    assert list_errors(made) == []
    for data in (der(made), pem_of(der(made))):
        read = read_crl(data, issuer.certificate)
        assert read.revoked == revoked
        assert (read.number, read.this_update, read.next_update) == (number, NOW, NOW + CRL_LIFETIME)
        assert (read.issuer, read.issuer_key_id) == (issuer.certificate.subject, key_id_of(issuer.certificate))


def test_a_file_of_several_lists() -> None:
    old, new = CA, authorities(generation=2).client
    lists = [
        make_crl(old, ONE, number=1, now=NOW),
        make_crl(new, {}, number=5, now=NOW),
        make_crl(old, {}, number=2, now=NOW),
    ]
    pem = b"\n".join(pem_of(der(each)) for each in lists)
    read = read_crls(pem, [old.certificate, new.certificate])
    assert [(each.issuer, each.number, len(each.revoked)) for each in read] == [
        (old.certificate.subject, 1, 1),
        (new.certificate.subject, 5, 0),
        (old.certificate.subject, 2, 0),
    ]
    assert [each.number for each in read_crls(pem, [new.certificate])] == [5]
    assert read_crls(b"", [old.certificate]) == ()


def test_a_list_of_another_authority_with_the_same_serials() -> None:
    other = authorities(generation=2).client
    made = make_crl(other, ONE, number=1, now=NOW)
    with pytest.raises(BadMetadata, match="is not that of Acme Widgets client CA G1"):
        read_crl(der(made), CA.certificate)
    assert read_crls(pem_of(der(made)), [CA.certificate]) == ()


def test_an_impostor_of_the_same_name() -> None:
    """The same name and the same key identifier, but another key: an empty list would let everybody in."""
    made = forged(CA.certificate, [(x509.CRLNumber(9), False), (authority_id(CA.certificate), False)], impostor=True)
    for read in (read_crl, lambda data, issuer: read_crls(data, [issuer])):
        with pytest.raises(BadSignature, match="did not sign its revocation list"):
            read(pem_of(der(made)), CA.certificate)


def authority_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(key_id_of(issuer), None, None)


def forged(
    issuer: x509.Certificate,
    extensions: list[tuple[x509.ExtensionType, bool]],
    *,
    entry: tuple[x509.ExtensionType, bool] | None = None,
    impostor: bool = False,
) -> x509.CertificateRevocationList:
    """A list by hand."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(NOW).next_update(NOW + timedelta(days=1))
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    withdrawn = x509.RevokedCertificateBuilder().serial_number(7).revocation_date(NOW)
    if entry:
        withdrawn = withdrawn.add_extension(*entry)
    return builder.add_revoked_certificate(withdrawn.build()).sign(key("impostor") if impostor else CA.key, SHA256())


NUMBER, KEY_ID = (x509.CRLNumber(1), False), (authority_id(CA.certificate), False)
SCOPE = x509.IssuingDistributionPoint(None, None, False, False, frozenset([x509.ReasonFlags.superseded]), False, False)
PARTIAL: list[list[tuple[x509.ExtensionType, bool]]] = [
    [NUMBER],
    [KEY_ID],
    [NUMBER, KEY_ID, (x509.DeltaCRLIndicator(1), True)],
    [NUMBER, KEY_ID, (SCOPE, True)],
    [NUMBER, KEY_ID, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)],
]


@pytest.mark.parametrize("extensions", PARTIAL)
def test_lists_that_leave_things_out(extensions: list[tuple[x509.ExtensionType, bool]]) -> None:
    with pytest.raises(BadMetadata, match="leaves things out|has no 2.5.29"):
        read_crl(der(forged(CA.certificate, extensions)), CA.certificate)


def test_an_entry_of_an_indirect_list() -> None:
    entry = (x509.CertificateIssuer([x509.DirectoryName(CA.certificate.subject)]), True)
    with pytest.raises(BadMetadata, match="has an entry of another authority"):
        read_crl(der(forged(CA.certificate, [NUMBER, KEY_ID], entry=entry)), CA.certificate)


@pytest.mark.parametrize("flag", sorted(set(x509.ReasonFlags) - {x509.ReasonFlags.unspecified}, key=str))
def test_withdrawn_for_whatever_reason_is_withdrawn(flag: x509.ReasonFlags) -> None:
    made = forged(CA.certificate, [NUMBER, KEY_ID], entry=(x509.CRLReason(flag), False))
    assert 7 in read_crl(der(made), CA.certificate).revoked


def test_extensions_that_are_not_critical_change_nothing() -> None:
    extra = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False)
    made = forged(CA.certificate, [NUMBER, KEY_ID, extra], entry=(x509.InvalidityDate(NOW.replace(tzinfo=None)), False))
    assert set(read_crl(der(made), CA.certificate).revoked) == {7}


def test_a_leaf_signs_no_lists() -> None:
    """RFC 5280, 6.3.3 (f): nothing that may not sign lists is believed."""
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    builder = x509.CertificateBuilder(CA.certificate.issuer, CA.certificate.subject, CA.key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW).add_extension(usage, critical=True)
    with pytest.raises(BadSignature):
        read_crl(der(make_crl(CA, ONE, number=1, now=NOW)), builder.sign(CA.key, SHA256()))


MADE = make_crl(CA, ONE, number=1, now=NOW)
GOOD = pem_of(der(MADE))


@pytest.mark.parametrize(
    "data",
    [
        b"junk",
        GOOD + b"junk",
        b"junk\n" + GOOD,
        GOOD[:-20],
        GOOD.replace(b"X509 CRL", b"CERTIFICATE"),
        GOOD.replace(b"\nMI", b"\nAA"),
        GOOD * (CRLS_MAX + 1),
        b"\n" * (CRL_MAX_BYTES + 1),
        der(MADE),
    ],
    ids=range(9),
)
def test_what_is_no_file_of_lists(data: bytes) -> None:
    with pytest.raises(BadMetadata):
        read_crls(data, [CA.certificate])


@pytest.mark.filterwarnings("ignore")  # cryptography's, of odd names and serials
@given(st.integers(0, len(der(MADE)) - 1), st.integers(1, 255))
def test_a_changed_byte_changes_nothing_that_is_believed(place: int, change: int) -> None:
    changed = bytearray(der(MADE))
    changed[place] ^= change
    try:
        read = read_crl(bytes(changed), CA.certificate)
    except (BadMetadata, BadSignature):
        return
    assert read == read_crl(der(MADE), CA.certificate)  # the count of unused bits after the signature says nothing


@pytest.mark.filterwarnings("ignore")
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadMetadata):
        read_crl(data, CA.certificate)


def test_the_list_of_a_successor_with_its_own_key() -> None:
    """Lists are told apart by key as well as by name."""
    again = make_client_ca(authorities().root, 1, public("client CA anew"), stamp())
    successor = SigningCa(again, key("client CA anew"))
    assert again.subject == CA.certificate.subject
    lists = b"".join(pem_of(der(make_crl(ca, {}, number=number, now=NOW))) for number, ca in enumerate([CA, successor]))
    assert [each.number for each in read_crls(lists, [again])] == [1]
    assert [each.number for each in read_crls(lists, [CA.certificate])] == [0]


def test_one_key_under_two_names() -> None:
    """Lists are told apart by name as well as by key."""
    other_name = make_client_ca(authorities().root, 2, public("client CA 1"), stamp())
    assert key_id_of(other_name) == key_id_of(CA.certificate)
    with pytest.raises(BadMetadata, match="is not that of Acme Widgets client CA G2"):
        read_crl(der(MADE), other_name)
    assert read_crls(GOOD, [other_name]) == ()


def test_a_list_without_an_end() -> None:
    """Optional in X.509, not in RFC 5280 (5.1.2.5): such a list would count for ever."""
    issuer = authorities("ed25519").client
    assert isinstance(issuer.key, Ed25519PrivateKey)
    whole = decode(der(make_crl(issuer, ONE, number=1, now=NOW)), asn1Spec=rfc5280.CertificateList())[0]
    endless = whole["tbsCertList"].clone()
    for name in ("version", "signature", "issuer", "thisUpdate", "revokedCertificates", "crlExtensions"):
        endless[name] = whole["tbsCertList"][name]
    whole["tbsCertList"] = endless
    whole["signature"] = rfc5280.univ.BitString.fromOctetString(issuer.key.sign(encode(endless)))
    with pytest.raises(BadMetadata, match="does not say until when it counts"):
        read_crl(encode(whole), issuer.certificate)


def test_a_version_that_does_not_exist() -> None:
    with pytest.raises(BadMetadata, match="cannot be read"):
        read_crl(der(MADE).replace(b"\x02\x01\x01", b"\x02\x01\x05", 1), CA.certificate)


def test_a_list_under_an_outworn_hash() -> None:
    """Of RSA, where the identifiers of both signatures are of one length: whoever finds a collision forges a list."""
    issuer = authorities("rsa-3072").client
    assert isinstance(issuer.key, RSAPrivateKey)
    made = make_crl(issuer, ONE, number=1, now=NOW)
    body = made.tbs_certlist_bytes.replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    whole = der(made).replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    with pytest.raises(BadSignature, match="outworn hash"):
        read_crl(whole.replace(made.signature, issuer.key.sign(body, PKCS1v15(), SHA1())), issuer.certificate)
