"""Whether an index is what was written: the chain of its journal, and all that the journal vouches for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from cryptography.x509.oid import NameOID

from pytrust.trust.chain import check_end
from pytrust.trust.errors import Damaged
from pytrust.trust.pki.authority.ledger import ISSUING, ORIGIN, Event, What, walk
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.rows import COLUMNS, State, issued_of
from pytrust.trust.pki.model import ISSUER_OF, Issued, serial_text

_HINT: Final = "somebody changed it, or the disk fails: keep the folder as it is, and compare it with a copy"
_Generation = tuple[str, int]


def verify(records: Records) -> int:
    """Walk the journal, and compare certificates, generations and lists with it; gives the number of events.

    Raises:
        Damaged: at the first thing that is not what was written.
    """
    with records.moment():
        rows = records.rows("SELECT seq, entry, hash FROM events ORDER BY seq")
        given = records.row("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        certificates = records.rows(f"SELECT {COLUMNS} FROM certificates")  # noqa: S608 - a constant
        states = records.rows("SELECT kind, generation, state FROM generations")
        lists = records.rows("SELECT generation, number, der FROM lists")
    link, events = ORIGIN, []
    for place, event in walk(rows):
        link = place
        events.append(event)
    check_end(link, given[0] if given and isinstance(given[0], int) else 0)
    issued = [*map(issued_of, certificates)]
    check_vouched(events, issued)
    check_states(events, issued, {(kind, number): state for kind, number, state in states})
    check_lists(events, lists)
    return link.seq


def check_vouched(events: Iterable[Event], certificates: Iterable[Issued]) -> None:
    """Every certificate, and every revocation, stands in the journal, and none there is missing here."""
    issued: dict[str, Event] = {}
    replaced: dict[str, str] = {}
    revoked: dict[str, str] = {}
    for event in events:
        if event.what in ISSUING:
            issued[event.serial] = event
            replaced[event.details.get("replaces", "")] = event.serial
        elif event.what is What.REVOKED:
            revoked[event.serial] = event.details.get("reason", "")
    for certificate in certificates:
        serial = serial_text(certificate.serial)
        _check_row(certificate, serial, issued.pop(serial, None))
        if certificate.replaced_by != (int(replaced[serial], 16) if serial in replaced else None):
            raise _differs(serial, "was not replaced as its record says")
        if revoked.pop(serial, None) != (certificate.revoked and str(certificate.revoked.reason)):
            raise _differs(serial, "was not revoked as its record says")
    for serial in (*issued, *revoked):
        raise _differs(serial, "is missing")


def check_states(events: Iterable[Event], certificates: Iterable[Issued], states: Mapping[_Generation, str]) -> None:
    """Every generation is for what the journal says; a kind's first one issued from the beginning."""
    numbers = {serial_text(issued.serial): issued.generation for issued in certificates}
    told: dict[_Generation, str] = {}
    for event in events:
        number = int(event.details.get("generation", 0))
        match event.what:
            case What.ADDED:
                first = all(kind != event.kind for kind, _ in told)
                told[event.kind, numbers[event.serial]] = State.ISSUING if first else State.ANNOUNCED
            case What.PROMOTED:
                before = [one for one, state in told.items() if one[0] == event.kind and state == State.ISSUING]
                told |= dict.fromkeys(before, State.LEAVING) | {(event.kind, number): State.ISSUING}
            case What.RETIRED:
                told[event.kind, number] = State.RETIRED
    for kind, number in {**told, **states}:
        was, said = told.get((kind, number), "unknown"), states.get((kind, number), "missing")
        if was != said:
            raise _damaged(f"{kind} G{number} is {said}, and was {was}")


def check_lists(events: Iterable[Event], lists: Sequence[tuple[Any, ...]]) -> None:
    """The list of each client CA is the one that was signed last."""
    told = {event.details.get("generation"): event.details for event in events if event.what is What.LISTED}
    for generation, number, der in lists:
        last = told.pop(str(generation), {})
        if (last.get("number"), last.get("sha256")) != (str(number), sha256(der).hexdigest()):
            raise _damaged(f"the revocation list of client-ca G{generation} is not the newest that was signed")
    for missing in told:
        raise _damaged(f"the revocation list of client-ca G{missing} is missing")


def _check_row(issued: Issued, serial: str, event: Event | None) -> None:
    """What stands beside a certificate, and is gone by, is what stands in it."""
    if event is None or event.details.get("sha256") != sha256(issued.der).hexdigest():
        raise _differs(serial, "is not the one that was issued")
    inside = issued.certificate
    times = (inside.not_valid_before_utc, inside.not_valid_after_utc)
    ca = inside.issuer if issued.kind in ISSUER_OF else inside.subject
    same = (event.kind, event.holder) == (issued.kind, issued.holder) and inside.serial_number == issued.serial
    numbered = str(ca.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value).endswith(f" G{issued.generation}")
    if not same or not numbered or times != (issued.not_before, issued.not_after):
        raise _differs(serial, "is not recorded as it was issued")


def _differs(serial: str, how: str) -> Damaged:
    return _damaged(f"certificate {serial} {how}")


def _damaged(what: str) -> Damaged:
    return Damaged(f"the authority's index is damaged: {what}", hint=_HINT)
