"""A store in memory: for tests, and as the simplest reading of the interface."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP
from pytrust.trust.limits import STORE_NUMBER_MAX
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.store.interface import Change, Kept, RoleFile, ServerKey, check_version

_Place = tuple[CollectionName, Format, RoleName]


class MemoryStore:
    """Everything in dictionaries; a transaction is a copy that takes their place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = _State()

    def read(
        self, name: CollectionName, role: RoleName, version: int | None = None, *, form: Format = Format.TUF
    ) -> bytes | None:
        """See ``Reader``."""
        found = self._state.kept(name, role, version, form)
        return found.data if found else None

    def kept(
        self, name: CollectionName, role: RoleName, version: int | None = None, *, form: Format = Format.TUF
    ) -> Kept | None:
        """See ``Reader``."""
        return self._state.kept(name, role, version, form)

    def find(self, name: CollectionName, role: RoleName, sha256: str, *, form: Format) -> Kept | None:
        """See ``Reader``."""
        return self._state.find(name, role, sha256, form)

    def collections(self, form: Format | None = None) -> list[CollectionName]:
        """See ``Reader``."""
        formats = set(Format) if form is None else {form}
        return sorted({name for name, of, role in self._state.files if role == TIMESTAMP and of in formats})

    def changes(self, name: CollectionName | None, after: int, limit: int) -> list[Change]:
        """See ``Reader``."""
        return [one for one in self._state.changes_of(name) if one.id > after][:limit]

    def changes_before(self, name: CollectionName | None, before: int | None, limit: int) -> list[Change]:
        """See ``Reader``."""
        end = STORE_NUMBER_MAX if before is None else before
        older = [one for one in self._state.changes_of(name) if one.id < end]
        return older[max(len(older) - limit, 0) :]

    def proposals(self) -> list[CollectionName]:
        """See ``Store``."""
        return sorted(self._state.waiting)

    def expiring(self, before: datetime, limit: int) -> list[CollectionName]:
        """See ``Store``."""
        due = {
            name
            for (name, _, role), versions in self._state.files.items()
            if role in {SNAPSHOT, TIMESTAMP} and versions[max(versions)].expires < _whole(before)
        }
        return sorted(due)[:limit]

    @contextmanager
    def writing(self, name: CollectionName) -> Iterator[_State]:  # noqa: ARG002 - one writer, whatever the collection
        """See ``Store``."""
        with self._lock:
            draft = self._state.copy()
            yield draft
            self._state = draft


@dataclass
class _State:
    files: dict[_Place, dict[int, RoleFile]] = field(default_factory=dict)
    published: dict[tuple[_Place, int], datetime] = field(default_factory=dict)
    waiting: dict[CollectionName, bytes] = field(default_factory=dict)
    noted: list[Change] = field(default_factory=list)
    keys: list[tuple[CollectionName, ServerKey]] = field(default_factory=list)

    def copy(self) -> _State:
        files = {place: dict(versions) for place, versions in self.files.items()}
        return _State(files, dict(self.published), dict(self.waiting), list(self.noted), list(self.keys))

    def kept(self, name: CollectionName, role: RoleName, version: int | None, form: Format) -> Kept | None:
        place = (name, form, role)
        versions = self.files.get(place, {})
        number = version if version is not None else max(versions, default=0)
        if number not in versions:
            return None
        return Kept(number, versions[number].data, self.published[place, number])

    def find(self, name: CollectionName, role: RoleName, wanted: str, form: Format) -> Kept | None:
        for number, file in sorted(self.files.get((name, form, role), {}).items(), reverse=True):
            if sha256(file.data).hexdigest() == wanted:
                return self.kept(name, role, number, form)
        return None

    def changes_of(self, name: CollectionName | None) -> list[Change]:
        return [one for one in self.noted if name is None or one.name == name]

    def current(self, name: CollectionName, form: Format = Format.TUF) -> dict[RoleName, RoleFile]:
        return {role: held[max(held)] for (owner, of, role), held in self.files.items() if (owner, of) == (name, form)}

    def roots(self, name: CollectionName, form: Format = Format.TUF) -> list[bytes]:
        return [file.data for _, file in sorted(self.files.get((name, form, ROOT), {}).items())]

    def put(self, name: CollectionName, *files: RoleFile, form: Format = Format.TUF) -> None:
        newest = {role: file.version for role, file in self.current(name, form).items()}
        for file in files:
            check_version(name, file, newest.get(file.role), form)
            newest[file.role] = file.version
        for file in files:
            place = (name, form, file.role)
            self.files.setdefault(place, {})[file.version] = RoleFile(
                file.role, file.version, _whole(file.expires), file.data
            )
            self.published[place, file.version] = _whole(datetime.now(UTC))

    def delete(self, name: CollectionName) -> bool:
        places = [place for place in self.files if place[0] == name]
        for place in places:
            del self.files[place]
        return self.waiting.pop(name, None) is not None or bool(places)

    def drop(self, name: CollectionName, form: Format) -> None:
        self.files = {place: held for place, held in self.files.items() if place[:2] != (name, form)}
        self.waiting.pop(name, None)

    def note_change(self, name: CollectionName, at: datetime, version: int, sha256: str) -> None:
        self.noted.append(Change(len(self.noted) + 1, _whole(at), name, version, sha256))

    def server_keys(self, name: CollectionName) -> list[ServerKey]:
        return [key for owner, key in self.keys if owner == name]

    def add_server_key(self, name: CollectionName, key: ServerKey) -> None:
        self.keys.append((name, key))

    def proposal(self, name: CollectionName) -> bytes | None:
        return self.waiting.get(name)

    def set_proposal(self, name: CollectionName, document: bytes | None) -> None:
        if document is None:
            self.waiting.pop(name, None)
        else:
            self.waiting[name] = document


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
