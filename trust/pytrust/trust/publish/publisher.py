"""Signing and publishing: one transaction for all roles of a change in every format, snapshot and timestamp included.

    load ─> (edit, pure) ─> submit ─┬─> published      every role has its threshold
                                    └─> proposal       kept until `approve` brings the missing signatures

Versions are compared with those the change was made upon, under the store's write lock; a publish that lost a race
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from pytrust.trust.collection.model import Authority, Collection
from pytrust.trust.errors import BadMetadata, NotFound, PytrustError, UsageError
from pytrust.trust.keys.signers import Signer
from pytrust.trust.limits import RENEW_ONLINE_BEFORE
from pytrust.trust.names import CollectionName, Format, KeyId, RoleName
from pytrust.trust.pins import Pin, find_pin
from pytrust.trust.publish.adopting import put_copy
from pytrust.trust.publish.both_sides import require_agreement
from pytrust.trust.publish.making import keep_shared_valid, signed, written, written_and_signed
from pytrust.trust.publish.notary_wire import NotaryWire
from pytrust.trust.publish.proposal import Missing, Proposal, apply, encode, missing
from pytrust.trust.publish.tuf_wire import TufWire
from pytrust.trust.publish.waiting import (
    changed_meanwhile,
    check_base,
    nothing_waits,
    refuse_second,
    versions,
    waiting_change,
)
from pytrust.trust.publish.wire import Held, Side, State, Wire, first_of
from pytrust.trust.store.interface import RoleFile, Store, Transaction

_REFRESH_BATCH = 1000  # collections renewed when a store is opened for writing: seconds, not minutes
Collections = Mapping[Format, Collection]
"""One collection in each of its formats."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change: published when nothing is ``missing``, else kept as a proposal."""

    collection: Collection
    missing: tuple[Missing, ...]


class Adopted(NamedTuple):
    """What is published upon a collection that comes from elsewhere, and who signs it."""

    collection: Collection
    signers: Sequence[Signer]


class Memory(Protocol):
    """What a host has seen, so that nothing older is ever built upon."""

    def seen(self, name: CollectionName, form: Format) -> Mapping[RoleName, int]:
        """The version of each offline role that was seen; empty for a name that is new to this host."""

    def remember(self, name: CollectionName) -> None:
        """Look at a collection that was just published here."""

    def forget(self, name: CollectionName, form: Format) -> None:
        """A format was given up here, on purpose: that its files are gone is no attack."""


