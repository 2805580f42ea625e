"""Certificates as rows, lines and documents. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.pki.model import Issued, Kind, serial_text

HEADERS: Final = ("KIND", "NAME", "SERIAL", "ENDS IN", "RENEWS IN", "STATE")
CA_SOON: Final = timedelta(days=365)  # what a CA issues ends with it, and a rotation waits for its last engine
_LEAVES: Final = frozenset({Kind.SERVER, Kind.CLIENT})
_KINDS: Final = {
    Kind.ROOT: "root",
    Kind.SERVER_CA: "server CA",
    Kind.CLIENT_CA: "client CA",
    Kind.SERVER: "server",
    Kind.CLIENT: "client",
}


class State(StrEnum):
    """What can be said of a certificate today; the first that fits, from the top."""

    REVOKED = "revoked"
    REPLACED = "replaced"
    EXPIRED = "expired"
    EARLY = "not yet valid"
    DUE = "due"
    GOOD = "good"


def state(issued: Issued, now: datetime) -> State:
    """The state of a certificate at ``now``."""
    if issued.revoked is not None:
        return State.REVOKED
    if issued.replaced_by is not None:
        return State.REPLACED
    if issued.not_after <= now:
        return State.EXPIRED
    if now < issued.not_before:
        return State.EARLY
    return State.DUE if due(issued, now) else State.GOOD


def due(issued: Issued, now: datetime) -> bool:
    """Whether it is to be renewed; a CA is rotated instead, in its last year."""
    return (issued.renew_at if issued.kind in _LEAVES else issued.not_after - CA_SOON) <= now


def in_use(issued: Issued) -> bool:
    """Whether it is what its holder has now: neither withdrawn nor replaced."""
    return issued.revoked is None and issued.replaced_by is None


def kind_text(kind: Kind) -> str:
    """A kind for people: ``client CA``."""
    return _KINDS[kind]


def called(issued: Issued) -> str:
    """What people call it: the holder's name, or the common name of a CA."""
    return issued.holder if issued.kind in _LEAVES else common_name(issued.certificate)


def common_name(certificate: x509.Certificate) -> str:
    """The first common name of the subject, or nothing."""
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def span(length: timedelta) -> str:
    """A length of time for people, never more than there is: ``89 d``, ``7 h``, ``12 min``."""
    minutes = int(length.total_seconds() // 60)
    if minutes >= 2 * 24 * 60:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h" if minutes >= 2 * 60 else f"{minutes} min"


def until(moment: datetime, now: datetime) -> str:
    """``89 d``, or ``3 d ago``."""
    return span(moment - now) if moment > now else f"{span(now - moment)} ago"


def day(moment: datetime) -> str:
    """A moment for people, in UTC, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def row(issued: Issued, now: datetime) -> tuple[str, ...]:
    """One certificate under ``HEADERS``."""
    return (
        kind_text(issued.kind),
        called(issued),
        serial_text(issued.serial),
        until(issued.not_after, now),
        until(issued.renew_at, now) if _renewable(issued) and issued.not_after > now else "",
        state(issued, now),
    )


def document(issued: Issued, now: datetime) -> dict[str, Any]:
    """One certificate for machines."""
    revoked = issued.revoked
    return {
        "kind": issued.kind,
        "name": called(issued),
        "serial": serial_text(issued.serial),
        "generation": issued.generation,
        "not_before": issued.not_before.isoformat(),
        "not_after": issued.not_after.isoformat(),
        "renew_at": issued.renew_at.isoformat(),
        "state": state(issued, now),
        "revoked": {"at": revoked.at.isoformat(), "reason": revoked.reason} if revoked else None,
        "replaced_by": None if issued.replaced_by is None else serial_text(issued.replaced_by),
    }


def details(issued: Issued) -> dict[str, Any]:
    """What stands in the certificate itself."""
    certificate = issued.certificate
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "names": alternative_names(certificate),
        "sha256": fingerprint(certificate),
        "pem": certificate.public_bytes(Encoding.PEM).decode(),
    }


def lines(issued: Issued, folder: str, now: datetime) -> Iterable[str]:
    """One certificate for people, one fact a line; ``folder`` may be empty."""
    inside = details(issued)
    facts = {
        "kind": kind_text(issued.kind),
        "name": called(issued),
        "state": _state_text(issued, now),
        "serial": serial_text(issued.serial),
        "subject": inside["subject"],
        "issuer": inside["issuer"],
        "names": ", ".join(inside["names"]),
        "from": day(issued.not_before),
        "to": f"{day(issued.not_after)} ({until(issued.not_after, now)})",
        "due": f"{day(issued.renew_at)} ({until(issued.renew_at, now)})" if _renewable(issued) else "",
        "sha256": inside["sha256"],
        "folder": folder,
    }
    return (f"{name + ':':9}{fact}" for name, fact in facts.items() if fact)


def alternative_names(certificate: x509.Certificate) -> list[str]:
    """Names, addresses and URIs that it is good for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in found]


def fingerprint(certificate: x509.Certificate) -> str:
    """``sha256:`` and hexadecimal digits, of the whole certificate."""
    return f"sha256:{certificate.fingerprint(hashes.SHA256()).hex()}"


def _renewable(issued: Issued) -> bool:
    return in_use(issued) and issued.kind in _LEAVES


def _state_text(issued: Issued, now: datetime) -> str:
    found = state(issued, now)
    if issued.revoked is not None:
        return f"{found} on {day(issued.revoked.at)}: {issued.revoked.reason}"
    return f"{found} by {serial_text(issued.replaced_by)}" if issued.replaced_by is not None else found
