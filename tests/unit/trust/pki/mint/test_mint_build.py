"""Every certificate is as a strict verifier wants it, whatever the keys and names; what no issuer may sign is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.pki import (
    ANYTHING,
    CLIENT_NAME,
    KINDS,
    NAME,
    NOW,
    SERVER_NAMES,
    Authorities,
    authorities,
    key,
    public,
    stamp,
)
from tests.rig.linting import certificate_errors

from pytrust.trust.errors import Damaged, Refused, UsageError
from pytrust.trust.pki.mint.build import (
    SigningCa,
    make_client,
    make_client_ca,
    make_root,
    make_server,
    make_server_ca,
    resign,
)
from pytrust.trust.pki.mint.constraints import Permitted
from pytrust.trust.pki.mint.profile import CertPublicKey, authority_kind
from pytrust.trust.pki.model import CertKeyKind, Kind
from pytrust.trust.pki.names import ClientName, ServerNames, client_uri

KIND = st.sampled_from(KINDS)
ALICE = ClientName("alice")
HOST = ServerNames.parse(["engine.example"])


def subjects(names: ServerNames) -> list[x509.DNSName | x509.IPAddress]:
    """What is dialled: something below a wildcard in place of it. No verifier of ``cryptography`` takes underscores."""
    dialled = [name.replace("*", "any") for name in names.dns if "_" not in name]
    return [*map(x509.DNSName, dialled), *(x509.IPAddress(address) for address in names.addresses)]


def verify_server(found: x509.Certificate, chain: list[x509.Certificate], root: x509.Certificate, name: object) -> None:
    assert isinstance(name, x509.DNSName | x509.IPAddress)
    PolicyBuilder().store(Store([root])).time(NOW).build_server_verifier(name).verify(found, chain)


def verify_client(found: x509.Certificate, chain: list[x509.Certificate], anchor: x509.Certificate) -> None:
    PolicyBuilder().store(Store([anchor])).time(NOW).build_client_verifier().verify(found, chain)


@settings(deadline=None)
@given(KIND, KIND, SERVER_NAMES)
def test_server_certificates_lint_and_verify(ca_kind: CertKeyKind, kind: CertKeyKind, names: ServerNames) -> None:
    made = authorities(ca_kind)
    found = make_server(made.server, names, public("leaf", kind), stamp())
    assert certificate_errors(found) == []
    if "ed25519" in {ca_kind, kind}:  # its verifier knows none; OpenSSL judges those, end to end
        return
    for name in subjects(names):
        verify_server(found, [made.server.certificate], made.root.certificate, name)
    with pytest.raises(VerificationError):
        verify_server(found, [made.server.certificate], made.root.certificate, x509.DNSName("another.test"))


@settings(deadline=None)
@given(KIND, KIND, CLIENT_NAME)
def test_client_certificates_lint_and_verify(ca_kind: CertKeyKind, kind: CertKeyKind, name: ClientName) -> None:
    made = authorities(ca_kind)
    found = make_client(made.client, name, public("leaf", kind), stamp())
    assert certificate_errors(found) == []
    uris = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [each.value for each in uris] == [client_uri(name)]
    assert [each.value for each in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [name]
    if "ed25519" not in {ca_kind, kind}:
        verify_client(found, [made.client.certificate], made.root.certificate)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("permitted", [[], ["example.com", "localhost"], ["10.0.0.0/8", "fd00::/8"], ["a.test", "::1"]])
def test_authorities_lint(kind: CertKeyKind, permitted: list[str]) -> None:
    made = authorities(kind, Permitted.parse(permitted))
    for ca in (made.root, made.server, made.client):
        assert certificate_errors(ca.certificate) == []


def test_authorities_are_told_apart_by_what_they_may_do() -> None:
    made = authorities()
    kinds = [authority_kind(ca.certificate) for ca in (made.root, made.server, made.client)]
    assert kinds == [Kind.ROOT, Kind.SERVER_CA, Kind.CLIENT_CA]
    assert authority_kind(make_client(made.client, ALICE, public("leaf"), stamp())) is None


def extension_names(found: x509.Certificate) -> dict[str, bool]:
    return {type(each.value).__name__: each.critical for each in found.extensions}


COMMON = {"BasicConstraints": True, "KeyUsage": True, "SubjectKeyIdentifier": False}
ISSUED = {**COMMON, "ExtendedKeyUsage": False, "AuthorityKeyIdentifier": False}


def test_nothing_more_and_nothing_less_than_the_profile() -> None:
    made = authorities(permitted=Permitted.parse(["example"]))
    assert extension_names(made.root.certificate) == COMMON
    assert extension_names(made.server.certificate) == {**ISSUED, "NameConstraints": True}
    assert extension_names(made.client.certificate) == ISSUED
    for leaf in (
        make_server(made.server, HOST, public("leaf"), stamp()),
        make_client(made.client, ALICE, public("leaf"), stamp()),
    ):
        assert extension_names(leaf) == {**ISSUED, "SubjectAlternativeName": False}


def usages(found: x509.Certificate) -> set[str]:
    usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    names = (
        "digital_signature",
        "key_encipherment",
        "content_commitment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    return {name for name in names if getattr(usage, name)}


@pytest.mark.parametrize("kind", KINDS)
def test_key_usages(kind: CertKeyKind) -> None:
    made = authorities(kind)
    leaf = make_server(made.server, HOST, public("leaf", kind), stamp())
    rsa_only = {"key_encipherment"} if kind.startswith("rsa") else set()
    assert usages(leaf) == {"digital_signature"} | rsa_only
    assert all(usages(ca.certificate) == {"key_cert_sign", "crl_sign"} for ca in (made.root, made.server, made.client))


@pytest.mark.parametrize(
    ("kind", "digest"), [("ecdsa-p256", "sha256"), ("ecdsa-p384", "sha384"), ("rsa-3072", "sha256")]
)
def test_the_hash_is_as_long_as_the_curve(kind: CertKeyKind, digest: str) -> None:
    algorithm = authorities(kind).server.certificate.signature_hash_algorithm
    assert algorithm is not None
    assert algorithm.name == digest


def test_subjects_of_authorities_name_their_generation() -> None:
    made = authorities(generation=7)
    subjects = [ca.certificate.subject.rfc4514_string() for ca in (made.root, made.server, made.client)]
    assert subjects == [
        "CN=Acme Widgets root G7,O=Acme Widgets",
        "CN=Acme Widgets server CA G7,O=Acme Widgets",
        "CN=Acme Widgets client CA G7,O=Acme Widgets",
    ]


SIXTY_FOUR = "h" * 56 + ".example"


@pytest.mark.parametrize(
    ("names", "common_name"),
    [
        (["10.0.0.1", "b.example", "a.example"], ["b.example"]),
        ([SIXTY_FOUR], [SIXTY_FOUR]),
        (["x" + SIXTY_FOUR], []),
        (["10.0.0.1", "::1"], []),
        (["*.example.com"], ["*.example.com"]),
    ],
)
def test_the_common_name_is_the_first_dns_name_that_fits(names: list[str], common_name: list[str]) -> None:
    found = make_server(authorities().server, ServerNames.parse(names), public("leaf"), stamp())
    assert [each.value for each in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == common_name


@pytest.mark.parametrize("wrong", ["root", "server", "client"])
def test_an_authority_issues_for_its_own_purpose_alone(wrong: str) -> None:
    ca: SigningCa = getattr(authorities(), wrong)
    leaf = public("leaf")
    if wrong != "server":
        with pytest.raises(Refused, match="is not a server-ca"):
            make_server(ca, HOST, leaf, stamp())
    if wrong != "client":
        with pytest.raises(Refused, match="is not a client-ca"):
            make_client(ca, ALICE, leaf, stamp())
    if wrong != "root":
        with pytest.raises(Refused, match="is not a root"):
            make_client_ca(ca, 2, leaf, stamp())
        with pytest.raises(Refused, match="is not a root"):
            make_server_ca(ca, 2, leaf, stamp(), ANYTHING)


def test_a_leaf_is_no_authority() -> None:
    leaf = SigningCa(make_client(authorities().client, ALICE, public("leaf"), stamp()), key("leaf"))
    with pytest.raises(Refused, match="is not a client-ca"):
        make_client(leaf, ALICE, public("other"), stamp())


def test_the_two_halves_of_an_authority_belong_together() -> None:
    with pytest.raises(Damaged, match="Acme Widgets root G1 is not the one in its certificate"):
        SigningCa(authorities().root.certificate, key("another"))


WEAK = [
    ec.generate_private_key(ec.SECP521R1()),
    ec.generate_private_key(ec.SECP256K1()),
    ed448.Ed448PrivateKey.generate(),
    rsa.generate_private_key(65537, 1024),
    rsa.generate_private_key(3, 2048),
]


@pytest.mark.parametrize("weak", WEAK, ids=lambda weak: type(weak.public_key()).__name__)
def test_other_kinds_of_keys_get_no_certificate(weak: ec.EllipticCurvePrivateKey) -> None:
    made = authorities()
    spki = cast("CertPublicKey", weak.public_key())
    makers: list[Callable[[], object]] = [
        lambda: make_root(NAME, 1, weak, stamp()),
        lambda: make_server_ca(made.root, 2, spki, stamp(), ANYTHING),
        lambda: make_client_ca(made.root, 2, spki, stamp()),
        lambda: make_server(made.server, HOST, spki, stamp()),
        lambda: make_client(made.client, ALICE, spki, stamp()),
    ]
    for make in makers:
        with pytest.raises(UsageError, match="no certificate is issued for"):
            make()


def resigned(made: Authorities, root: SigningCa) -> tuple[x509.Certificate, x509.Certificate]:
    return resign(root, made.server.certificate, stamp()), resign(root, made.client.certificate, stamp())


def test_a_resigned_authority_says_the_same_of_itself() -> None:
    made = authorities(permitted=Permitted.parse(["example"]))
    new_root = authorities(generation=2).root
    for before, after in zip((made.server, made.client), resigned(made, new_root), strict=True):
        assert after.subject == before.certificate.subject
        assert after.public_key() == before.certificate.public_key()
        assert after.serial_number != before.certificate.serial_number
        assert extension_names(after) == extension_names(before.certificate)
        assert authority_kind(after) == authority_kind(before.certificate)
        assert certificate_errors(after) == []


def test_what_a_resigned_authority_issued_counts_under_both_roots() -> None:
    made = authorities(permitted=Permitted.parse(["example"]))
    roots = [made.root, authorities(generation=2).root]
    leaf = make_server(made.server, HOST, public("leaf"), stamp())
    again = resigned(made, roots[1])[0]
    for root in roots:
        verify_server(leaf, [again, made.server.certificate], root.certificate, x509.DNSName("engine.example"))
    with pytest.raises(VerificationError):
        verify_server(leaf, [made.server.certificate], roots[1].certificate, x509.DNSName("engine.example"))


def test_constraints_survive_resigning() -> None:
    made = authorities(permitted=Permitted.parse(["example"]))
    again = resigned(made, authorities(generation=2).root)[0]
    with pytest.raises(Refused, match="may not issue for"):
        make_server(SigningCa(again, made.server.key), ServerNames.parse(["host.test"]), public("leaf"), stamp())


def test_only_issuing_authorities_are_resigned() -> None:
    made, other = authorities(), authorities(generation=2)
    leaf = make_client(made.client, ALICE, public("leaf"), stamp())
    for certificate in (made.root.certificate, leaf):
        with pytest.raises(Refused, match="is not an issuing CA"):
            resign(other.root, certificate, stamp())


def test_a_resigned_authority_does_not_live_longer() -> None:
    made = authorities(now=NOW - timedelta(days=1000))
    again = resigned(made, authorities(generation=2).root)[0]
    assert again.not_valid_after_utc == made.server.certificate.not_valid_after_utc


def test_exactly_one_purpose() -> None:
    made = authorities()
    server = make_server(made.server, HOST, public("leaf"), stamp())
    client = make_client(made.client, ALICE, public("leaf"), stamp())
    for found, purpose in ((server, ExtendedKeyUsageOID.SERVER_AUTH), (client, ExtendedKeyUsageOID.CLIENT_AUTH)):
        assert list(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [purpose]
    with pytest.raises(VerificationError):
        verify_client(server, [made.server.certificate], made.root.certificate)
