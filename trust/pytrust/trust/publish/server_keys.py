"""The keys with which a store signs snapshot and timestamp of one collection.

Notary v1 does not write into a timestamp whose it is: where two collections shared a key, the timestamp of one would
verify for the other. So each collection that stock clients make has keys of its own, sealed in the store, and kept for
good, since a root that names one may come back. The store's own online keys sign what the store's owner publishes, and
for others only where the root so far names them: nobody else can let them sign for a new collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import serialization

from pytrust.trust.collection.model import ROOT
from pytrust.trust.formats.notary.certificates import is_for_one, parse_bundle
from pytrust.trust.formats.notary.files import RootFile, read_root
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.online import OnlineKeys, OnlineRole
from pytrust.trust.keys.private import generate, import_pem
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.sealing import Sealer
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.names import CollectionName, KeyId, RoleName
from pytrust.trust.publish.notary_online import told_as
from pytrust.trust.publish.notary_update import Update
from pytrust.trust.store.interface import ServerKey

_OPEN_MAX: Final = 256  # keys that a server keeps open; each signs in 30 us, and takes 100 us to open


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
        return self._find_own(role, wanted) or self._online.find(online_role(role), wanted)

    def offered(self, role: OnlineRole, roots: Iterable[bytes]) -> Signer | None:
        """The newest of its own keys, unless one of ``roots`` named it: what was rotated away does not come back."""
        own = self.newest(role)
        if own is None:
            return None
        wire_id = WireKey.plain(own.public).id.encode()
        named = any(wire_id in root for root in roots)  # which list a key under its id; they need not be parsed
        return None if named else own

    def newest(self, role: OnlineRole) -> Signer | None:
        """The newest of the collection's own keys."""
        own = [item for item in self._own if item.role == role]
        return self._open(own[-1]) if own else None

    def _find_own(self, role: str, allowed: Iterable[PublicKey]) -> Signer | None:
        ids = {key.id for key in allowed}
        own = next((item for item in self._own if item.role == role and item.id in ids), None)
        return self._open(own) if own else None

    def _open(self, item: ServerKey) -> Signer:
        return _opened(self._name, item, self._sealer)


class KeysForOthers(HeldKeys):
    """The same for what others publish: of the store's keys only those that ``root``, the one so far, names.

    And names alone: whoever has a key of the collection could list one of the store's beside it.
    """

    def __init__(
        self, name: CollectionName, online: OnlineKeys, own: Sequence[ServerKey], sealer: Sealer, root: RootFile | None
    ) -> None:
        super().__init__(name, online, own, sealer)
        self._root = root

    def find(self, role: str, allowed: Iterable[PublicKey]) -> Signer | None:
        """See ``HeldKeys``."""
        wanted = list(allowed)
        so_far = {key.material for key in self._root.keys_of(role)} if self._root else set()
        owners = so_far <= self._online.all_of(online_role(role))
        shared = self._online.find(online_role(role), so_far.intersection(wanted)) if owners else None
        return shared or self._find_own(role, wanted)


@lru_cache(maxsize=_OPEN_MAX)
def _opened(name: CollectionName, item: ServerKey, sealer: Sealer) -> Signer:
    pem = sealer.open(item.sealed, _belongs_to(name, item.role, item.id))
    return signer_of(import_pem(pem, None, f"a key of {name}"))


def root_so_far(update: Update) -> RootFile | None:
    """The root that ``KeysForOthers`` goes by: none where a new one would do for other collections, too.

    Two collections of the store's owner may have one root key. Where its certificates are for both of them, since their
    names are long or they came from elsewhere, the root of one would be accepted as the next of the other, and what
    is then signed here over its old files would verify as its own.
    """
    with told_as("ErrBadRoot"):
        if ROOT in update.files and not _is_for_one(update.name, read_root(update.files[ROOT])):
            return None
    return read_root(update.current[ROOT].data) if ROOT in update.current else None


def _is_for_one(name: CollectionName, root: RootFile) -> bool:
    return all(is_for_one(parse_bundle(key.public), name) for key in root.keys_of(ROOT) if key.is_carried)


def make_server_key(name: CollectionName, role: RoleName, sealer: Sealer) -> tuple[ServerKey, Signer]:
    """A new key of one collection, sealed for the store."""
    key = generate("ecdsa-p256")
    signer = signer_of(key)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    sealed = sealer.seal(pem, _belongs_to(name, role, signer.public.id))
    return ServerKey(role, signer.public.id, sealed), signer


def online_role(role: str) -> OnlineRole:
    """``role``, which is one of the two that a server signs."""
    return "snapshot" if role == "snapshot" else "timestamp"


def _belongs_to(name: CollectionName, role: RoleName, key: KeyId) -> str:
    return f"{name} {role} {key}"