class Publisher:
    """Publishes to one store.

    Args:
        store: where metadata is kept.
        held: the keys of snapshot and timestamp.
        pins: what this host trusts.
        now: the clock, UTC.
        memory: what this host has seen.
    """

    def __init__(
        self,
        store: Store,
        held: Held,
        pins: Sequence[Pin],
        *,
        now: Callable[[], datetime],
        memory: Memory,
    ) -> None:
        self._store = store
        self._held = held
        self._pins = pins
        self._now = now
        self._memory = memory

    def load(self, name: CollectionName) -> State | None:
        """The verified newest state, or None for a new name; raises what ``Wire.load`` does."""
        with self._store.writing(name) as transaction:
            return self._load(transaction, name)

    def submit(self, old: State | None, new: Collections, signers: Iterable[Signer]) -> Outcome:
        """Sign what changed with the signers that have a say, and publish or propose it.

        Raises:
            Conflict: somebody published since ``old`` was loaded, or another change waits for signatures.
        """
        pool, files = list(signers), {}
        for form, collection in new.items():
            wire, side = self._wire(form), _side(old, form)
            wanted = keep_shared_valid(wire, side, collection, pool, self._now())
            files[form] = written_and_signed(wire, side, wanted, pool)
        changed = {form: held for form, held in files.items() if held}
        return self._settle(next(iter(new.values())).name, Proposal(changed, versions(old)), replacing=None)

    def proposal(self, name: CollectionName) -> tuple[State | None, Collections, tuple[Missing, ...]]:
        """The waiting change: what is, what would be, who is missing; raises ``NotFound`` or ``Conflict``."""
        with self._store.writing(name) as transaction:
            state = self._load(transaction, name)
            waiting = waiting_change(transaction, name)
        check_base(name, waiting.base, state)
        new = self._applied(state, name, waiting)
        return state, new, self._missing(state, new, waiting)

    def approve(
        self, name: CollectionName, shown: Collections, vouched: Collections, signers: Sequence[Signer]
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
        check_base(name, waiting.base, state)
        if self._applied(state, name, waiting) != dict(shown):
            raise changed_meanwhile(name)
        files = {}
        for form, collection in vouched.items():
            wire, side, held = self._wire(form), _side(state, form), waiting.files.get(form, {})
            added = written(wire, side, shown[form], collection, held, signers)
            files[form] = signed(wire, side, collection, {**held, **added}, signers)
        return self._settle(name, Proposal(files, waiting.base), replacing=waiting)

    def reject(self, name: CollectionName) -> None:
        """Drop the waiting change; raises ``NotFound`` where none waits."""
        with self._store.writing(name) as transaction:
            if transaction.proposal(name) is None:
                raise nothing_waits(name)
            transaction.set_proposal(name, None)

    def drop(self, name: CollectionName, form: Format) -> None:
        """Give up one side of a collection that has both; raises ``UsageError`` for the last one."""
        with self._store.writing(name) as transaction:
            held = [one for one in Format if transaction.current(name, one)]
            if form not in held:
                raise NotFound(f"{name} is not signed in that format", hint=f"see it: pytrust status {name}")
            if len(held) == 1:
                raise UsageError(f"{name} would be left with nothing", hint=f"pytrust revoke {name} withdraws its tags")
            transaction.drop(name, form)
            self._memory.forget(name, form)

    def adopt(self, name: CollectionName, files: Sequence[RoleFile], edited: Callable[[State], Adopted]) -> State:
        """Take a collection of Notary v1 from elsewhere, as its files are, and what is signed upon them at once.

        Args:
            name: the collection.
            files: all of its roots and the newest file of each other role.
            edited: gives, for the verified collection, the next one (or the same) and who signs it.

        Raises:
            Conflict: there is a collection of this name, and more than a copy that is not newer.
            BadMetadata: what was signed upon it is not signed by enough.
            Refused: the files do not verify.
        """
        with self._store.writing(name) as transaction:
            put_copy(transaction, name, files, self._held, self._now())
            state = self._load(transaction, name)
            assert state is not None
            new, signers = edited(state)
            wire, side = self._wire(Format.NOTARY), state.sides[Format.NOTARY]
            fresh = written_and_signed(wire, side, new, list(signers))
            if lacking := missing(wire, side, new, fresh):
                raise BadMetadata(f"{lacking[0].role} of {name} needs {lacking[0].count} more signatures")
            if fresh:
                wire.publish(transaction, name, fresh, self._held, self._now())
            return state

    def signed_by(self, form: Format, side: Side, role: RoleName, authority: Authority) -> frozenset[KeyId]:
        """The keys of ``authority`` that signed the newest file of ``role``."""
        return self._wire(form).signed_by(side.collection.name, role, side.data, {}, authority)

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
        """Renew snapshot and timestamp of one collection; raises ``BadMetadata`` where its formats disagree."""
        with self._store.writing(name) as transaction:
            state = self._load(transaction, name)
            if state is None:
                raise NotFound(f"there is no collection {name}", hint="see what there is: pytrust status")
            require_agreement(state.collections)  # one of them was put back, if not: it must run out
            for form in state.sides:
                self._wire(form).publish(transaction, name, {}, self._held, self._now())

    def _settle(self, name: CollectionName, change: Proposal, *, replacing: Proposal | None) -> Outcome:
        with self._store.writing(name) as transaction:
            state = self._load(transaction, name)
            if replacing is None:
                refuse_second(transaction, name, state)
            elif waiting_change(transaction, name) != replacing:
                raise changed_meanwhile(name)
            check_base(name, change.base, state)
            new = self._applied(state, name, change)
            lacking = self._missing(state, new, change)
            if lacking:
                transaction.set_proposal(name, encode(change))
            else:
                self._publish(transaction, name, change)
        if not lacking:
            self._memory.remember(name)
        return Outcome(first_of(new), lacking)

    def _publish(self, transaction: Transaction, name: CollectionName, change: Proposal) -> None:
        for form, files in change.files.items():
            self._wire(form).publish(transaction, name, files, self._held, self._now())
        transaction.set_proposal(name, None)
        self._load(transaction, name)  # what a reader would refuse must not be committed

    def _load(self, transaction: Transaction, name: CollectionName) -> State | None:
        sides = {form: side for form in Format if (side := self._load_side(transaction, name, form)) is not None}
        return State(sides) if sides else None

    def _load_side(self, transaction: Transaction, name: CollectionName, form: Format) -> Side | None:
        seen = self._memory.seen(name, form)
        files = transaction.current(name, form)
        if not files and not seen:
            return None
        pin = find_pin(self._pins, name)
        return self._wire(form).load(name, pin, transaction.roots(name, form), files, seen)

    def _wire(self, form: Format) -> Wire:
        return TufWire() if form is Format.TUF else NotaryWire(self._now())

    def _applied(self, state: State | None, name: CollectionName, change: Proposal) -> dict[Format, Collection]:
        """Every side as it will be: those that the change leaves alone are as they are."""
        result = state.collections if state else {}
        for form, files in change.files.items():
            result[form] = apply(self._wire(form), _side(state, form), name, files, now=self._now())
        if not result:
            raise BadMetadata(f"the change to {name} changes nothing")
        require_agreement(result)
        return result

    def _missing(self, state: State | None, new: Collections, change: Proposal) -> tuple[Missing, ...]:
        """Of both formats, role by role: whoever signs a role signs it in both."""
        found = [
            item
            for form, files in change.files.items()
            for item in missing(self._wire(form), _side(state, form), new[form], files)
        ]
        gravest: dict[tuple[RoleName, frozenset[str]], Missing] = {}
        for item in found:
            key = item.role, frozenset(held.id for held in item.authority.keys)
            if key not in gravest or gravest[key].count < item.count:
                gravest[key] = item
        return tuple(gravest.values())


def _side(state: State | None, form: Format) -> Side | None:
    return state.sides.get(form) if state else None
