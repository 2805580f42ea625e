"""What every operation of an authority works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pytrust.trust.database import guarded
from pytrust.trust.files import PRIVATE_FOLDER, locked
from pytrust.trust.limits import LOCK_TIMEOUT
from pytrust.trust.pki.authority.ca_keys import CaKeys
from pytrust.trust.pki.authority.change import Change, changing
from pytrust.trust.pki.authority.index import Index
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.mint.build import SigningCa
from pytrust.trust.pki.model import ISSUER_OF, Issued, Kind, LeafKind, ca_kind

LOCK = "lock"
_FOLDERS = {Kind.SERVER: "servers", Kind.CLIENT: "clients"}


@dataclass(frozen=True, slots=True)
class Premises:
    """The folder of an authority, with what is open of it."""

    folder: Path
    records: Records
    index: Index
    keys: CaKeys
    now: Callable[[], datetime]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other change waiting, in this process and others; raises ``Busy``."""
        with locked(self.folder / LOCK, timeout=LOCK_TIMEOUT):
            yield

    def change(self) -> AbstractContextManager[Change]:
        """One transaction of the index."""
        return changing(self.records, self.now())

    def signing(self, ca: Issued) -> SigningCa:
        """A CA that can sign; asks for its passphrase the first time."""
        kind = ca_kind(ca.kind)
        return SigningCa(ca.certificate, self.keys.key(kind, ca.generation))

    def issuer(self, kind: LeafKind) -> Issued:
        """The CA that issues for engines or clients."""
        return self.index.current(ISSUER_OF[kind])

    def default_folder(self, kind: LeafKind, holder: str) -> Path:
        """Where a holder's files go if nobody says otherwise; what is above is made."""
        above = self.folder / _FOLDERS[kind]
        with guarded(above):
            above.mkdir(PRIVATE_FOLDER, exist_ok=True)
        return above / (f"_wildcard{holder[1:]}" if holder.startswith("*") else holder)
