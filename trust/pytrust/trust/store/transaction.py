"""One publish in the making, in SQL, whichever database it goes to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.store import statements
from pytrust.trust.store.interface import RoleFile, ServerKey, check_version
from pytrust.trust.store.reading import Rows
from pytrust.trust.store.rows import role_file, seconds, server_key, stored_bytes, stored_number, stored_role


class Session(Protocol):
    """A database in a transaction that somebody else begins and ends."""

    def rows(self, statement: str, values: Sequence[object]) -> Rows:
        """Run one statement; all its rows."""

    def each(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        """Run a statement that has no rows, once for each set of values."""


class SqlTransaction:
    """See ``Transaction``; what is put was published at ``now``."""

    def __init__(self, session: Session, now: int) -> None:
        self._session = session
        self._now = now
        self.changes: list[tuple[object, ...]] = []
        """Values for ``ADD_CHANGE``; the store writes them last, since a change that waits holds up the feed."""

    def current(self, name: CollectionName, form: Format = Format.TUF) -> dict[RoleName, RoleFile]:
        """See ``Transaction``."""
        rows = self._session.rows(statements.CURRENT, (name, form.value))
        return {file.role: file for file in (role_file(row, form) for row in rows)}

    def roots(self, name: CollectionName, form: Format = Format.TUF) -> list[bytes]:
        """See ``Transaction``."""
        return [stored_bytes(data) for (data,) in self._session.rows(statements.ROOTS, (name, form.value))]

    def put(self, name: CollectionName, *files: RoleFile, form: Format = Format.TUF) -> None:
        """See ``Transaction``."""
        rows = self._session.rows(statements.VERSIONS, (name, form.value))
        newest = {stored_role(role, form): stored_number(version) for role, version in rows}
        for file in files:
            check_version(name, file, newest.get(file.role), form)
            newest[file.role] = file.version
        keys = [(name, form.value, file.role, file.version, seconds(file.expires)) for file in files]
        contents = [(self._now, sha256(file.data).hexdigest(), file.data) for file in files]
        self._session.each(statements.ADD_FILE, [(*key, *content) for key, content in zip(keys, contents, strict=True)])
        self._session.each(statements.SET_CURRENT, keys)

    def delete(self, name: CollectionName) -> bool:
        """See ``Transaction``."""
        there = bool(self._session.rows(statements.IS_THERE, (name, name)))
        for statement in statements.DELETE:
            self._session.rows(statement, (name,))
        return there

    def drop(self, name: CollectionName, form: Format) -> None:
        """See ``Transaction``."""
        for statement in statements.DROP:
            self._session.rows(statement, (name, form.value))
        self._session.rows(statements.DROP_PROPOSAL, (name,))

    def note_change(self, name: CollectionName, at: datetime, version: int, sha256: str) -> None:
        """See ``Transaction``."""
        self.changes.append((seconds(at), name, version, sha256))

    def server_keys(self, name: CollectionName) -> list[ServerKey]:
        """See ``Transaction``."""
        return [server_key(row) for row in self._session.rows(statements.SERVER_KEYS, (name,))]

    def add_server_key(self, name: CollectionName, key: ServerKey) -> None:
        """See ``Transaction``."""
        self._session.rows(statements.ADD_SERVER_KEY, (name, key.role, key.id, key.sealed))

    def proposal(self, name: CollectionName) -> bytes | None:
        """See ``Transaction``."""
        rows = self._session.rows(statements.PROPOSAL, (name,))
        return stored_bytes(rows[0][0]) if rows else None

    def set_proposal(self, name: CollectionName, document: bytes | None) -> None:
        """See ``Transaction``."""
        if document is None:
            self._session.rows(statements.DROP_PROPOSAL, (name,))
        else:
            self._session.rows(statements.SET_PROPOSAL, (name, document))
