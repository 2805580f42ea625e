"""What an authority knows: every certificate it issued, who holds them, which of its generations count, what it did.

This is the read side, which needs no lock and no passphrase; change.py writes. Nothing is ever deleted from it but
notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from pytrust.trust.errors import NotFound, UsageError
from pytrust.trust.pki.authority.ca_index import JOINED, CaIndex
from pytrust.trust.pki.authority.ledger import Event, decode
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.rows import (
    COLUMNS,
    issued_of,
    revocation_of,
    seconds_of,
    selector_digits,
    selector_serial,
    serial_of,
)
from pytrust.trust.pki.model import CA_KINDS, Issued, Kind, LeafKind, Revocation, Serial, serial_text

FILE: Final = "ca.db"
_ALL: Final = f"SELECT {COLUMNS} FROM certificates"  # noqa: S608 - a constant
_HOLDERS: Final = f"""SELECT holders.kind, name, folder, endpoint, written IS NOT holders.serial,
    holders.epoch < epochs.epoch, {JOINED}
    FROM holders JOIN certificates ON certificates.serial = holders.serial JOIN epochs ON epochs.kind = holders.kind"""  # noqa: S608
_BEHIND: Final = """ WHERE folder IS NOT NULL AND (written IS NOT holders.serial OR holders.epoch < epochs.epoch)
    AND revoked_at IS NULL AND not_after > ? ORDER BY holders.kind DESC, name"""
# What was issued while the clock was ahead does not count yet, and its moment may be years away.
_DUE: Final = """ WHERE folder IS NOT NULL AND (renew_at <= ? OR not_before > ?) AND revoked_at IS NULL
    ORDER BY not_after, name"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has certificates: an engine (by its first name) or a client.

    ``issued`` is the newest. ``folder`` (absolute) is where its files go, None where its key is held elsewhere.
    ``endpoint`` is ``host:port``, or empty. ``unfinished``: the newest certificate has not reached the folder;
    ``behind``: that, or CA certificates, chain or lists in the folder are not as they should be now.
    """

    kind: LeafKind
    name: str
    issued: Issued
    folder: Path | None
    endpoint: str
    unfinished: bool
    behind: bool


class Index(CaIndex):
    """The index of the authority in ``folder``; may be shared between threads.

    Raises:
        NotSetUp: there is no authority.
        BadPermissions: others could read or write it.
        Damaged, Busy: also from every method.
    """

    def __init__(self, folder: Path, records: Records | None = None) -> None:
        super().__init__(folder, records or Records(folder / FILE, read_only=True))

    def all(self) -> list[Issued]:
        """Every certificate, oldest first, CA certificates among them."""
        return [issued_of(row) for row in self._records.rows(_ALL + " ORDER BY id")]

    def by_serial(self, serial: Serial) -> Issued | None:
        """The certificate with this serial, if it was issued here."""
        row = self._records.row(_ALL + " WHERE serial = ?", (serial_text(serial),))
        return None if row is None else issued_of(row)

    def find(self, selector: str, kind: Kind | None = None) -> Issued:
        """What a person means: a holder's name (its newest certificate), or a serial in hexadecimal.

        A CA goes by its kind (``client-ca``: the generation that issues). Of a serial the first digits are enough,
        eight at least, as tables show them.

        Raises:
            NotFound: nothing goes by it.
            UsageError: several do.
        """
        if whole := self._records.row(_ALL + " WHERE serial = ?", (selector_serial(selector),)):
            return issued_of(whole)
        named = [issued for issued in self._named(selector) if kind in {None, issued.kind}]
        # both, so that nobody keeps a certificate from being found by taking its first digits for a name
        found = list({issued.serial: issued for issued in (*named, *self._beginning(selector))}.values())
        if len(found) > 1:
            kinds = " and ".join(f"a {issued.kind}" for issued in found)
            serials = ", ".join(serial_text(issued.serial) for issued in found)
            raise UsageError(f"{selector} is {kinds}", hint=f"give a serial: {serials}")
        if not found:
            raise NotFound(f"no certificate goes by {selector[:100]!r}", hint="see what was issued: pytrust ca list")
        return found[0]

    def live(self, kind: Kind, name: str, now: datetime) -> list[Issued]:
        """All certificates of a holder that count, oldest first: the newest, and what it replaced and is not over."""
        query = _ALL + " WHERE kind = ? AND holder = ? AND not_after > ? AND revoked_at IS NULL ORDER BY id"
        return [issued_of(row) for row in self._records.rows(query, (kind, name, seconds_of(now)))]

    def holder(self, kind: Kind, name: str) -> Holder | None:
        """A server or client by name."""
        row = self._records.row(_HOLDERS + " WHERE holders.kind = ? AND name = ?", (kind, name))
        return None if row is None else self._holder(row)

    def servers(self) -> tuple[Holder, ...]:
        """All engines, by name."""
        return self._holders(" WHERE holders.kind = 'server' ORDER BY name")

    def clients(self) -> tuple[Holder, ...]:
        """All clients, by name."""
        return self._holders(" WHERE holders.kind = 'client' ORDER BY name")

    def behind(self, now: datetime) -> tuple[Holder, ...]:
        """Holders of certificates that count, with a folder that is not as it should be; servers first.

        A client's folder that is not there any more was handed over; a server's is missed.
        """
        found = self._holders(_BEHIND, (seconds_of(now),))
        return tuple(one for one in found if one.kind == Kind.SERVER or (one.folder and one.folder.exists()))

    def epoch(self, kind: LeafKind) -> int:
        """Another number whenever CA certificates, chains or lists for holders of this kind have changed."""
        row = self._records.row("SELECT epoch FROM epochs WHERE kind = ?", (kind,))
        return row[0] if row else 0

    def folder_of(self, folder: Path) -> Holder | None:
        """Whose folder this is."""
        row = self._records.row(_HOLDERS + " WHERE folder = ?", (self.stored_folder(folder),))
        return None if row is None else self._holder(row)

    def due(self, now: datetime) -> list[Issued]:
        """Certificates with a folder here that are to be renewed now, the first to end first."""
        return [holder.issued for holder in self._holders(_DUE, (seconds_of(now), seconds_of(now)))]

    def withdrawn(self, kind: LeafKind, generation: int, ending_after: datetime) -> dict[Serial, Revocation]:
        """What was revoked of those that this generation issued, and would not be over anyway."""
        query = """SELECT serial, revoked_at, reason FROM certificates
            WHERE kind = ? AND generation = ? AND revoked_at IS NOT NULL AND not_after > ?"""
        rows = self._records.rows(query, (kind, generation, seconds_of(ending_after)))
        return {serial_of(serial): revocation_of(at, reason) for serial, at, reason in rows}

    def events(self, after: int = 0) -> Iterator[Event]:
        """What was done, from event ``after + 1`` on, as it stands there: ``verify`` says whether to believe it."""
        query = "SELECT seq, entry FROM events WHERE seq > ? ORDER BY seq"
        return (decode(seq, entry) for seq, entry in self._records.rows(query, (after,)))

    def verify(self) -> int:
        """See that journal and certificates are what was written; gives the number of events. Raises ``Damaged``."""
        from pytrust.trust.pki.authority.verify import verify

        return verify(self._records)

    def note(self, name: str) -> bytes | None:
        """What was kept under a name, such as the state of a rotation."""
        row = self._records.row("SELECT data FROM notes WHERE name = ?", (name,))
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """Close the file."""
        self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stored_folder(self, folder: Path) -> str:
        """A folder as it is kept: relative where it lies within the authority's own, so that a home can be moved."""
        whole = folder.absolute()
        return str(whole.relative_to(self._folder) if whole.is_relative_to(self._folder) else whole)

    def _beginning(self, selector: str) -> list[Issued]:
        """Certificates (a few of them) whose serials begin so."""
        if not (digits := selector_digits(selector)):
            return []
        query = _ALL + " WHERE serial > ? AND serial < ? LIMIT 3"  # G comes after the last digit, F
        return [issued_of(row) for row in self._records.rows(query, (digits, f"{digits}G"))]

    def _named(self, name: str) -> list[Issued]:
        found = [holder.issued for holder in self._holders(" WHERE name = ? ORDER BY holders.kind", (name,))]
        return [*found, *(self.current(kind) for kind in CA_KINDS if kind == name)]

    def _holders(self, where: str, values: tuple[str | int, ...] = ()) -> tuple[Holder, ...]:
        return tuple(map(self._holder, self._records.rows(_HOLDERS + where, values)))

    def _holder(self, row: tuple[Any, ...]) -> Holder:
        kind, name, folder, endpoint, unfinished, stale, *certificate = row
        return Holder(
            kind=Kind.SERVER if kind == Kind.SERVER else Kind.CLIENT,
            name=name,
            issued=issued_of(tuple(certificate)),
            folder=None if folder is None else self._folder / folder,
            endpoint=endpoint,
            unfinished=bool(unfinished) and folder is not None,
            behind=bool(unfinished or stale) and folder is not None,
        )
