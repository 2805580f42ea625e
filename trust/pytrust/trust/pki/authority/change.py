"""One change of an index: the rows, and the event that says so, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Final

from pytrust.trust.chain import Link, extend
from pytrust.trust.errors import UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.pki.authority.ledger import ORIGIN, Event, What, encode
from pytrust.trust.pki.authority.plan import Plan, encode_plan
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.rows import Listed, State, seconds_of
from pytrust.trust.pki.model import CaKind, Issued, Kind, LeafKind, Revocation, Serial, serial_text

NOTE_MAX_BYTES: Final = 1024 * 1024  # one note: some words, or the state of a rotation of thousands of hosts
_CERTIFICATE: Final = """INSERT INTO certificates (serial, kind, holder, generation, issuer, key, der, not_before,
    not_after, renew_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_HOLDER: Final = """INSERT INTO holders (kind, name, serial, folder, endpoint, written, epoch)
    VALUES (?, ?, ?, ?, ?, '', 0) ON CONFLICT (kind, name) DO UPDATE SET serial = excluded.serial,
    folder = excluded.folder, endpoint = excluded.endpoint"""
_WRITTEN: Final = """UPDATE holders SET written = ?, epoch = (SELECT epoch FROM epochs WHERE kind = holders.kind)
    WHERE kind = ? AND name = ?"""
_LIST: Final = """INSERT INTO lists (generation, number, der, this_update, next_update) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (generation) DO UPDATE SET number = excluded.number, der = excluded.der,
    this_update = excluded.this_update, next_update = excluded.next_update"""
_NOTE: Final = """INSERT INTO notes (name, data) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET data = excluded.data"""


class Change:
    """What can be changed within one transaction of ``Records.change``."""

    def __init__(self, records: Records, at: datetime) -> None:
        self._records = records
        self._at = at
        self._link: Link | None = None

    def plan(self, plan: Plan) -> None:
        """Keep what was asked for; once."""
        self._records.run("INSERT INTO plan VALUES (?)", (encode_plan(plan),))
        for kind in (Kind.SERVER, Kind.CLIENT):
            self._records.run("INSERT INTO epochs VALUES (?, 1)", (kind,))

    def certificate(self, issued: Issued, issuer: Serial, what: What, replaces: Issued | None = None) -> None:
        """Record a certificate; ``issuer`` is the serial of the CA certificate above it (a root's: its own)."""
        key = PublicKey.of(issued.certificate.public_key()).id
        times = map(seconds_of, (issued.not_before, issued.not_after, issued.renew_at))
        names = (serial_text(issued.serial), issued.kind, issued.holder, issued.generation, serial_text(issuer), key)
        self._records.run(_CERTIFICATE, (*names, issued.der, *times))
        details = {"sha256": sha256(issued.der).hexdigest()}
        if replaces is not None:
            self._replaced(replaces.serial, issued.serial)
            details["replaces"] = serial_text(replaces.serial)
        self.event(what, issued.kind, issued.holder, issued.serial, details)

    def holder(self, issued: Issued, folder: str | None, endpoint: str) -> None:
        """Let a certificate be the newest of its holder; nothing is in the folder yet."""
        known = self._records.row(
            "SELECT endpoint FROM holders WHERE kind = ? AND name = ?", (issued.kind, issued.holder)
        )
        if endpoint != (known[0] if known else ""):
            self._asked_at(issued.kind, issued.holder, endpoint)
        self._records.run(_HOLDER, (issued.kind, issued.holder, serial_text(issued.serial), folder, endpoint))

    def endpoint(self, kind: LeafKind, name: str, endpoint: str) -> None:
        """Remember where a holder can be asked."""
        self._records.run("UPDATE holders SET endpoint = ? WHERE kind = ? AND name = ?", (endpoint, kind, name))
        self._asked_at(kind, name, endpoint)

    def written(self, issued: Issued) -> None:
        """The holder's folder has this certificate, and is as it should be now."""
        self._records.run(_WRITTEN, (serial_text(issued.serial), issued.kind, issued.holder))

    def revoked(self, issued: Issued, revocation: Revocation) -> None:
        """Record that a certificate was withdrawn."""
        statement = "UPDATE certificates SET revoked_at = ?, reason = ? WHERE serial = ?"
        self._records.run(statement, (seconds_of(revocation.at), revocation.reason, serial_text(issued.serial)))
        details = {"reason": str(revocation.reason)}
        self.event(What.REVOKED, issued.kind, issued.holder, issued.serial, details)

    def listed(self, listed: Listed) -> None:
        """Keep a client CA's new list; every server's folder is behind now."""
        times = map(seconds_of, (listed.this_update, listed.next_update))
        self._records.run(_LIST, (listed.generation, listed.number, listed.der, *times))
        self.stale(Kind.SERVER)
        digest = sha256(listed.der).hexdigest()
        details = {"number": str(listed.number), "generation": str(listed.generation), "sha256": digest}
        self.event(What.LISTED, Kind.CLIENT_CA, Kind.CLIENT_CA, details=details)

    def generation(self, kind: CaKind, generation: int, state: State) -> None:
        """Set what a generation is for; every folder is behind now."""
        statement = """INSERT INTO generations (kind, generation, state) VALUES (?, ?, ?)
            ON CONFLICT (kind, generation) DO UPDATE SET state = excluded.state"""
        self._records.run(statement, (kind, generation, state))
        self.stale(Kind.SERVER, Kind.CLIENT)

    def stale(self, *kinds: LeafKind) -> None:
        """All folders of these kinds are behind now."""
        for kind in kinds:
            self._records.run("UPDATE epochs SET epoch = epoch + 1 WHERE kind = ?", (kind,))

    def note(self, name: str, data: bytes | None) -> None:
        """Keep something under a name, in place of what was there; None: nothing."""
        if data is None:
            self._records.run("DELETE FROM notes WHERE name = ?", (name,))
        elif len(data) > NOTE_MAX_BYTES:
            raise UsageError(f"a note of {len(data)} bytes is more than {NOTE_MAX_BYTES}")
        else:
            self._records.run(_NOTE, (name, data))

    def event(
        self,
        what: What,
        kind: Kind,
        holder: str,
        serial: Serial | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Add to the journal."""
        number = "" if serial is None else serial_text(serial)
        entry = encode(Event(at=self._at, what=what, kind=kind, holder=holder, serial=number, details=details or {}))
        self._link = extend(self._link or self._last(), entry)
        self._records.run("INSERT INTO events VALUES (?, ?, ?)", (self._link.seq, entry, self._link.hash))

    def _asked_at(self, kind: Kind, name: str, endpoint: str) -> None:
        self.event(What.ENDPOINT_SET, kind, name, details={"endpoint": endpoint})

    def _last(self) -> Link:
        row = self._records.row("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")
        return ORIGIN if row is None else Link(row[0], bytes(row[1]))

    def _replaced(self, old: Serial, new: Serial) -> None:
        statement = "UPDATE certificates SET replaced_by = ? WHERE serial = ?"
        self._records.run(statement, (serial_text(new), serial_text(old)))


@contextmanager
def changing(records: Records, at: datetime) -> Iterator[Change]:
    """One transaction; ``at`` is the moment that its events bear."""
    with records.change():
        yield Change(records, at)
