"""The trust server behind its HTTP shell: a store, the keys of snapshot and timestamp, and the rules of Notary v1.

What is read is always one consistent view: timestamp, the snapshot that it names, the files that this names. A publish
is one transaction under the lock of its collection, and the next snapshot and timestamp are made inside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Protocol

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP
from pytrust.trust.errors import Conflict, InvalidUpdate, PytrustError
from pytrust.trust.formats.notary.files import MetaFile, RootFile, read_meta, read_root
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.online import OnlineKeys
from pytrust.trust.keys.sealing import Sealer
from pytrust.trust.keys.signers import Signer
from pytrust.trust.limits import ROOT_ROTATIONS_MAX
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.publish.both_sides import require_same_words
from pytrust.trust.publish.notary_online import renewed_files
from pytrust.trust.publish.notary_update import Update, next_files
from pytrust.trust.publish.noted import put_noted
from pytrust.trust.publish.server_keys import HeldKeys, KeysForOthers, make_server_key, online_role, root_so_far
from pytrust.trust.server.backend import CollectionRow, Served
from pytrust.trust.server.held import Held
from pytrust.trust.server.overview import collection_row
from pytrust.trust.server.refusals import Code, Name, Refusal
from pytrust.trust.server.static import look_up
from pytrust.trust.store.interface import Change, Kept, Store, Transaction

_NOTARY: Final = Format.NOTARY
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Watched(Store, Protocol):
    """A store that can tell whether somebody wrote to it."""

    def generation(self) -> object:
        """Stays the same while nobody writes; None where that cannot be told."""
        ...


class TrustService:
    """A ``server.backend.Backend`` upon a store.

    Args:
        store: where metadata is kept.
        online: the store's own keys of snapshot and timestamp.
        sealer: of the keys that single collections have.
        now: the clock, UTC.
    """

    def __init__(self, store: Watched, online: OnlineKeys, sealer: Sealer, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._online = online
        self._sealer = sealer
        self._now = now
        self._held = Held(store.generation, now)

    def remembered(self, gun: str, role: str, sha256: str | None) -> Served | None:
        """See ``Backend``."""
        return self._held.get((gun, role, sha256))

    def current(self, gun: str, role: str) -> Served | None:
        """See ``Backend``."""
        if (served := self._held.get((gun, role, None))) is not None:
            return served
        served, until = self._view(gun, role)
        if served is not None and until <= self._now() and role in {SNAPSHOT, TIMESTAMP}:
            self._renew(CollectionName(gun))
            served, _ = self._view(gun, role, renewed=True)
        return served

    def at_version(self, gun: str, role: str, version: int) -> Served | None:
        """See ``Backend``."""
        return _served(self._store.kept(CollectionName(gun), RoleName(role), version, form=_NOTARY))

    def by_checksum(self, gun: str, role: str, sha256: str) -> Served | None:
        """See ``Backend``."""
        generation = self._held.generation()
        served = _served(self._store.find(CollectionName(gun), RoleName(role), sha256, form=_NOTARY))
        if served is not None:
            self._held.keep(generation, (gun, role, sha256), served)
        return served

    def key(self, gun: str, role: str) -> bytes:
        """See ``Backend``."""
        name, kind = CollectionName(gun), online_role(role)
        with self._store.writing(name) as transaction:
            root = self._root(name)
            held = self._finder(transaction, name, root)
            named = [key.material for key in root.keys_of(role)] if root else []
            known = held.find(role, named) or (held.offered(kind, self._roots(name)) if root else held.newest(kind))
            signer = known or self._make(transaction, name, role)
        return _key_answer(signer)

    def rotate_key(self, gun: str, role: str) -> bytes:
        """See ``Backend``."""
        name, kind = CollectionName(gun), online_role(role)
        with self._store.writing(name) as transaction:
            root = self._root(name)
            held = self._finder(transaction, name, root)
            known = held.offered(kind, self._roots(name)) if root else held.newest(kind)
            signer = known or self._make(transaction, name, role)
        return _key_answer(signer)

    def publish(self, gun: str, files: Mapping[str, bytes], user: str) -> None:  # noqa: ARG002 - the shell journals it
        """See ``Backend``."""
        name, now = CollectionName(gun), self._now()
        with _refusing(), self._store.writing(name) as transaction:
            update = Update(name, files, transaction.current(name, _NOTARY))
            fresh = next_files(update, self._finder(transaction, name, root_so_far(update)), now)
            require_same_words(transaction, name, update.current, fresh)
            put_noted(transaction, name, fresh, now)

    def delete(self, gun: str) -> None:
        """See ``Backend``."""
        name = CollectionName(gun)
        with self._store.writing(name) as transaction:
            if transaction.delete(name):
                transaction.note_change(name, self._now(), 0, "")

    def changes(self, gun: str | None, change_id: int, records: int) -> list[Change]:
        """See ``Backend``."""
        name = CollectionName(gun) if gun is not None else None
        if records > 0 and change_id >= 0:
            return self._store.changes(name, change_id, records)
        return self._store.changes_before(name, change_id if change_id > 0 else None, abs(records))

    def tuf_file(self, name: str, file: str) -> tuple[bytes, bool] | None:
        """See ``Backend``."""
        return look_up(self._store, f"/tuf/{name}/{file}")

    def health(self) -> dict[str, str]:
        """See ``Backend``."""
        try:
            self._store.changes(None, 0, 1)
        except PytrustError as error:
            return {"store": error.code}
        return {}

    def overview(self, limit: int) -> list[CollectionRow]:
        """See ``Backend``."""
        return [collection_row(self._store, name) for name in self._store.collections()[:limit]]

    def _renew(self, name: CollectionName) -> None:
        now = self._now()
        with self._store.writing(name) as transaction:
            current = transaction.current(name, _NOTARY)
            if TIMESTAMP not in current:
                return  # it was deleted meanwhile
            try:
                finder = self._finder(transaction, name, read_root(current[ROOT].data))
                fresh = renewed_files(name, current, finder, now)
            except InvalidUpdate:
                return  # not ours to sign: clients see for themselves that its time is over
            if fresh:  # else somebody else was here first
                put_noted(transaction, name, fresh, now)

    def _view(self, gun: str, role: str, *, renewed: bool = False) -> tuple[Served | None, datetime]:
        """The newest file of a role that the current timestamp leads to, and when timestamp or snapshot end.

        What is over although it was just ``renewed`` stays so: nobody waits for the store's lock because of it again.
        """
        generation, name = self._held.generation(), CollectionName(gun)
        newest = self._store.kept(name, TIMESTAMP, form=_NOTARY)
        timestamp = read_meta(TIMESTAMP, newest.data) if newest else None
        snapshot = self._named(name, SNAPSHOT, timestamp) if timestamp else None
        if timestamp is None or snapshot is None:
            return None, _NEVER
        listed = read_meta(SNAPSHOT, snapshot.data)
        found = {TIMESTAMP: newest, SNAPSHOT: snapshot}.get(RoleName(role)) or self._named(name, role, listed)
        now = self._now()
        ends = [end for end in (timestamp.expires, listed.expires) if not renewed or end > now]
        served, until = _served(found), min(ends, default=_NEVER)
        if served is not None:
            self._held.keep(generation, (gun, role, None), served, until if role in {SNAPSHOT, TIMESTAMP} else None)
        return served, until

    def _named(self, name: CollectionName, role: str, above: MetaFile) -> Kept | None:
        meta = above.meta.get(role)
        return self._store.find(name, RoleName(role), meta.hashes["sha256"].hex(), form=_NOTARY) if meta else None

    def _finder(self, transaction: Transaction, name: CollectionName, root: RootFile | None) -> HeldKeys:
        return KeysForOthers(name, self._online, transaction.server_keys(name), self._sealer, root)

    def _root(self, name: CollectionName) -> RootFile | None:
        data = self._store.read(name, ROOT, form=_NOTARY)
        return read_root(data) if data is not None else None

    def _roots(self, name: CollectionName) -> Iterator[bytes]:
        """One by one, the newest first; no client walks through more of them."""
        newest = self._store.kept(name, ROOT, form=_NOTARY)
        last = newest.version if newest else 0
        for version in range(last, max(last - ROOT_ROTATIONS_MAX, 0), -1):
            if (root := self._store.read(name, ROOT, version, form=_NOTARY)) is not None:
                yield root

    def _make(self, transaction: Transaction, name: CollectionName, role: str) -> Signer:
        key, signer = make_server_key(name, RoleName(role), self._sealer)
        transaction.add_server_key(name, key)
        return signer


def _served(kept: Kept | None) -> Served | None:
    return Served(kept.data, kept.published) if kept else None


def _key_answer(signer: Signer) -> bytes:
    return json.dumps(WireKey.plain(signer.public).document(), separators=(",", ":")).encode()


@contextmanager
def _refusing() -> Iterator[None]:
    """Our errors in Notary's words."""
    try:
        yield
    except Conflict as error:
        raise Refusal(Code.VERSION, f"{error} ({error.hint})") from error
    except InvalidUpdate as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise Refusal(Code.INVALID_UPDATE, f"{error}{hint}", name=Name(error.kind), missing=error.missing) from error
