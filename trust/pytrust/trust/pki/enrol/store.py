"""Enrolment tokens as an authority keeps them: what each is good for, and which keys have used it.

A use is claimed before the certificate is signed, and settled after. Whoever comes again with the same key and the same
token continues the same use, so that neither a lost answer nor kill -9 in between costs a use or gives two.

    free ──claim──> claimed ──settle──> settled (the serial of its certificate is known)
      ^────release────┘  where nothing was signed
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.trust.names import KeyId
from pytrust.trust.pki.authority.change import changing
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.rows import moment_of, seconds_of, serial_of
from pytrust.trust.pki.enrol.grants import Grant
from pytrust.trust.pki.enrol.token import SecretHash
from pytrust.trust.pki.model import Issued, Kind, LeafKind, Serial, serial_text

_REMEMBERED: Final = timedelta(days=7)  # after its end a token is still told apart from one that never was
_TOKENS: Final = """CREATE TABLE IF NOT EXISTS enrolment_tokens (
    hash BLOB PRIMARY KEY, kind TEXT NOT NULL, allowed TEXT NOT NULL, uses INTEGER NOT NULL, expires INTEGER NOT NULL,
    lifetime INTEGER) WITHOUT ROWID"""
_USES: Final = """CREATE TABLE IF NOT EXISTS enrolment_uses (
    hash BLOB NOT NULL, key TEXT NOT NULL, serial TEXT, PRIMARY KEY (hash, key)) WITHOUT ROWID"""
_CLAIM: Final = """INSERT INTO enrolment_uses SELECT hash, ?, NULL FROM enrolment_tokens
    WHERE hash = ? AND uses > (SELECT count(*) FROM enrolment_uses WHERE hash = ?) RETURNING 1"""


class Claim(NamedTuple):
    """A use of a token; ``serial`` where its certificate was signed already."""

    fresh: bool
    serial: Serial | None


class EnrolStore:
    """Tokens in the SQLite file of an authority; safe to use from several processes.

    Args:
        path: ``<PYTRUST_HOME>/ca/ca.db``.

    Raises:
        NotSetUp: there is no authority.
    """

    def __init__(self, path: Path) -> None:
        self._records = Records(path)
        with self._records.change():
            self._records.run(_TOKENS)
            self._records.run(_USES)

    def close(self) -> None:
        """Let go of the file."""
        self._records.close()

    def add(self, known_by: SecretHash, grant: Grant, now: datetime) -> None:
        """Remember a token; those whose time was over long ago are forgotten."""
        end = seconds_of(now - _REMEMBERED)
        lifetime = None if grant.lifetime is None else int(grant.lifetime.total_seconds())
        row = (known_by, grant.kind, json.dumps(grant.allowed), grant.uses, seconds_of(grant.expires), lifetime)
        details = {"token": token_id(known_by), "uses": str(grant.uses), "expires": grant.expires.isoformat()}
        with changing(self._records, now) as change:
            gone = "SELECT hash FROM enrolment_tokens WHERE expires < ?"
            self._records.run(f"DELETE FROM enrolment_uses WHERE hash IN ({gone})", (end,))  # noqa: S608 - constants
            self._records.run("DELETE FROM enrolment_tokens WHERE expires < ?", (end,))
            self._records.run("INSERT INTO enrolment_tokens VALUES (?, ?, ?, ?, ?, ?)", row)
            change.event(What.TOKEN_MADE, grant.kind, " ".join(grant.allowed), details=details)

    def cancel(self, now: datetime) -> int:
        """End every token whose time is not over; how many."""
        end = seconds_of(now)
        with changing(self._records, now) as change:
            done = self._records.rows(
                "UPDATE enrolment_tokens SET expires = ? WHERE expires > ? RETURNING 1", (end, end)
            )
            change.event(What.TOKENS_CANCELLED, Kind.CLIENT, "", details={"tokens": str(len(done))})
        return len(done)

    def find(self, known_by: SecretHash) -> Grant | None:
        """What a token is good for; None where there is no such token."""
        row = self._records.row(
            "SELECT kind, allowed, uses, expires, lifetime FROM enrolment_tokens WHERE hash = ?", (known_by,)
        )
        return None if row is None else _grant(*row)

    def claim(self, known_by: SecretHash, key: KeyId) -> Claim | None:
        """Use a token that ``find`` gave for a key; None where all its uses are taken by other keys."""
        with self._records.change():
            use = self._records.row("SELECT serial FROM enrolment_uses WHERE hash = ? AND key = ?", (known_by, key))
            if use:
                return Claim(fresh=False, serial=serial_of(use[0]) if use[0] else None)
            free = self._records.row(_CLAIM, (key, known_by, known_by))
            return Claim(fresh=True, serial=None) if free else None

    def settle(self, known_by: SecretHash, key: KeyId, issued: Issued, now: datetime) -> None:
        """Remember which certificate came of a use."""
        statement = "UPDATE enrolment_uses SET serial = ? WHERE hash = ? AND key = ?"
        with changing(self._records, now) as change:
            self._records.run(statement, (serial_text(issued.serial), known_by, key))
            details = {"token": token_id(known_by), "key": key}
            change.event(What.TOKEN_USED, issued.kind, issued.holder, issued.serial, details)

    def suspect(self, issued: Issued, key: KeyId, now: datetime) -> None:
        """Write down that two parties hold one key: its certificate was to be renewed a second time, for ``key``."""
        with changing(self._records, now) as change:
            change.event(What.KEY_SUSPECTED, issued.kind, issued.holder, issued.serial, {"key": key})

    def release(self, known_by: SecretHash, key: KeyId) -> None:
        """Give a use back for which nothing was signed."""
        with self._records.change():
            self._records.run(
                "DELETE FROM enrolment_uses WHERE hash = ? AND key = ? AND serial IS NULL", (known_by, key)
            )


def token_id(known_by: SecretHash) -> str:
    """What a token is called in the journal."""
    return known_by.hex()[:16]


def _grant(kind: str, allowed: str, uses: int, expires: int, lifetime: int | None) -> Grant:
    leaf: LeafKind = Kind.SERVER if kind == Kind.SERVER else Kind.CLIENT
    return Grant(
        kind=leaf,
        allowed=tuple(json.loads(allowed)),
        uses=uses,
        expires=moment_of(expires),
        lifetime=None if lifetime is None else timedelta(seconds=lifetime),
    )
