"""A trust service in this process, with a clock that a test can move, upon any store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.keys import NAME, NOW
from tests.fakes.notary_client import online_keys

from pytrust.trust.keys.sealing import Sealer
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

    def restarted(self) -> TrustService:
        """Another service upon the same store, as after a restart."""
        self.service = TrustService(self.store, online_keys(), Sealer(b"s" * 32), now=self.clock)
        return self.service

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
