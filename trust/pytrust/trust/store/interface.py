"""What a metadata store promises, whatever it is made of.

Original bytes are kept and served. Within one transaction nobody else publishes to the same store; all of it is
visible at once, or none of it. A version that was published is never changed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
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


def stored_name(value: object) -> CollectionName:
    """A name as it lies in a database; raises ``Damaged`` for what no collection is called."""
    from pytrust.trust.errors import Damaged, InvalidName
    from pytrust.trust.names import parse_collection

    try:
        if isinstance(value, str) and parse_collection(value) == value:
            return CollectionName(value)
    except InvalidName:
        pass
    raise Damaged(f"the store holds something called {str(value)[:200]!r}")


def stored_bytes(value: object) -> bytes:
    """A file as it lies in a database; raises ``Damaged`` for what is no bytes."""
    from pytrust.trust.errors import Damaged

    if not isinstance(value, bytes):
        raise Damaged(f"the store holds a file that is {type(value).__name__}, not bytes")
    return value


def stored_time(value: object) -> datetime:
    """A moment as it lies in a database, seconds since 1970; raises ``Damaged`` for what is none."""
    from pytrust.trust.errors import Damaged

    try:
        return datetime.fromtimestamp(value, UTC)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Damaged(f"the store holds a file that expires at {str(value)[:40]!r}") from error
