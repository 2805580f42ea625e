"""Reading a store in SQL, whichever database holds it: each question is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pytrust.trust.limits import STORE_NUMBER_MAX
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.store import statements
from pytrust.trust.store.interface import Change, Kept
from pytrust.trust.store.rows import change, kept, seconds, stored_bytes, stored_format, stored_name

Rows = list[tuple[Any, ...]]
_DATA: Final = 1  # where the file is in a row


class SqlReading:
    """The questions of ``Reader`` and ``Store``; a database answers them in ``_rows``."""

    def _rows(self, statement: str, values: Sequence[object]) -> Rows:
        """All rows; none where a value is one that this database could not hold."""
        raise NotImplementedError

    def read(
        self, name: CollectionName, role: RoleName, version: int | None = None, *, form: Format = Format.TUF
    ) -> bytes | None:
        """See ``Reader``."""
        rows = self._file(name, role, version, form)
        return stored_bytes(rows[0][_DATA]) if rows else None

    def kept(
        self, name: CollectionName, role: RoleName, version: int | None = None, *, form: Format = Format.TUF
    ) -> Kept | None:
        """See ``Reader``."""
        rows = self._file(name, role, version, form)
        return kept(rows[0]) if rows else None

    def find(self, name: CollectionName, role: RoleName, sha256: str, *, form: Format) -> Kept | None:
        """See ``Reader``."""
        rows = self._rows(statements.BY_SHA256, (name, form.value, role, sha256))
        return kept(rows[0]) if rows else None

    def collections(self, form: Format | None = None) -> list[CollectionName]:
        """See ``Reader``."""
        if form is None:
            return _names(self._rows(statements.COLLECTIONS, ()))
        return _names(self._rows(statements.COLLECTIONS_OF, (form.value,)))

    def changes(self, name: CollectionName | None, after: int, limit: int) -> list[Change]:
        """See ``Reader``."""
        if name is None:
            return [change(row) for row in self._rows(statements.CHANGES, (after, limit))]
        return [change(row) for row in self._rows(statements.CHANGES_OF, (name, after, limit))]

    def changes_before(self, name: CollectionName | None, before: int | None, limit: int) -> list[Change]:
        """See ``Reader``."""
        end = STORE_NUMBER_MAX if before is None else before
        if name is None:
            rows = self._rows(statements.CHANGES_BEFORE, (end, limit))
        else:
            rows = self._rows(statements.CHANGES_BEFORE_OF, (name, end, limit))
        return [change(row) for row in reversed(rows)]

    def proposals(self) -> list[CollectionName]:
        """See ``Store``."""
        return [stored_name(name, Format.NOTARY) for (name,) in self._rows(statements.PROPOSALS, ())]

    def expiring(self, before: datetime, limit: int) -> list[CollectionName]:
        """See ``Store``."""
        return _names(self._rows(statements.EXPIRING, (seconds(before), limit)))

    def _file(self, name: CollectionName, role: RoleName, version: int | None, form: Format) -> Rows:
        if version is None:
            return self._rows(statements.NEWEST, (name, form.value, role))
        return self._rows(statements.EXACT, (name, form.value, role, version))


def _names(rows: Rows) -> list[CollectionName]:
    return [stored_name(name, stored_format(form)) for name, form in rows]
