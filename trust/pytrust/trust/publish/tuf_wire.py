"""Publishing in TUF 1.0. See ``wire.Wire``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from pytrust.trust.collection.model import ROOT, Authority, Root, Targets
from pytrust.trust.formats import tuf
from pytrust.trust.keys.signers import Signer
from pytrust.trust.names import CollectionName, Format, KeyId, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.publish.load import load, write
from pytrust.trust.publish.online import make_online
from pytrust.trust.publish.wire import Files, Held, Side
from pytrust.trust.store.interface import RoleFile, Transaction


class TufWire:
    """python-tuf's files; roles are called as in the model."""

    form: Final = Format.TUF

    def load(
        self,
        name: CollectionName,
        pin: Pin,
        roots: Sequence[bytes],
        files: Mapping[RoleName, RoleFile],
        seen: Mapping[RoleName, int],
    ) -> Side:
        """See ``Wire``."""
        return Side(load(pin, list(roots), files, name=name, seen=seen), files)

    def read(self, name: CollectionName, role: RoleName, files: Files) -> Root | Targets:
        """See ``Wire``."""
        return tuf.read_root(name, files[role]) if role == ROOT else tuf.read_targets(name, role, files[role])

    def write(
        self, name: CollectionName, role: RoleName, document: Root | Targets, before: Files, signers: Iterable[Signer]
    ) -> bytes:
        """See ``Wire``."""
        return write(name, role, document)

    def payload(self, name: CollectionName, role: RoleName, data: bytes) -> bytes:
        """See ``Wire``."""
        return tuf.payload(name, role, data)

    def is_plain(
        self, name: CollectionName, role: RoleName, document: Root | Targets, data: bytes, before: Files
    ) -> bool:
        """See ``Wire``."""
        return tuf.payload(name, role, data) == tuf.payload(name, role, write(name, role, document))

    def sign(
        self, name: CollectionName, role: RoleName, files: Files, before: Files, signers: Iterable[Signer]
    ) -> bytes:
        """See ``Wire``."""
        return tuf.sign(name, role, files[role], signers)

    def signed_by(
        self, name: CollectionName, role: RoleName, files: Files, before: Files, authority: Authority
    ) -> frozenset[KeyId]:
        """See ``Wire``."""
        return tuf.signed_by(name, role, files[role], authority)

    def publish(self, transaction: Transaction, name: CollectionName, files: Files, held: Held, now: datetime) -> None:
        """See ``Wire``."""
        for role, data in files.items():
            transaction.put(name, RoleFile(role, *tuf.read_header(name, role, data), data))
        make_online(transaction, name, held.online, now)
