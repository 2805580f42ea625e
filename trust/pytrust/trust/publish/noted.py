"""What is put into a store in Notary v1, the change feed tells of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from pytrust.trust.names import CollectionName, Format
from pytrust.trust.store.interface import RoleFile, Transaction


def put_noted(transaction: Transaction, name: CollectionName, fresh: Sequence[RoleFile], now: datetime) -> None:
    """Put the files of one publish, of which the timestamp is the last; raises ``Conflict``."""
    transaction.put(name, *fresh, form=Format.NOTARY)
    timestamp = fresh[-1]
    transaction.note_change(name, now, timestamp.version, sha256(timestamp.data).hexdigest())
