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
from pytrust.trust.keys.private import generate
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki.leaf_key import key_pem
from pytrust.trust.pki.mint.profile import CertPublicKey
from pytrust.trust.pki.model import CaKind, Kind
from pytrust.trust.pki.probe.probed import Identity

_LEAST: Final = timedelta(minutes=10)  # left for a look at all engines
_FOLDER: Final = "rotation"


class Signer(Protocol):
    """What is needed of an authority; see ``Authority``."""

    def sign_proof(self, generation: int, public_key: CertPublicKey) -> bytes | None:
        """A certificate and its chain, in PEM; None where the CA's time is over."""

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
        key = generate("ecdsa-p256")
        if (signed := self._signer.sign_proof(generation, key.public_key())) is None:
            return None
        identity = Identity(cert_pem=signed, key_pem=key_pem(key))
        self._folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
        folders.publish(self._place(generation), {folders.CERT: identity.cert_pem, folders.KEY: identity.key_pem})
        return identity

    def _place(self, generation: int) -> Path:
        return self._folder / f"g{generation}"
