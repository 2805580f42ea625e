"""The tables of an authority's index, and the rules that SQLite itself keeps: what was issued stays. Pure."""

from __future__ import annotations

from typing import Final

_CERTIFICATES: Final = """CREATE TABLE certificates (
    id INTEGER PRIMARY KEY AUTOINCREMENT, serial TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, holder TEXT NOT NULL,
    generation INTEGER NOT NULL, issuer TEXT NOT NULL, key TEXT NOT NULL, der BLOB NOT NULL,
    not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, renew_at INTEGER NOT NULL,
    revoked_at INTEGER, reason TEXT, replaced_by TEXT)"""
_GENERATIONS: Final = """CREATE TABLE generations (
    kind TEXT NOT NULL, generation INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (kind, generation))"""
_HOLDERS: Final = """CREATE TABLE holders (
    kind TEXT NOT NULL, name TEXT NOT NULL, serial TEXT NOT NULL, folder TEXT UNIQUE, endpoint TEXT NOT NULL,
    written TEXT NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (kind, name))"""

TABLES: Final = (
    "CREATE TABLE plan (data BLOB NOT NULL)",
    _CERTIFICATES,
    _GENERATIONS,
    _HOLDERS,
    "CREATE TABLE epochs (kind TEXT PRIMARY KEY, epoch INTEGER NOT NULL)",
    """CREATE TABLE lists (generation INTEGER PRIMARY KEY, number INTEGER NOT NULL, der BLOB NOT NULL,
    this_update INTEGER NOT NULL, next_update INTEGER NOT NULL)""",
    "CREATE TABLE notes (name TEXT PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB NOT NULL, hash BLOB NOT NULL)",
    "CREATE INDEX of_holder ON certificates (kind, holder)",
    "CREATE INDEX withdrawn ON certificates (kind, generation) WHERE revoked_at IS NOT NULL",
    "CREATE UNIQUE INDEX one_issues ON generations (kind) WHERE state = 'issuing'",
)

RULES: Final = (
    """CREATE TRIGGER certificates_stay BEFORE DELETE ON certificates
    BEGIN SELECT raise(ABORT, 'certificates are never forgotten'); END""",
    """CREATE TRIGGER certificates_are_final BEFORE UPDATE ON certificates
    WHEN (old.id, old.serial, old.kind, old.holder, old.generation, old.issuer, old.key, old.der, old.not_before,
          old.not_after, old.renew_at)
      IS NOT (new.id, new.serial, new.kind, new.holder, new.generation, new.issuer, new.key, new.der, new.not_before,
          new.not_after, new.renew_at)
      OR (old.revoked_at IS NOT NULL AND (old.revoked_at, old.reason) IS NOT (new.revoked_at, new.reason))
    BEGIN SELECT raise(ABORT, 'what was issued never changes, and is withdrawn once'); END""",
    # One subject, one key (pki reference, 3.1): verifiers would try the wrong issuer.
    """CREATE TRIGGER one_key_a_subject BEFORE INSERT ON certificates
    WHEN new.kind IN ('root', 'server-ca', 'client-ca') AND EXISTS (
      SELECT 1 FROM certificates WHERE kind = new.kind AND generation = new.generation AND key IS NOT new.key)
    BEGIN SELECT raise(ABORT, 'a subject keeps its key'); END""",
    """CREATE TRIGGER lists_grow BEFORE UPDATE ON lists WHEN new.number <= old.number
    BEGIN SELECT raise(ABORT, 'list numbers only grow'); END""",
    "CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT raise(ABORT, 'events are never deleted'); END",
    "CREATE TRIGGER events_are_final BEFORE UPDATE ON events BEGIN SELECT raise(ABORT, 'events never change'); END",
    "CREATE TRIGGER lists_stay BEFORE DELETE ON lists BEGIN SELECT raise(ABORT, 'list numbers never restart'); END",
)
