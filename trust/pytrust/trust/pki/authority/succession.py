"""What an authority does with its own CAs: one generation follows another, and the root's key goes to a safe.

A generation is ``announced`` (peers trust it, it issues nothing), ``issuing`` (exactly one of each kind), or
``leaving`` (peers trust it still), and after that ``retired`` (nobody trusts it); ``Index.state`` tells. The order of
the steps, and what must be seen in between, are for rotation/machine.py to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pytrust.trust.keys.keyring import Passphrase
from pytrust.trust.pki.authority import generations, root_key
from pytrust.trust.pki.authority.index import Index
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.plan import Elsewhere
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.authority.proof import sign_proof
from pytrust.trust.pki.mint.profile import CertPublicKey
from pytrust.trust.pki.model import CaKind, Issued, LeafKind

_ROTATION: Final = "rotation"


class Remark(NamedTuple):
    """That a rotation did not wait for a holder: vouched for by the operator, or passed over by his will."""

    what: Literal[What.VOUCHED_FOR, What.PASSED_OVER]
    kind: LeafKind
    holder: str
    seen: str


class Succession:
    """The part of ``Authority`` that is needed for rotations alone.

    Every step brings the folders up to date; where one cannot be written, the step was done and recorded, and
    ``Unsound`` names the folder.
    """

    def __init__(self, premises: Premises, index: Index) -> None:
        self._premises = premises
        self.index = index
        """What was issued; see there. Never changed through it."""

    def add_generation(self, kind: CaKind, new_passphrase: Passphrase, *, elsewhere: Elsewhere | None = None) -> Issued:
        """Make a new CA key and certificate, announced; folders are rewritten. New keys are signed by the issuing root.

        Raises ``Refused`` while another generation of the kind is announced.
        """
        return generations.add(self._premises, kind, new_passphrase, elsewhere)

    def cross_sign(self, kind: CaKind) -> list[Issued]:
        """Certify the key of every generation of ``kind`` that counts under every root that counts (same subject).

        A chain then leads to whichever root a client has; servers get the extra links. (The roots themselves are not
        signed by each other: their path length of 1 has no room for it.) Gives what is new.
        """
        return generations.cross_sign(self._premises, kind)

    def promote(self, kind: CaKind, generation: int) -> None:
        """Let this generation issue from now on; the one before it is leaving. Folders are rewritten."""
        generations.promote(self._premises, kind, generation)

    def retire_generation(self, kind: CaKind, generation: int) -> None:
        """Let nobody trust a generation any more (announced: given up; leaving: done); folders are rewritten.

        Its key is removed. Raises ``Refused`` for the one that issues.
        """
        generations.retire(self._premises, kind, generation)

    def sign_proof(self, generation: int, public_key: CertPublicKey) -> bytes | None:
        """A client certificate of one client CA, whether it issues or not, for nobody but the rotation to knock with.

        Gives the certificate and its chain, in PEM; None where the CA's time is over, or nearly: it proves nothing any
        more, and must not keep the rotation from ending. Raises ``Refused`` where the CA's key is not here.
        """
        return sign_proof(self._premises, generation, public_key)

    def rotation(self) -> bytes | None:
        """What ``set_rotation`` kept."""
        return self.index.note(_ROTATION)

    def set_rotation(self, state: bytes | None, remarks: Iterable[Remark] = ()) -> None:
        """Keep what a rotation has to remember (opaque here); None: there is none under way; remarks are journalled."""
        with self._premises.locked(), self._premises.change() as change:
            change.note(_ROTATION, state)
            for remark in remarks:
                change.event(remark.what, remark.kind, remark.holder, details={"seen": remark.seen})

    def export_root(
        self, file: Path, *, generation: int | None = None, new_passphrase: Passphrase | None = None
    ) -> Path:
        """Write the sealed root key to a new file (0600), and see that it opens; default: the issuing generation.

        It is sealed under the passphrase that it has here; one in the vault has none, and gets ``new_passphrase``.
        """
        return root_key.export(self._premises, file, generation, new_passphrase)

    def remove_root(self, *, generation: int | None = None) -> None:
        """Delete the root key here; raises ``Refused`` where it was never exported."""
        root_key.remove(self._premises, generation)

    def import_root(self, file: Path) -> Issued:
        """Take an exported root key back, and give its certificate; raises ``Refused`` for a key of no root here."""
        return root_key.take_back(self._premises, file)

    def holds_key(self, kind: CaKind, generation: int) -> bool:
        """Whether the key of a CA is here, or in an HSM or KMS that is named here."""
        return self._premises.keys.here(kind, generation)
