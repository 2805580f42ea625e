"""Client certificates of one generation, to see with whether engines take its clients, or refuse them.

They belong to nobody: no folder is handed out, the key lies in ``ca/rotation/gN`` while the rotation goes on, and they
end by themselves soon. That they were issued stands in the journal like everything else.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509

from pytrust.trust.files import PRIVATE_FOLDER
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki.delivery import pem, supplies
from pytrust.trust.pki.leaf_key import generate_key, key_pem
from pytrust.trust.pki.ledger import What
from pytrust.trust.pki.making import Wish, make_leaf
from pytrust.trust.pki.model import CaKind, Kind
from pytrust.trust.pki.names import parse_client_name
from pytrust.trust.pki.premises import Premises
from pytrust.trust.pki.probed import Identity
from pytrust.trust.pki.profile import CertPublicKey, check_public_key

NAME: Final = parse_client_name("pytrust-rotation")
LIFETIME: Final = timedelta(days=7)  # engines that were restarted within a week of the drop can be asked
_LEAST: Final = timedelta(minutes=10)  # left for a look at all engines
_FOLDER: Final = "rotation"


def sign_proof(premises: Premises, generation: int, public_key: CertPublicKey) -> bytes:
    """See ``Authority.sign_proof``."""
    ca = premises.index.ca(Kind.CLIENT_CA, generation)
    signing = premises.signing(ca)  # a passphrase is asked for while nobody waits
    issued = make_leaf(signing, generation, Wish(NAME, LIFETIME), check_public_key(public_key), premises.now())
    with premises.locked(), premises.change() as change:
        change.certificate(issued, ca.serial, What.ISSUED)
    return pem(issued) + supplies(premises.index, Kind.CLIENT).links[generation]


class Signer(Protocol):
    """What is needed of an authority; see ``Authority``."""

    def sign_proof(self, generation: int, public_key: CertPublicKey) -> bytes:
        """A certificate and its chain, in PEM."""

    def holds_key(self, kind: CaKind, generation: int) -> bool:
        """Whether the key of a CA is here."""


class Proofs:
    """Those of one rotation.

    Args:
        signer: makes them.
        folder: ``<PYTRUST_HOME>/ca``.
    """

    def __init__(self, signer: Signer, folder: Path) -> None:
        self._signer, self._folder = signer, folder / _FOLDER

    def get(self, generation: int, now: datetime) -> Identity | None:
        """One that still counts, made where there is none; None where nobody can make it any more."""
        return self._kept(generation, now) or self._made(generation)

    def forget(self) -> None:
        """Remove them, with their keys."""
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def _kept(self, generation: int, now: datetime) -> Identity | None:
        folder = self._place(generation)
        if not folder.exists():
            return None
        files = folders.read(folder)
        if folders.CERT not in files or folders.KEY not in files:
            return None
        end = x509.load_pem_x509_certificate(files[folders.CERT]).not_valid_after_utc
        return Identity(cert_pem=files[folders.CERT], key_pem=files[folders.KEY]) if end - now > _LEAST else None

    def _made(self, generation: int) -> Identity | None:
        if not self._signer.holds_key(Kind.CLIENT_CA, generation):
            return None
        key = generate_key("ecdsa-p256")
        identity = Identity(cert_pem=self._signer.sign_proof(generation, key.public_key()), key_pem=key_pem(key))
        self._folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
        folders.publish(self._place(generation), {folders.CERT: identity.cert_pem, folders.KEY: identity.key_pem})
        return identity

    def _place(self, generation: int) -> Path:
        return self._folder / f"g{generation}"
