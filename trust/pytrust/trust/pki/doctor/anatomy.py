"""What a certificate says, for those who judge it; works with certificates of any authority. Pure."""

from __future__ import annotations

from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from pytrust.trust.pki.foreign import UNREADABLE, extension, name_text

_LABEL_MAX_CHARS = 120  # a subject may be of any length


class Role(StrEnum):
    """What a certificate is used as."""

    CA = "CA"
    SERVER = "server"
    CLIENT = "client"
    LEAF = "leaf"
    """A server's or a client's: it does not say."""


class Link(StrEnum):
    """How a certificate stands to one that may have issued it."""

    ISSUED = "issued"
    SAME_NAME = "same-name"
    """The name is the issuer's, the key is not."""
    STRANGER = "stranger"


def label(certificate: x509.Certificate) -> str:
    """What people call the holder: common name, else the whole subject."""
    return name_label(certificate.subject)


def name_label(name: x509.Name) -> str:
    """What people call a subject or issuer."""
    return (name_text(name) or "without a name")[:_LABEL_MAX_CHARS]


def purposes(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier] | None:
    """Extended key usages; None where the certificate does not restrict them."""
    found = extension(certificate, x509.ExtendedKeyUsage)
    if found is None or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in found:
        return None
    return frozenset(found)


def may_serve_as(certificate: x509.Certificate, role: Role) -> bool:
    """Whether extended key usages let it be used so, or issue such certificates, as Go judges it."""
    found = purposes(certificate)
    match role:
        case Role.SERVER:
            return found is None or ExtendedKeyUsageOID.SERVER_AUTH in found
        case Role.CLIENT:
            return found is None or ExtendedKeyUsageOID.CLIENT_AUTH in found
        case Role.CA | Role.LEAF:
            return True


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it may issue others; of the first version of X.509, which cannot say so, the self-signed ones."""
    if certificate.version is x509.Version.v1:
        return self_issued(certificate)
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def role_of(certificate: x509.Certificate) -> Role:
    """What it is for, by what it says."""
    if is_ca(certificate):
        return Role.CA
    serves, calls = may_serve_as(certificate, Role.SERVER), may_serve_as(certificate, Role.CLIENT)
    if serves == calls:
        return Role.LEAF
    return Role.SERVER if serves else Role.CLIENT


def self_issued(certificate: x509.Certificate) -> bool:
    """Whether it names itself as its issuer."""
    return certificate.subject == certificate.issuer


def link(certificate: x509.Certificate, issuer: x509.Certificate) -> Link:
    """Whether ``issuer`` issued it. Where the algorithm is too old to be checked, key identifiers decide."""
    if certificate.issuer != issuer.subject:
        return Link.STRANGER
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return Link.SAME_NAME
    except UNREADABLE:
        return Link.SAME_NAME if _other_key_identifier(certificate, issuer) else Link.ISSUED
    return Link.ISSUED


def spki(certificate: x509.Certificate) -> bytes:
    """The public key as SubjectPublicKeyInfo, DER."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _other_key_identifier(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    wanted, has = (
        extension(certificate, x509.AuthorityKeyIdentifier),
        extension(issuer, x509.SubjectKeyIdentifier),
    )
    return wanted is not None and has is not None and wanted.key_identifier not in {None, has.digest}
