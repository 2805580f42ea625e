"""Signing and publishing: one transaction for all roles of a change, snapshot and timestamp included.

    load ─> (edit, pure) ─> submit ─┬─> published      every role has its threshold
                                    └─> proposal       kept until `approve` brings the missing signatures

Versions are compared with those the change was made upon, under the store's write lock; a publish that lost a race
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pytrust.trust.collection.edit import changed_roles, renew
from pytrust.trust.collection.model import RELEASES, Collection
from pytrust.trust.errors import NotFound, PytrustError
from pytrust.trust.formats import tuf
from pytrust.trust.keys.online import OnlineKeys
from pytrust.trust.keys.signers import Signer
from pytrust.trust.limits import RENEW_ONLINE_BEFORE
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.pins import Pin, find_pin
from pytrust.trust.publish.load import State, load, write
from pytrust.trust.publish.online import make_online
from pytrust.trust.publish.proposal import Missing, Proposal, apply, authorities, encode, missing
from pytrust.trust.publish.waiting import changed_meanwhile, check_base, nothing_waits, refuse_second, waiting_change
from pytrust.trust.store.interface import RoleFile, Store, Transaction

_REFRESH_BATCH = 1000  # collections renewed when a store is opened for writing: seconds, not minutes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change: published when nothing is ``missing``, else kept as a proposal."""

    collection: Collection
    missing: tuple[Missing, ...]


class Memory(Protocol):
    """What a host has seen, so that nothing older is ever built upon."""

    def seen(self, name: CollectionName) -> Mapping[RoleName, int]:
        """The version of each offline role that was seen; empty for a name that is new to this host."""

    def remember(self, name: CollectionName) -> None:
        """Look at a collection that was just published here."""


