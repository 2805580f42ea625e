"""A trust service in this process, with a clock that a test can move, upon any store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.keys import NAME, NOW
from tests.fakes.notary_client import SEALER, Home, kept_keys, online_keys

from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.online import OnlineKeys
from pytrust.trust.names import CollectionName, Format
from pytrust.trust.server.service import TrustService, Watched
from pytrust.trust.store.memory import MemoryStore


class WatchedMemory(MemoryStore):
    """A store in memory that counts the transactions that changed something."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def generation(self) -> int:
        """See ``Watched``."""
        return self.written

    @contextmanager
    def writing(self, name: CollectionName) -> Iterator[Any]:
        """See ``Store``."""
        before = self._state
        with super().writing(name) as transaction:
            yield transaction
        self.written += self._state != before


class Town:
    """A service upon ``store``, and what one can see of it."""

    def __init__(self, store: Watched | None = None) -> None:
        self.store: Watched = store or WatchedMemory()
        self.now = NOW
        self.service = self.restarted()

    def restarted(self, online: OnlineKeys | None = None) -> TrustService:
        """Another service upon the same store, as after a restart; ``online`` are then the store's keys."""
        self.service = TrustService(self.store, online or online_keys(), SEALER, now=self.clock)
        return self.service

    def key(self, role: str, name: CollectionName = NAME) -> WireKey:
        """The key that the service offers for a role."""
        return WireKey.read(json.loads(self.service.key(name, role)))

    def home(self, name: CollectionName = NAME, **made: Any) -> Home:
        """An owner who asked the service for its keys first, as stock clients do."""
        return Home(name, server={role: self.key(role, name) for role in ("snapshot", "timestamp")}, **made)

    def with_kept_keys(self, name: CollectionName = NAME) -> Town:
        """This town, which made ``kept_keys`` for a collection earlier: what was signed in advance names those."""
        with self.store.writing(name) as transaction:
            for key in kept_keys(name):
                transaction.add_server_key(name, key)
        return self

    def clock(self) -> datetime:
        """The time."""
        return self.now

    def later(self, **span: float) -> None:
        """Move the clock."""
        self.now += timedelta(**span)

    def newest(self, name: CollectionName = NAME) -> dict[str, bytes]:
        """The newest file of every role, as it lies in the store."""
        with self.store.writing(name) as transaction:
            return {str(role): file.data for role, file in transaction.current(name, Format.NOTARY).items()}

    def versions(self, name: CollectionName = NAME) -> dict[str, int]:
        """Their versions."""
        with self.store.writing(name) as transaction:
            return {str(role): file.version for role, file in transaction.current(name, Format.NOTARY).items()}

    def roots(self, name: CollectionName = NAME) -> list[bytes]:
        """All roots, oldest first."""
        with self.store.writing(name) as transaction:
            return list(transaction.roots(name, Format.NOTARY))

    def keys(self, name: CollectionName = NAME) -> int:
        """How many keys of its own a collection has."""
        with self.store.writing(name) as transaction:
            return len(transaction.server_keys(name))

    def served(self, role: str, name: CollectionName = NAME) -> bytes | None:
        """What a client is given for ``role.json``; both ways to it must agree."""
        found = self.service.current(name, role)
        remembered = self.service.remembered(name, role, None)
        assert remembered is None or remembered == found
        return found.data if found else None

    def noted(self, name: CollectionName | None = NAME) -> list[int]:
        """The versions in the change feed."""
        return [change.version for change in self.store.changes(name, 0, 100_000)]
