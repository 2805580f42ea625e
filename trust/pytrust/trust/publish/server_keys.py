"""The keys with which a store signs snapshot and timestamp of one collection.

Most collections name the store's own online keys. One that was rotated for itself (``notary key rotate NAME timestamp
-r``) has a key of its own, sealed in the store; it is kept for good, since a root that names it may come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography.hazmat.primitives import serialization

from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.online import OnlineKeys, OnlineRole
from pytrust.trust.keys.private import generate, import_pem
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.sealing import Sealer
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.names import CollectionName, KeyId, RoleName
from pytrust.trust.store.interface import ServerKey


class HeldKeys:
    """The store's keys and those of one collection.

    Args:
        name: the collection.
        online: the store's.
        own: the collection's, as they lie in the store.
        sealer: opens them.
    """

    def __init__(self, name: CollectionName, online: OnlineKeys, own: Sequence[ServerKey], sealer: Sealer) -> None:
        self._name = name
        self._online = online
        self._own = own
        self._sealer = sealer

    def find(self, role: str, allowed: Iterable[PublicKey]) -> Signer | None:
        """The signer that is held of ``allowed``."""
        wanted = list(allowed)
        ids = {key.id for key in wanted}
        own = next((item for item in self._own if item.role == role and item.id in ids), None)
        return self._online.find(_online_role(role), wanted) or (self._open(own) if own else None)

    def offered(self, role: OnlineRole, roots: Sequence[bytes]) -> Signer | None:
        """The newest key that no root of the collection ever named; one that was rotated away does not come back.

        Args:
            role: of the key.
            roots: all root files of the collection.
        """
        pool = self._online.snapshot if role == "snapshot" else self._online.timestamp
        return self.pending(role, roots) or (None if _named(pool[0].public, roots) else pool[0])

    def pending(self, role: OnlineRole, roots: Sequence[bytes]) -> Signer | None:
        """As ``offered``, of the collection's own keys alone."""
        own = (self._open(item) for item in reversed(self._own) if item.role == role)
        return next((signer for signer in own if not _named(signer.public, roots)), None)

    def _open(self, item: ServerKey) -> Signer:
        pem = self._sealer.open(item.sealed, _belongs_to(self._name, item.role, item.id))
        return signer_of(import_pem(pem, None, f"a key of {self._name}"))


def make_server_key(name: CollectionName, role: RoleName, sealer: Sealer) -> tuple[ServerKey, Signer]:
    """A new key of one collection, sealed for the store."""
    key = generate("ecdsa-p256")
    signer = signer_of(key)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    sealed = sealer.seal(pem, _belongs_to(name, role, signer.public.id))
    return ServerKey(role, signer.public.id, sealed), signer


def _named(key: PublicKey, roots: Sequence[bytes]) -> bool:
    """A root that names a key lists it under its id; there may be many roots, so they are not read."""
    wire_id = WireKey.plain(key).id.encode()
    return any(wire_id in root for root in roots)


def _online_role(role: str) -> OnlineRole:
    return "snapshot" if role == "snapshot" else "timestamp"


def _belongs_to(name: CollectionName, role: RoleName, key: KeyId) -> str:
    return f"{name} {role} {key}"