class Publisher:
    """Publishes to one store.

    Args:
        store: where metadata is kept.
        online: the keys of snapshot and timestamp.
        pins: what this host trusts.
        now: the clock, UTC.
        memory: what this host has seen.
    """

    def __init__(
        self,
        store: Store,
        online: OnlineKeys,
        pins: Sequence[Pin],
        *,
        now: Callable[[], datetime],
        memory: Memory,
    ) -> None:
        self._store = store
        self._online = online
        self._pins = pins
        self._now = now
        self._memory = memory

    def load(self, name: CollectionName) -> State | None:
        """The verified newest state, or None for a new name; raises what ``publish.load`` does."""
        with self._store.writing(name) as transaction:
            return self._load(transaction, name)

    def submit(self, old: State | None, new: Collection, signers: Iterable[Signer]) -> Outcome:
        """Sign what changed with the signers that have a say, and publish or propose it.

        Raises:
            Conflict: somebody published since ``old`` was loaded, or another change waits for signatures.
        """
        before = old.collection if old else None
        new = _keep_releases_valid(old, new, self._now())
        roles = changed_roles(before, new)
        documents = new.documents()
        unsigned = {role: write(new.name, role, documents[role]) for role in roles}
        files = _signed(before, new, unsigned, signers)
        base = {role: file.version for role, file in old.files.items()} if old else {}
        return self._settle(new.name, Proposal(files, base), replacing=None)

    def proposal(self, name: CollectionName) -> tuple[State | None, Collection, tuple[Missing, ...]]:
        """The waiting change: what is, what would be, who is missing; raises ``NotFound`` or ``Conflict``."""
        with self._store.writing(name) as transaction:
            state = self._load(transaction, name)
            waiting = waiting_change(transaction, name)
        check_base(name, waiting.base, state)
        new = apply(state.collection if state else None, name, waiting.files, now=self._now())
        return state, new, missing(state.collection if state else None, new, waiting.files)

    def approve(
        self, name: CollectionName, shown: Collection, vouched: Collection, signers: Sequence[Signer]
    ) -> Outcome:
        """Add signatures to the waiting change.

        Args:
            name: the collection.
            shown: the change as ``proposal`` gave it; nothing else is signed.
            vouched: the same with the approvers' own roles added.
            signers: the approvers' keys.

        Raises:
            Conflict, NotFound: another change waits meanwhile, the same with more signatures, or none.
        """
        with self._store.writing(name) as transaction:
            state = self._load(transaction, name)
            waiting = waiting_change(transaction, name)
        old = state.collection if state else None
        check_base(name, waiting.base, state)
        new = apply(old, name, waiting.files, now=self._now())
        if new != shown:
            raise changed_meanwhile(name)
        added = {role: write(name, role, vouched.documents()[role]) for role in changed_roles(new, vouched)}
        files = _signed(old, vouched, {**waiting.files, **added}, signers)
        return self._settle(name, Proposal(files, waiting.base), replacing=waiting)

    def reject(self, name: CollectionName) -> None:
        """Drop the waiting change; raises ``NotFound`` where none waits."""
        with self._store.writing(name) as transaction:
            if transaction.proposal(name) is None:
                raise nothing_waits(name)
            transaction.set_proposal(name, None)

    def refresh_due(self) -> list[tuple[CollectionName, PytrustError | None]]:
        """Renew snapshot and timestamp of collections that expire soon; gives each with what stood in its way, if any.

        One collection that cannot be renewed does not keep the others from it.
        """
        due = self._store.expiring(self._now() + RENEW_ONLINE_BEFORE, _REFRESH_BATCH)
        return [(name, self._try_refresh(name)) for name in due]

    def _try_refresh(self, name: CollectionName) -> PytrustError | None:
        try:
            self.refresh(name)
        except PytrustError as error:
            return error
        return None

    def refresh(self, name: CollectionName) -> None:
        """Renew snapshot and timestamp of one collection."""
        with self._store.writing(name) as transaction:
            if self._load(transaction, name) is None:
                raise NotFound(f"there is no collection {name}", hint="see what there is: pytrust status")
            make_online(transaction, name, self._online, self._now())

    def _settle(self, name: CollectionName, change: Proposal, *, replacing: Proposal | None) -> Outcome:
        with self._store.writing(name) as transaction:
            state = self._load(transaction, name)
            if replacing is None:
                refuse_second(transaction, name, state)
            elif waiting_change(transaction, name) != replacing:
                raise changed_meanwhile(name)
            check_base(name, change.base, state)
            old = state.collection if state else None
            new = apply(old, name, change.files, now=self._now())
            lacking = missing(old, new, change.files)
            if lacking:
                transaction.set_proposal(name, encode(change))
            else:
                self._publish(transaction, name, change.files)
        if not lacking:
            self._memory.remember(name)
        return Outcome(new, lacking)

    def _publish(self, transaction: Transaction, name: CollectionName, files: Mapping[RoleName, bytes]) -> None:
        for role, data in files.items():
            version, expires = tuf.read_header(name, role, data)
            transaction.put(name, RoleFile(role, version, expires, data))
        make_online(transaction, name, self._online, self._now())
        transaction.set_proposal(name, None)
        self._load(transaction, name)  # what a reader would refuse must not be committed

    def _load(self, transaction: Transaction, name: CollectionName) -> State | None:
        seen = self._memory.seen(name)
        files = transaction.current(name)
        if not files and not seen:
            return None
        pin = find_pin(self._pins, name)
        return load(pin, transaction.roots(name), files, name=name, seen=seen)


def _keep_releases_valid(old: State | None, new: Collection, now: datetime) -> Collection:
    """Where the keys or threshold of ``releases`` change so that its file no longer holds, it is signed anew."""
    authority = new.authority(RELEASES)
    if old is None or authority is None or RELEASES in changed_roles(old.collection, new):
        return new
    if len(tuf.signed_by(new.name, RELEASES, old.files[RELEASES].data, authority)) >= authority.threshold:
        return new
    return renew(new, RELEASES, now=now)


def _signed(
    old: Collection | None, new: Collection, files: Mapping[RoleName, bytes], signers: Iterable[Signer]
) -> dict[RoleName, bytes]:
    pool = list(signers)
    result = {}
    for role, data in files.items():
        allowed = {key for authority in authorities(old, new, role) for key in authority.keys}
        result[role] = tuf.sign(new.name, role, data, [signer for signer in pool if signer.public in allowed])
    return result
