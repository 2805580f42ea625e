"""What is wrong with certificate revocation lists, and with what they should cover. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509

from pytrust.trust.pki.doctor.anatomy import Role, is_ca, label, may_serve_as, name_label
from pytrust.trust.pki.doctor.telling import error
from pytrust.trust.pki.finding import Finding
from pytrust.trust.pki.foreign import UNREADABLE
from pytrust.trust.pki.model import moment_text, serial_text

_RENEW: Final = "get the newest list of this CA; of pytrust's: pytrust ca crl"


def lint_list(
    revocations: x509.CertificateRevocationList, thing: str, cas: Sequence[x509.Certificate], now: datetime
) -> Iterator[Finding]:
    """Whether a list counts now, and is one of the CAs that are at hand (none at hand: not asked)."""
    issuer = name_label(revocations.issuer)
    ends = revocations.next_update_utc
    if ends is None:
        yield error("crl-without-end", thing, f"the list of {issuer!r} does not say until when it counts", _RENEW)
    elif now >= ends:
        yield error("crl-stale", thing, f"the list of {issuer!r} counted until {moment_text(ends)} only", _RENEW)
    if revocations.last_update_utc > now:
        yield error(
            "crl-not-yet-valid", thing, f"the list of {issuer!r} begins to count later: is a clock wrong?", _RENEW
        )
    if cas and not any(signed_by(revocations, ca) for ca in cas):
        yield error(
            "crl-of-another-ca", thing, f"the list is of {issuer!r}, and no CA here has that name and key", _RENEW
        )


def uncovered(
    cas: Iterable[x509.Certificate], lists: Sequence[x509.CertificateRevocationList], thing: str
) -> Iterator[Finding]:
    """Issuers of clients that have no list among those that are there."""
    for ca in cas:
        covered = any(signed_by(revocations, ca) for revocations in lists)
        if is_ca(ca) and may_serve_as(ca, Role.CLIENT) and not covered:
            text = f"there is no list of the CA {label(ca)!r}, so none of its clients can be locked out"
            yield error("crl-missing", thing, text, _RENEW)


def revoked(
    certificate: x509.Certificate, lists: Iterable[x509.CertificateRevocationList], thing: str
) -> Iterator[Finding]:
    """Whether a certificate is on a list of its own issuer."""
    for revocations in lists:
        if revocations.issuer == certificate.issuer and _listed(revocations, certificate.serial_number):
            text = f"the certificate {label(certificate)!r}, {serial_text(certificate.serial_number)}, was revoked"
            yield error("revoked", thing, text, "ask for a new one")


def signed_by(revocations: x509.CertificateRevocationList, ca: x509.Certificate) -> bool:
    """Whether a list is of this CA: its name and its key."""
    key = ca.public_key()
    try:
        return revocations.issuer == ca.subject and revocations.is_signature_valid(key)  # type: ignore[arg-type]
    except UNREADABLE:
        return False


def _listed(revocations: x509.CertificateRevocationList, serial: int) -> bool:
    """A list whose entries cannot be read may hold any."""
    try:
        return revocations.get_revoked_certificate_by_serial_number(serial) is not None
    except UNREADABLE:
        return True
