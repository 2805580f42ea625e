"""Snapshot and timestamp: made by the store itself, under its lock, over the bytes that were published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP
from pytrust.trust.errors import Unsound
from pytrust.trust.formats import tuf
from pytrust.trust.keys.online import OnlineKeys, OnlineRole
from pytrust.trust.keys.signers import Signer
from pytrust.trust.limits import SNAPSHOT_LIFETIME, TIMESTAMP_LIFETIME
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.store.interface import RoleFile, Transaction


def make_online(transaction: Transaction, name: CollectionName, keys: OnlineKeys, now: datetime) -> None:
    """Write the next snapshot and timestamp over the newest files of a collection.

    Raises:
        Unsound: the root names another key than the store holds.
    """
    files = transaction.current(name)
    online = {ROOT, SNAPSHOT, TIMESTAMP}
    listed = {role: (file.version, file.data) for role, file in files.items() if role not in online}
    number, expires = _next(files, SNAPSHOT), now + SNAPSHOT_LIFETIME
    unsigned = tuf.write_snapshot(name, number, expires, listed)
    snapshot = tuf.sign(name, SNAPSHOT, unsigned, [_signer(name, keys, "snapshot", files)])
    current, until = _next(files, TIMESTAMP), now + TIMESTAMP_LIFETIME
    unsigned = tuf.write_timestamp(name, current, until, number, snapshot)
    timestamp = tuf.sign(name, TIMESTAMP, unsigned, [_signer(name, keys, "timestamp", files)])
    transaction.put(name, RoleFile(SNAPSHOT, number, expires, snapshot))
    transaction.put(name, RoleFile(TIMESTAMP, current, until, timestamp))


def _signer(name: CollectionName, keys: OnlineKeys, role: OnlineRole, files: Mapping[RoleName, RoleFile]) -> Signer:
    authorities = tuf.read_root(name, files[ROOT].data).authorities
    signer = keys.find(role, authorities[RoleName(role)].keys)
    if signer is None:
        raise Unsound(
            f"the {role} key of this store is not the one that the root of {name} names",
            hint=f"put the old key back, or rotate it: pytrust key rotate {role} {name}",
        )
    return signer


def _next(files: Mapping[RoleName, RoleFile], role: RoleName) -> int:
    return files[role].version + 1 if role in files else 1
