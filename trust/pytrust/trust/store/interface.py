"""What a metadata store promises, whatever it is made of.

Original bytes are kept and served. Within one transaction nobody else publishes to the same store; all of it is
visible at once, or none of it. A version that was published is never changed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pytrust.trust.names import CollectionName, RoleName


@dataclass(frozen=True, slots=True)
class RoleFile:
    """One signed file: the bytes as they were published."""

    role: RoleName
    version: int
    expires: datetime
    data: bytes


class Reader(Protocol):
    """Reading never changes a store."""

    def read(self, name: CollectionName, role: RoleName, version: int | None = None) -> bytes | None:
        """The file of that version, or the newest; None where there is none."""

    def collections(self) -> list[CollectionName]:
        """All names that have been published, sorted."""


class Transaction(Protocol):
    """One publish in the making."""

    def current(self, name: CollectionName) -> dict[RoleName, RoleFile]:
        """The newest file of every role."""

    def roots(self, name: CollectionName) -> list[bytes]:
        """All root files, oldest first."""

    def put(self, name: CollectionName, file: RoleFile) -> None:
        """Add a file; raises ``Conflict`` unless its version is above the newest (root: exactly one above)."""

    def proposal(self, name: CollectionName) -> bytes | None:
        """The change that waits for signatures, as ``proposal.encode`` wrote it."""

    def set_proposal(self, name: CollectionName, document: bytes | None) -> None:
        """Keep a change that waits for signatures, or (None) drop it."""


class Store(Reader, Protocol):
    """A store that can be published to."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction: committed when the block ends, rolled back when it raises; raises ``Busy``."""

    def proposals(self) -> list[CollectionName]:
        """The collections with a change that waits for signatures."""

    def expiring(self, before: datetime, limit: int) -> list[CollectionName]:
        """Collections whose timestamp or snapshot expires before that moment, at most ``limit``."""


def check_version(name: CollectionName, file: RoleFile, newest: int | None) -> None:
    """The compare-and-set rule of every store; raises ``Conflict``."""
    from pytrust.trust.collection.model import ROOT
    from pytrust.trust.errors import Conflict

    expected = newest is None or file.version > newest
    if file.role == ROOT:
        expected = file.version == (newest or 0) + 1
    if not expected:
        raise Conflict(
            f"{name}: {file.role} is at version {newest} already, so {file.version} cannot be published",
            hint="somebody else published meanwhile: run the command again",
        )
