"""Certificates and lists that strangers made, read whole at once: nothing in them raises later. Pure."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""All that ``cryptography`` raises for what it cannot read."""


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


def _touch_certificate(certificate: x509.Certificate) -> None:
    """Everything that is parsed late."""
    _ = (certificate.version, certificate.subject, certificate.issuer, certificate.extensions)
    _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.serial_number)
    _ = (certificate.public_key(), certificate.signature_hash_algorithm)


def reason_of(error: Exception) -> str:
    """In one line."""
    return " ".join(str(error).split())[:200]
