"""What a metadata store promises, whatever it is made of.

Original bytes are kept and served. Within one transaction nobody else publishes to the same collection; all of it is
visible at once, or none of it. A version that was published is never changed. Moments are kept to the second.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pytrust.trust.names import CollectionName, Format, KeyId, RoleName


@dataclass(frozen=True, slots=True)
class RoleFile:
    """One signed file: the bytes as they were published."""

    role: RoleName
    version: int
    expires: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as it lies in a store, and when it was published (UTC)."""

    version: int
    data: bytes
    published: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change feed (Notary v1, ``changefeed``): a new timestamp, or a collection that was deleted.

    ``id`` rises without end; ``sha256`` is that of the Notary timestamp file, lower-case hex. A deletion has version 0
    and no sha256.
    """

    id: int
    at: datetime
    name: CollectionName
    version: int
    sha256: str

    @property
    def deletion(self) -> bool:
        """Whether the collection went away."""
        return not self.sha256


@dataclass(frozen=True, slots=True)
class ServerKey:
    """A key that the store holds for one role of one collection; ``sealed`` is what ``keys.sealing`` made of it."""

    role: RoleName
    id: KeyId
    sealed: bytes


class Reader(Protocol):
    """Reading never changes a store."""

    def read(
        self, name: CollectionName, role: RoleName, version: int | None = None, *, form: Format = Format.TUF
    ) -> bytes | None:
        """The file of that version, or the newest; None where there is none."""

    def kept(
        self, name: CollectionName, role: RoleName, version: int | None = None, *, form: Format = Format.TUF
    ) -> Kept | None:
        """As ``read``, with when it was published."""

    def find(self, name: CollectionName, role: RoleName, sha256: str, *, form: Format) -> Kept | None:
        """The file whose bytes have this sha256 (lower-case hex)."""

    def collections(self, form: Format | None = None) -> list[CollectionName]:
        """All names that have been published (None: in any format), sorted."""

    def changes(self, name: CollectionName | None, after: int, limit: int) -> list[Change]:
        """The oldest changes (of one collection, or None: of all) with an id above ``after``, in order."""

    def changes_before(self, name: CollectionName | None, before: int | None, limit: int) -> list[Change]:
        """The newest changes with an id below ``before`` (None: of all), in order, oldest first."""


class Transaction(Protocol):
    """One publish in the making; until it ends, nobody else publishes to the same collection."""

    def current(self, name: CollectionName, form: Format = Format.TUF) -> dict[RoleName, RoleFile]:
        """The newest file of every role."""

    def roots(self, name: CollectionName, form: Format = Format.TUF) -> list[bytes]:
        """All root files, oldest first."""

    def put(self, name: CollectionName, *files: RoleFile, form: Format = Format.TUF) -> None:
        """Add files; raises ``Conflict`` unless each version is above the newest (TUF root: exactly one above)."""

    def delete(self, name: CollectionName) -> bool:
        """Drop all files of a collection, in both formats, and what waits for it; whether there was anything.

        Its server keys stay: a root that names them may come back.
        """

    def drop(self, name: CollectionName, form: Format) -> None:
        """Drop the files of a collection in one format, and what waits for it."""

    def note_change(self, name: CollectionName, at: datetime, version: int, sha256: str) -> None:
        """Add to the change feed; version 0 and no sha256 for a deletion."""

    def server_keys(self, name: CollectionName) -> list[ServerKey]:
        """The keys that were made for this collection, oldest first."""

    def add_server_key(self, name: CollectionName, key: ServerKey) -> None:
        """Keep another."""

    def proposal(self, name: CollectionName) -> bytes | None:
        """The change that waits for signatures, as ``proposal.encode`` wrote it."""

    def set_proposal(self, name: CollectionName, document: bytes | None) -> None:
        """Keep a change that waits for signatures, or (None) drop it."""


class Store(Reader, Protocol):
    """A store that can be published to."""

    def writing(self, name: CollectionName) -> AbstractContextManager[Transaction]:
        """A transaction on one collection: committed when the block ends, rolled back when it raises.

        Raises:
            Busy: somebody else held the lock for too long.
        """

    def proposals(self) -> list[CollectionName]:
        """The collections with a change that waits for signatures."""

    def expiring(self, before: datetime, limit: int) -> list[CollectionName]:
        """Collections whose timestamp or snapshot, in either format, expires before that moment, at most ``limit``."""


def check_version(name: CollectionName, file: RoleFile, newest: int | None, form: Format) -> None:
    """The compare-and-set rule of every store; raises ``Conflict``, or ``BadMetadata`` for what no store can count."""
    from pytrust.trust.collection.model import ROOT
    from pytrust.trust.errors import BadMetadata, Conflict
    from pytrust.trust.limits import STORE_NUMBER_MAX

    if not 0 < file.version <= STORE_NUMBER_MAX:
        raise BadMetadata(f"{name}: {file.role} has the version {str(file.version)[:40]}")
    expected = newest is None or file.version > newest
    if file.role == ROOT and form is Format.TUF:
        expected = file.version == (newest or 0) + 1
    if not expected:
        raise Conflict(
            f"{name}: {file.role} is at version {newest} already, so {file.version} cannot be published",
            hint="somebody else published meanwhile: run the command again",
        )
