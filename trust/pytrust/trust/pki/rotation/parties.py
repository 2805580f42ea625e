"""Who takes part in a rotation: the authority that does it, and the eyes that see how far everybody is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pytrust.trust.keys.keyring import Passphrase
from pytrust.trust.pki.authority.index import Holder
from pytrust.trust.pki.authority.rows import State
from pytrust.trust.pki.authority.succession import Remark
from pytrust.trust.pki.model import CaKind, Issued, Serial
from pytrust.trust.pki.rotation.model import Leaf, Rotation, Sign


class Records(Protocol):
    """What is read of an authority; see ``Index``."""

    def states(self, kind: CaKind) -> Mapping[int, State]:
        """All generations."""

    def servers(self) -> Sequence[Holder]:
        """All engines."""

    def clients(self) -> Sequence[Holder]:
        """All clients."""

    def by_serial(self, serial: Serial) -> Issued | None:
        """A certificate."""


class Deeds(Protocol):
    """What is done with an authority; see ``Authority``."""

    @property
    def index(self) -> Records:
        """What was issued."""

    def add_generation(self, kind: CaKind, new_passphrase: Passphrase) -> Issued:
        """Make a CA key and certificate, announced."""

    def cross_sign(self, kind: CaKind) -> list[Issued]:
        """Certify a CA under every root that counts."""

    def promote(self, kind: CaKind, generation: int) -> None:
        """Let a generation issue."""

    def retire_generation(self, kind: CaKind, generation: int) -> None:
        """Let nobody trust it."""

    def renew(self, issued: Issued) -> Issued:
        """A new certificate in the same folder."""

    def rewrite_folders(self) -> list[Path]:
        """Put folders in order; gives those that were written."""

    def rotation(self) -> bytes | None:
        """What is kept of a rotation."""

    def set_rotation(self, state: bytes | None, remarks: Iterable[Remark] = ()) -> None:
        """Keep it; ``remarks`` go to the journal."""


class Eyes(Protocol):
    """Sees how far engines and clients are."""

    def look(self, rotation: Rotation, leaves: Sequence[Leaf]) -> tuple[Sign, ...]:
        """What is seen of everybody whose part it is in this phase."""

    def keep_proof(self, generation: int) -> None:
        """Have a client certificate of this generation, for when there is nobody left to make one."""

    def close_eyes(self) -> None:
        """The rotation is over: nothing of it is needed any more."""
