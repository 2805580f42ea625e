"""A collection of Notary v1 from elsewhere is put into a store: for the first time, or again.

Until this store signs the timestamp itself, what it has is a copy: a newer one may take its place, an older one not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pytrust.trust.collection.model import ROOT, TIMESTAMP
from pytrust.trust.errors import Conflict
from pytrust.trust.formats.notary.files import read_root
from pytrust.trust.names import CollectionName, Format
from pytrust.trust.publish.noted import put_noted
from pytrust.trust.publish.server_keys import HeldKeys
from pytrust.trust.publish.wire import Held
from pytrust.trust.store.interface import RoleFile, Transaction


def put_copy(
    transaction: Transaction, name: CollectionName, files: Iterable[RoleFile], held: Held, now: datetime
) -> None:
    """Put in what is not there yet; raises ``Conflict`` where it was signed upon here, or is newer here."""
    there = transaction.current(name, Format.NOTARY)
    root = there[ROOT].data if ROOT in there else b""
    if transaction.current(name, Format.TUF) or (there and not (root and _is_copy(transaction, name, root, held))):
        raise Conflict(f"there is a collection {name} already", hint="import it on a host that has none")
    known = [file.data for file in there.values()]
    first = there[ROOT].version if there else 0  # of the roots before it, what is there is enough
    fresh = [file for file in files if file.data not in known and not (file.role == ROOT and file.version < first)]
    if any(file.role == TIMESTAMP for file in fresh):
        put_noted(transaction, name, sorted(fresh, key=lambda file: file.role == TIMESTAMP), now)
    else:
        transaction.put(name, *fresh, form=Format.NOTARY)


def _is_copy(transaction: Transaction, name: CollectionName, root: bytes, held: Held) -> bool:
    """Whether nobody here can sign the timestamp."""
    named = [key.material for key in read_root(root).keys_of(TIMESTAMP)]
    return HeldKeys(name, held.online, transaction.server_keys(name), held.sealer).find(TIMESTAMP, named) is None
