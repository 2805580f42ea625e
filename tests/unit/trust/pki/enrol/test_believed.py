"""What an authority sends is used only where it is what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.fakes.authority import ALICE, BOB, Clock, create, passphrase, server

from pytrust.trust.errors import BadContent, InvalidName, PytrustError, Rollback
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.delivery import supplies
from pytrust.trust.pki.enrol.believed import check_clients, check_pair, check_roots, folder_name, names_in, parse_names
from pytrust.trust.pki.folder import CA, CRL
from pytrust.trust.pki.model import ISSUER_OF, Kind, LeafKind, Reason


@dataclass
class Side:
    """An authority, and one key that it signed for."""

    authority: Authority
    clock: Clock
    key: EllipticCurvePublicKey = field(default_factory=lambda: generate_private_key(SECP256R1()).public_key())

    @property
    def roots(self) -> bytes:
        return supplies(self.authority.index, Kind.CLIENT).ca

    def files(self) -> dict[str, bytes]:
        found = supplies(self.authority.index, Kind.SERVER)
        return {CA: found.ca, CRL: found.crl}

    def chain(self, kind: LeafKind) -> bytes:
        if kind is Kind.SERVER:
            issued = self.authority.sign_server(server("docker1", "10.0.0.1"), self.key)
        else:
            issued = self.authority.sign_client(ALICE, self.key)
        return supplies(self.authority.index, kind).chain(issued)

    def signing(self, kind: LeafKind) -> tuple[x509.Certificate, PrivateKey]:
        ca = self.authority._premises.signing(self.authority.index.current(ISSUER_OF[kind]))
        return ca.certificate, ca.key


@pytest.fixture
def side(tmp_path: Path) -> Side:
    clock = Clock()
    return Side(create(tmp_path / "ours", clock), clock)


@pytest.fixture
def other(tmp_path: Path) -> Side:
    clock = Clock()
    return Side(create(tmp_path / "theirs", clock), clock)


KINDS: list[LeafKind] = [Kind.CLIENT, Kind.SERVER]
ASKED: dict[LeafKind, list[str]] = {Kind.CLIENT: ["alice"], Kind.SERVER: ["docker1", "10.0.0.1"]}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_asked_for_is_taken(side: Side, kind: LeafKind) -> None:
    chain = side.chain(kind)
    check_pair(kind, chain, side.roots, side.key, parse_names(kind, ASKED[kind]))
    check_pair(kind, chain, side.roots, side.key, names_in(chain))


@pytest.mark.parametrize("kind", KINDS)
def test_another_key_other_names_another_kind_another_authority(side: Side, other: Side, kind: LeafKind) -> None:
    chain, names = side.chain(kind), parse_names(kind, ASKED[kind])
    with pytest.raises(BadContent, match="another key"):
        check_pair(kind, chain, side.roots, other.key, names)
    with pytest.raises(BadContent, match="other names"):
        check_pair(kind, chain, side.roots, side.key, parse_names(kind, ["docker2"]))
    with pytest.raises(BadContent, match="not one of a"):
        check_pair(Kind.CLIENT if kind is Kind.SERVER else Kind.SERVER, chain, side.roots, side.key, names)
    with pytest.raises(BadContent, match="does not lead to a root"):
        check_pair(kind, chain, other.roots, side.key, names)
    with pytest.raises(BadContent, match="does not lead to a root"):
        check_pair(kind, chain.partition(b"-----END CERTIFICATE-----\n")[0] + b"-----END CERTIFICATE-----\n",
                   side.roots, side.key, names)  # fmt: skip


def forged(side: Side, *, ca: bool = False, days: int = 30, uses: tuple[x509.ObjectIdentifier, ...] = ()) -> bytes:
    """What whoever has the CA's own key could send."""
    issuer, key = side.signing(Kind.CLIENT)
    builder = x509.CertificateBuilder().issuer_name(issuer.subject).subject_name(x509.Name([])).serial_number(7)
    builder = builder.not_valid_before(side.clock()).not_valid_after(side.clock() + timedelta(days=days))
    builder = builder.public_key(side.key).add_extension(parse_names(Kind.CLIENT, ["alice"]), False)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, *uses]), False)
    pem = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    return pem + issuer.public_bytes(Encoding.PEM)


def test_more_than_was_asked_for_is_refused(side: Side) -> None:
    names = parse_names(Kind.CLIENT, ["alice"])
    check_pair(Kind.CLIENT, forged(side), side.roots, side.key, names)
    for chain in (
        forged(side, ca=True),
        forged(side, days=900),
        forged(side, uses=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        forged(side, uses=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
    ):
        with pytest.raises(BadContent):
            check_pair(Kind.CLIENT, chain, side.roots, side.key, names)


def test_new_roots_come_beside_one_that_is_known(side: Side, other: Side) -> None:
    before = side.roots
    check_roots(before, before)
    side.authority.add_generation(Kind.ROOT, passphrase)
    check_roots(side.roots, before)
    check_roots(before, side.roots)
    with pytest.raises(BadContent, match="none of the root certificates was known"):
        check_roots(other.roots, before)


@pytest.mark.parametrize("sent", [b"", b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_roots_that_are_none(side: Side, sent: bytes) -> None:
    with pytest.raises(BadContent):
        check_roots(sent, side.roots)
    with pytest.raises(BadContent, match="one that is none"):
        check_roots(side.roots + side.files()[CA], side.roots)


def test_client_cas_and_lists(side: Side, other: Side) -> None:
    before = side.files()
    side.authority.revoke(side.authority.issue_client(BOB), Reason.KEY_COMPROMISE)
    after = side.files()
    check_clients(after, side.roots, before)
    check_clients(after, side.roots, {})
    with pytest.raises(Rollback):
        check_clients(before, side.roots, after)
    with pytest.raises(BadContent, match="somebody else"):
        check_clients(other.files(), side.roots, before)
    both = {CA: after[CA] + other.files()[CA], CRL: after[CRL]}
    with pytest.raises(BadContent, match="somebody else"):
        check_clients(both, side.roots, before)


SPOILT: list[Callable[[dict[str, bytes]], dict[str, bytes]]] = [
    lambda files: files | {CRL: b"nonsense"},
    lambda files: files | {CA: b""},
    lambda files: files | {CA: b"\xff\xfe"},
]


@pytest.mark.parametrize("spoil", SPOILT)
def test_what_cannot_be_read_is_refused_and_what_lies_here_is_no_excuse(
    side: Side, spoil: Callable[[dict[str, bytes]], dict[str, bytes]]
) -> None:
    good = side.files()
    with pytest.raises(PytrustError):
        check_clients(spoil(good), side.roots, good)
    check_clients(good, side.roots, spoil(good))


def test_lists_that_are_left_out_are_missed(side: Side) -> None:
    with pytest.raises(PytrustError):
        check_clients(side.files() | {CRL: b""}, side.roots, side.files())


@pytest.mark.parametrize("name", ["..", "../../etc", "/etc/docker", "a/b", "", ".live", "-", "a\0b"])
def test_a_name_leads_to_no_other_folder(name: str) -> None:
    for kind in KINDS:
        with pytest.raises(InvalidName):
            folder_name(kind, [name])
    assert folder_name(Kind.SERVER, ["docker1", "10.0.0.1"]) == "docker1"
