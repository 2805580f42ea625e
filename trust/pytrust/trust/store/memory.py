"""A store in memory: for tests, and as the simplest reading of the interface."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.store.interface import RoleFile, check_version


class MemoryStore:
    """Everything in two dictionaries; a transaction is a copy that takes their place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = _State()

    def read(self, name: CollectionName, role: RoleName, version: int | None = None) -> bytes | None:
        """See ``Reader``."""
        versions = self._state.files.get((name, role), {})
        number = version if version is not None else max(versions, default=0)
        return versions[number].data if number in versions else None

    def collections(self) -> list[CollectionName]:
        """See ``Reader``."""
        return sorted({name for name, _ in self._state.files})

    def proposals(self) -> list[CollectionName]:
        """See ``Store``."""
        return sorted(self._state.waiting)

    def expiring(self, before: datetime, limit: int) -> list[CollectionName]:
        """See ``Store``."""
        due = {
            name
            for (name, role), versions in self._state.files.items()
            if role in {SNAPSHOT, TIMESTAMP} and versions[max(versions)].expires < before
        }
        return sorted(due)[:limit]

    @contextmanager
    def writing(self) -> Iterator[_State]:
        """See ``Store``."""
        with self._lock:
            draft = deepcopy(self._state)
            yield draft
            self._state = draft


class _State:
    def __init__(self) -> None:
        self.files: dict[tuple[CollectionName, RoleName], dict[int, RoleFile]] = {}
        self.waiting: dict[CollectionName, bytes] = {}

    def current(self, name: CollectionName) -> dict[RoleName, RoleFile]:
        return {role: held[max(held)] for (owner, role), held in self.files.items() if owner == name}

    def roots(self, name: CollectionName) -> list[bytes]:
        return [file.data for _, file in sorted(self.files.get((name, ROOT), {}).items())]

    def put(self, name: CollectionName, file: RoleFile) -> None:
        held = self.files.setdefault((name, file.role), {})
        check_version(name, file, max(held) if held else None)
        held[file.version] = file

    def proposal(self, name: CollectionName) -> bytes | None:
        return self.waiting.get(name)

    def set_proposal(self, name: CollectionName, document: bytes | None) -> None:
        if document is None:
            self.waiting.pop(name, None)
        else:
            self.waiting[name] = document
