"""Certificates as rows, lines and documents. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.pki.authority.rows import PROOF_NAME
from pytrust.trust.pki.authority.rows import State as Part
from pytrust.trust.pki.foreign import extension, name_text
from pytrust.trust.pki.model import SERIAL_SHOWN, CaKind, Issued, Kind, Serial, kind_text, moment_text, serial_text

HEADERS: Final = ("KIND", "NAME", "SERIAL", "ENDS IN", "RENEWS IN", "STATE")
CA_SOON: Final = timedelta(days=365)  # what a CA issues ends with it, and a rotation waits for its last engine
_LEAVES: Final = frozenset({Kind.SERVER, Kind.CLIENT})
_ISSUERS: Final[Mapping[Kind, CaKind]] = {Kind.SERVER: Kind.SERVER_CA, Kind.CLIENT: Kind.CLIENT_CA}


class State(StrEnum):
    """What can be said of a certificate today; the first that fits, from the top."""

    REVOKED = "revoked"
    REPLACED = "replaced"
    RETIRED = "retired"  # a CA that nobody is to trust any more, or what such a one issued
    EXPIRED = "expired"
    EARLY = "not yet valid"
    ANNOUNCED = "announced"  # a CA: peers know it, it issues nothing yet
    LEAVING = "leaving"  # a CA: peers know it still, it issues nothing any more
    DUE = "due"
    GOOD = "good"


_OVER: Final = frozenset({State.REVOKED, State.REPLACED, State.RETIRED})


@dataclass(frozen=True, slots=True)
class Today:
    """What states are told by: the time, what the CA certificates that count are for, and which CAs count."""

    now: datetime
    cas: Mapping[Serial, Part]
    counting: Collection[tuple[CaKind, int]]

    def part(self, issued: Issued) -> Part:
        """What a CA is for; that of a leaf is to be used, as long as the CA that issued it counts."""
        if (issuer := _ISSUERS.get(issued.kind)) is None:
            return self.cas.get(issued.serial, Part.RETIRED)
        return Part.ISSUING if (issuer, issued.generation) in self.counting else Part.RETIRED


def state(issued: Issued, today: Today) -> State:
    """The state of a certificate."""
    part, now = today.part(issued), today.now
    chosen = {
        State.REVOKED: issued.revoked is not None,
        State.REPLACED: issued.replaced_by is not None,
        State.RETIRED: part is Part.RETIRED,
        State.EXPIRED: issued.not_after <= now,
        State.EARLY: now < issued.not_before,
        State.ANNOUNCED: part is Part.ANNOUNCED,
        State.LEAVING: part is Part.LEAVING,
        State.DUE: due(issued, now),
    }
    return next((state for state, fits in chosen.items() if fits), State.GOOD)


def due(issued: Issued, now: datetime) -> bool:
    """Whether it is to be renewed; a CA is rotated instead, in its last year."""
    return (issued.renew_at if issued.kind in _LEAVES else issued.not_after - CA_SOON) <= now


def in_use(issued: Issued, today: Today) -> bool:
    """Whether it is what its holder has now: not withdrawn, replaced or retired, nor left over from a rotation."""
    found = state(issued, today)
    return found not in _OVER and not (is_proof(issued) and found is State.EXPIRED)


def is_proof(issued: Issued) -> bool:
    """Whether nobody holds it: a rotation asks engines with it."""
    return issued.kind is Kind.CLIENT and issued.holder == PROOF_NAME


def called(issued: Issued) -> str:
    """What people call it: the holder's name, or the common name of a CA."""
    return issued.holder if issued.kind in _LEAVES else name_text(issued.certificate.subject)


def span(length: timedelta) -> str:
    """A length of time for people, never more than there is: ``89 d``, ``7 h``, ``12 min``."""
    minutes = int(length.total_seconds() // 60)
    if minutes >= 2 * 24 * 60:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h" if minutes >= 2 * 60 else f"{minutes} min"


def until(moment: datetime, now: datetime) -> str:
    """``89 d``, or ``3 d ago``."""
    return span(moment - now) if moment > now else f"{span(now - moment)} ago"


def row(issued: Issued, today: Today) -> tuple[str, ...]:
    """One certificate under ``HEADERS``."""
    return (
        "rotation" if is_proof(issued) else kind_text(issued.kind),
        called(issued),
        short_serial(serial_text(issued.serial)),
        until(issued.not_after, today.now),
        until(issued.renew_at, today.now) if _renewable(issued) and issued.not_after > today.now else "",
        state(issued, today),
    )


def short_serial(text: str) -> str:
    """The digits of a serial that a table has room for; they are enough for every command."""
    return text[:SERIAL_SHOWN]


def document(issued: Issued, today: Today) -> dict[str, Any]:
    """One certificate for machines; ``renew_at`` is null where nothing renews it."""
    revoked = issued.revoked
    return {
        "kind": issued.kind,
        "name": called(issued),
        "serial": serial_text(issued.serial),
        "generation": issued.generation,
        "not_before": issued.not_before.isoformat(),
        "not_after": issued.not_after.isoformat(),
        "renew_at": issued.renew_at.isoformat() if _renewable(issued) else None,
        "state": state(issued, today),
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


def lines(issued: Issued, folder: str, endpoint: str, today: Today) -> Iterable[str]:
    """One certificate for people, one fact a line; ``folder`` and ``endpoint`` may be empty."""
    inside, now = details(issued), today.now
    facts = {
        "kind": kind_text(issued.kind),
        "name": called(issued),
        "state": _state_text(issued, today),
        "serial": serial_text(issued.serial),
        "subject": inside["subject"],
        "issuer": inside["issuer"],
        "names": ", ".join(inside["names"]),
        "from": moment_text(issued.not_before),
        "to": f"{moment_text(issued.not_after)} ({until(issued.not_after, now)})",
        "due": f"{moment_text(issued.renew_at)} ({until(issued.renew_at, now)})" if _renewable(issued) else "",
        "sha256": inside["sha256"],
        "folder": folder,
        "asked at": endpoint,
    }
    return (f"{name + ':':10}{fact}" for name, fact in facts.items() if fact)


def alternative_names(certificate: x509.Certificate) -> list[str]:
    """Names, addresses and URIs that it is good for."""
    return [str(name.value) for name in extension(certificate, x509.SubjectAlternativeName) or ()]


def fingerprint(certificate: x509.Certificate) -> str:
    """``sha256:`` and hexadecimal digits, of the whole certificate."""
    return f"sha256:{certificate.fingerprint(hashes.SHA256()).hex()}"


def _renewable(issued: Issued) -> bool:
    over = issued.revoked is not None or issued.replaced_by is not None
    return issued.kind in _LEAVES and not over and not is_proof(issued)


def _state_text(issued: Issued, today: Today) -> str:
    found = state(issued, today)
    if issued.revoked is not None:
        return f"{found} on {moment_text(issued.revoked.at)}: {issued.revoked.reason}"
    return f"{found} by {serial_text(issued.replaced_by)}" if issued.replaced_by is not None else found
