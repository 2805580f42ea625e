"""Whether an index is what was written: the chain of its journal, and the certificates that the journal vouches for."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from pytrust.trust.chain import check_end
from pytrust.trust.errors import Damaged
from pytrust.trust.pki.authority.ledger import ISSUING, ORIGIN, Event, What, walk
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.rows import COLUMNS, issued_of
from pytrust.trust.pki.model import Issued, serial_text

_HINT: Final = "somebody changed it, or the disk fails: keep the folder as it is, and compare it with a copy"


def verify(records: Records) -> int:
    """Walk the journal, and compare the certificates with it; gives the number of events.

    Raises:
        Damaged: at the first thing that is not what was written.
    """
    with records.moment():
        rows = records.rows("SELECT seq, entry, hash FROM events ORDER BY seq")
        given = records.row("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        certificates = records.rows(f"SELECT {COLUMNS} FROM certificates")  # noqa: S608 - a constant
    link, events = ORIGIN, []
    for place, event in walk(rows):
        link = place
        events.append(event)
    check_end(link, given[0] if given and isinstance(given[0], int) else 0)
    check_vouched(events, map(issued_of, certificates))
    return link.seq


def check_vouched(events: Iterable[Event], certificates: Iterable[Issued]) -> None:
    """Every certificate, and every revocation, stands in the journal, and none there is missing here."""
    issued: dict[str, str] = {}
    revoked: dict[str, str] = {}
    for event in events:
        if event.what in ISSUING:
            issued[event.serial] = event.details.get("sha256", "")
        elif event.what is What.REVOKED:
            revoked[event.serial] = event.details.get("reason", "")
    for certificate in certificates:
        serial = serial_text(certificate.serial)
        if issued.pop(serial, None) != sha256(certificate.der).hexdigest():
            raise _differs(serial, "is not the one that was issued")
        if revoked.pop(serial, None) != (certificate.revoked and str(certificate.revoked.reason)):
            raise _differs(serial, "was not revoked as its record says")
    for serial in (*issued, *revoked):
        raise _differs(serial, "is missing")


def _differs(serial: str, how: str) -> Damaged:
    return Damaged(f"the authority's index is damaged: certificate {serial} {how}", hint=_HINT)
