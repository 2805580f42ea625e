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

    def offered(self, role: OnlineRole, roots: Iterable[bytes]) -> Signer | None:
        """The newest key that none of the ``roots`` named; one that was rotated away does not come back."""
        pool = self._online.snapshot if role == "snapshot" else self._online.timestamp
        own = self.newest(role)
        unnamed = {WireKey.plain(signer.public).id: signer for signer in ((own, pool[0]) if own else (pool[0],))}
        for root in roots:  # which list a key under its id; there may be many, so they are not parsed
            unnamed = {wire_id: signer for wire_id, signer in unnamed.items() if wire_id.encode() not in root}
        return next(iter(unnamed.values()), None)

    def newest(self, role: OnlineRole) -> Signer | None:
        """The newest of the collection's own keys."""
        own = [item for item in self._own if item.role == role]
        return self._open(own[-1]) if own else None

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


def _online_role(role: str) -> OnlineRole:
    return "snapshot" if role == "snapshot" else "timestamp"


def _belongs_to(name: CollectionName, role: RoleName, key: KeyId) -> str:
    return f"{name} {role} {key}"
