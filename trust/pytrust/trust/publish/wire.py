"""What publishing needs of a wire format; ``tuf_wire`` and ``notary_wire`` are the two.

Roles go by the model's names here (``releases``, ``alice``), whatever the files call them. A ``Files`` mapping holds
the newest file of every role that the model knows, those of the change in the making included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pytrust.trust.collection.model import Authority, Collection, Root, Targets
from pytrust.trust.keys.online import OnlineKeys
from pytrust.trust.keys.sealing import Sealer
from pytrust.trust.keys.signers import Signer
from pytrust.trust.names import CollectionName, Format, KeyId, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.store.interface import RoleFile, Transaction

Files = Mapping[RoleName, bytes]


@dataclass(frozen=True, slots=True)
class Side:
    """A collection in one format: verified, and the files that it was read from."""

    collection: Collection
    files: Mapping[RoleName, RoleFile]
    unsigned: tuple[RoleName, ...] = ()
    """Delegated roles whose file the keys of today did not sign: they say nothing."""

    @property
    def data(self) -> dict[RoleName, bytes]:
        """The files' bytes."""
        return {role: file.data for role, file in self.files.items()}


@dataclass(frozen=True, slots=True)
class Held:
    """The keys of snapshot and timestamp that a store has: its own, and (sealed) those of single collections."""

    online: OnlineKeys
    sealer: Sealer


class Wire(Protocol):
    """One wire format."""

    @property
    def form(self) -> Format:
        """Which one."""
        ...

    def load(
        self,
        name: CollectionName,
        pin: Pin,
        roots: Sequence[bytes],
        files: Mapping[RoleName, RoleFile],
        seen: Mapping[RoleName, int],
    ) -> Side:
        """Verify the newest files of a collection, as the store has them.

        Args:
            name: the collection they must belong to.
            pin: covers one of ``roots``.
            roots: every root file, oldest first.
            files: the newest file of every role, by the names that the files use.
            seen: the lowest acceptable version of each role: what this host has seen before.

        Raises:
            UntrustedRoot, BadSignature, BadMetadata, Rollback: the store may not be built upon.
        """
        ...

    def read(self, name: CollectionName, role: RoleName, files: Files) -> Root | Targets:
        """The document of a role; raises ``BadMetadata``."""
        ...

    def write(
        self, name: CollectionName, role: RoleName, document: Root | Targets, before: Files, signers: Iterable[Signer]
    ) -> bytes:
        """The unsigned file of a role upon the files ``before``; ``signers`` certify what a root needs certified."""
        ...

    def payload(self, name: CollectionName, role: RoleName, data: bytes) -> bytes:
        """What the signatures of a file are over."""
        ...

    def is_plain(
        self, name: CollectionName, role: RoleName, document: Root | Targets, data: bytes, before: Files
    ) -> bool:
        """Whether the file ``data`` says what ``write`` would write for ``document``, and no more."""
        ...

    def sign(
        self, name: CollectionName, role: RoleName, files: Files, before: Files, signers: Iterable[Signer]
    ) -> bytes:
        """The file of ``role`` with the signatures of ``signers`` added; ``before`` holds the root before this one."""
        ...

    def signed_by(
        self, name: CollectionName, role: RoleName, files: Files, before: Files, authority: Authority
    ) -> frozenset[KeyId]:
        """The distinct keys of ``authority`` whose signature on the file of ``role`` is valid."""
        ...

    def publish(self, transaction: Transaction, name: CollectionName, files: Files, held: Held, now: datetime) -> None:
        """Put signed ``files`` into the store, and snapshot and timestamp over them; without files, renew those two."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """A verified collection: one side, or two that say the same."""

    sides: Mapping[Format, Side]

    @property
    def collection(self) -> Collection:
        """The one that is shown to people."""
        return first_of(self.collections)

    @property
    def collections(self) -> dict[Format, Collection]:
        """The collection in each format."""
        return {form: side.collection for form, side in self.sides.items()}


def first_of(collections: Mapping[Format, Collection]) -> Collection:
    """The one that is shown to people: the TUF side where there is one."""
    return next(collections[form] for form in Format if form in collections)
