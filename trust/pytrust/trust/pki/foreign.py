"""Certificates and lists that strangers made, read whole at once, so that nothing in them raises later; and what is
asked of any certificate. Pure.
"""

from __future__ import annotations

from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,  # where warnings are errors; for what later versions will not read
)
"""All that ``cryptography`` raises for what it cannot read."""
_Value = TypeVar("_Value", bound=x509.ExtensionType)


def read_certificate(data: bytes) -> x509.Certificate:
    """Read DER; raises ``ValueError`` with the reason in one line."""
    try:
        certificate = x509.load_der_x509_certificate(data)
        _touch_certificate(certificate)
    except UNREADABLE as error:
        raise ValueError(reason_of(error)) from error
    return certificate


def read_list(data: bytes) -> x509.CertificateRevocationList:
    """Read DER; raises ``ValueError`` with the reason in one line. Single entries are read when they are looked up."""
    try:
        found = x509.load_der_x509_crl(data)
        _ = (found.issuer, found.extensions, found.next_update_utc, found.last_update_utc)
        _ = found.signature_hash_algorithm
    except UNREADABLE as error:
        raise ValueError(reason_of(error)) from error
    return found


def extension(certificate: x509.Certificate, kind: type[_Value]) -> _Value | None:
    """The value of an extension, or None; raises what ``UNREADABLE`` lists where nobody has read all of them yet."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether it names ``issuer`` as its issuer and bears its signature; no where that cannot be found out."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def name_text(name: x509.Name) -> str:
    """What people call a subject or issuer: the common name, or else all of it."""
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string()


def _touch_certificate(certificate: x509.Certificate) -> None:
    """Everything that is parsed late; raises ``ValueError`` too for a serial that is none (RFC 5280, 4.1.2.2)."""
    _ = (certificate.version, certificate.subject, certificate.issuer, certificate.extensions)
    _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    _ = (certificate.public_key(), certificate.signature_hash_algorithm)
    if certificate.serial_number <= 0:
        raise ValueError("its serial number is not positive")


def reason_of(error: Exception) -> str:
    """In one line."""
    return " ".join(str(error).split())[:200]
