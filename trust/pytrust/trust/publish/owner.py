"""What the owner of signed names does: sign, revoke, add and remove signers, rotate keys, approve.

Each action is one edit of the model (pure, in ``collection.edit``) for each format of the collection, one look for the
keys that the change needs, and one publish of all. Keys of people (``releases``, a signer's own role) are used only for
the signers the caller named; root and targets keys are whatever the key ring holds of those that must sign, and only as
many as must. An approver signs with the keys that were named, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pytrust.trust.collection import edit
from pytrust.trust.collection.attach import attach, detach, let_state
from pytrust.trust.collection.model import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP_LEVEL,
    Authority,
    Collection,
    Target,
)
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import BadMetadata, NoSuchKey, NotFound, Stale, UsageError
from pytrust.trust.keys.keyring import Keyring, Passphrase
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import Signer, open_signer
from pytrust.trust.names import CollectionName, Digest, Format, KeyId, RoleName
from pytrust.trust.publish.places import Offers, Publishing
from pytrust.trust.publish.proposal import Missing, authorities
from pytrust.trust.publish.publisher import Adopted, Outcome
from pytrust.trust.publish.stating import lost_words, require_speaker, stating_side
from pytrust.trust.publish.wire import State, first_of
from pytrust.trust.store.interface import RoleFile


@dataclass(frozen=True, slots=True)
class Adoption:
    """What was taken over.

    ``signed`` are the roles that were signed anew; ``expired`` those whose time is over; ``unsigned`` those whose
    signatures do not reach their keys; ``until`` is when the first of timestamp and snapshot, as they came, ends.
    """

    collection: Collection
    signed: tuple[RoleName, ...]
    expired: tuple[tuple[RoleName, datetime], ...]
    unsigned: tuple[RoleName, ...]
    until: datetime


class Owner:
    """Acts on collections with the keys of one key ring.

    Args:
        publisher: where it publishes to.
        keyring: private keys.
        passphrase: opens them.
        online: whose public keys a new collection names.
        now: the clock, UTC.
        forms: the formats of new collections.
        tell: is told what happens that was not asked for by name, in one line.
    """

    def __init__(  # noqa: PLR0913
        self,
        publisher: Publishing,
        keyring: Keyring,
        passphrase: Passphrase,
        online: Offers,
        *,
        now: Callable[[], datetime],
        forms: Sequence[Format],
        tell: Callable[[str], None],
    ) -> None:
        self._publisher = publisher
        self._keyring = keyring
        self._passphrase = passphrase
        self._online = online
        self._now = now
        self._forms = forms
        self._tell = tell
        self._opened: dict[KeyId, Signer] = {}

    def sign(self, name: CollectionName, targets: Sequence[Target], signers: Sequence[RoleName]) -> Outcome:
        """Vouch for ``targets`` as each of ``signers`` and release them, in one publish."""
        now = self._now()

        def edited(collection: Collection) -> Collection:
            for signer in () if collection.classic else signers:
                collection = edit.vouch(collection, signer, targets, now=now)
            return edit.release(collection, targets, now=now)

        state = self._publisher.load(name)
        return self._submit(state, self._edited(state, name, signers, edited), signers)

    def revoke(self, name: CollectionName, tags: Sequence[str] | None, signers: Sequence[RoleName]) -> Outcome:
        """Withdraw tags (None: all)."""
        state, now = self._existing(name), self._now()
        new = _each(state, lambda held: edit.revoke(held, tags, signers, now=now))
        return self._submit(state, new, signers)

    def add_signer(
        self, name: CollectionName, signer: RoleName, key: PublicKey, threshold: int | None, signers: Sequence[RoleName]
    ) -> Outcome:
        """Let ``signer`` release too; ``signers`` sign what must be signed anew."""
        state, now = self._publisher.load(name), self._now()
        new = self._edited(
            state, name, signers, lambda held: edit.set_signer(held, signer, key, threshold=threshold, now=now)
        )
        if state and (known := state.collection.authority(signer)) and key not in known.keys:
            self._tell(f"{signer} had another key; tags released with it stay released: pytrust inspect {name}")
        return self._submit(state, new, signers)

    def remove_signer(
        self, name: CollectionName, signer: RoleName, threshold: int | None, signers: Sequence[RoleName]
    ) -> tuple[Outcome, tuple[str, ...]]:
        """Remove a signer; returns also the tags that were withdrawn because nobody else vouches for them."""
        state, now = self._existing(name), self._now()
        sides = state.collections.values()
        kept = frozenset[str]().union(*(held.accepted.keys() - edit.orphans(held, signer) for held in sides))
        both = {
            form: edit.remove_signer(held, signer, threshold=threshold, now=now, kept=kept)
            for form, held in state.collections.items()
        }
        new = {form: collection for form, (collection, _) in both.items()}
        orphans = sorted({tag for _, tags in both.values() for tag in tags})
        if Format.TUF in new:
            for line in lost_words(state.collections[Format.TUF], new[Format.TUF], signer):
                self._tell(line)
        return self._submit(state, new, [other for other in signers if other != signer]), tuple(orphans)

    def rotate(self, name: CollectionName, role: RoleName, key: PublicKey, signers: Sequence[RoleName]) -> Outcome:
        """Give a top-level role, or the signer ``role``, the key ``key``; its private half is in the key ring.

        ``signers`` sign what must be signed anew besides the role itself.
        """
        state, now = self._existing(name), self._now()
        if role in TOP_LEVEL:
            new = _each(state, lambda held: edit.rotate_top(held, role, key, now=now))
            return self._submit(state, new, signers)
        if role not in {item.name for item in state.collection.signers}:
            raise UsageError(f"{role} is not a signer of {name}", hint=f"pytrust signer list {name}")

        def edited(held: Collection) -> Collection:
            changed = edit.set_signer(held, role, key, threshold=None, now=now)
            return edit.renew(changed, role, now=now) if role in changed.delegated else changed

        return self._submit(state, _each(state, edited), [role, *signers])

    def renew(self, name: CollectionName, roles: Sequence[RoleName], signers: Sequence[RoleName]) -> Outcome:
        """Sign roles again under a new version and expiry."""
        state, now = self._existing(name), self._now()
        held = state.collection
        if unknown := [role for role in roles if role not in held.documents() or held.authority(role) is None]:
            raise UsageError(f"{name} has no role {unknown[0]}", hint=f"see what it has: pytrust inspect {name}")

        def edited(held: Collection) -> Collection:
            for role in roles:
                held = edit.renew(held, role, now=now) if role in held.documents() else held
            return held

        return self._submit(state, _each(state, edited), signers)

    def attach(  # noqa: PLR0913
        self,
        name: CollectionName,
        role: RoleName,
        statements: Sequence[Statement],
        signers: Sequence[RoleName],
        *,
        may: Sequence[RoleName] = (),
        threshold: int | None = None,
    ) -> Outcome:
        """Say ``statements`` of images as ``signers``, in TUF 1.0 alone.

        Args:
            name: the collection.
            role: a role of statements; created where there is none.
            statements: what is said, each of a signed image.
            signers: who signs.
            may: whose keys may sign the role from now on; else those who may already, and ``signers``.
            threshold: how many of those must; None leaves it as it is.

        Raises:
            Unsigned: an image is not signed.
            UsageError: a signer may not speak there, and the key that could let him is not at hand; or the collection
                is in Notary v1 alone.
        """
        state, now = self._existing(name), self._now()
        held = stating_side(state, name, role)
        known = held.authority(role)
        own = [self._key_of(held, who) for who in signers]
        chosen = [self._known_key(held, who) for who in may] or [*(known.keys if known else ()), *own]
        new = let_state(held, role, chosen, threshold=threshold, now=now)
        ours = new is held or bool(self._held(_authority_of(held, TARGETS)))
        for who, key in zip(signers, own, strict=True):
            require_speaker(new if ours else held, role, who, key)
        if not ours:
            raise NoSuchKey(
                f"the key ring does not hold the targets key of {name}, which says who may sign {role}",
                hint="pytrust key import targets FILE",
            )
        said = attach(new, role, statements, now=now)
        return self._submit(state, {**state.collections, Format.TUF: said}, signers)

    def detach(
        self, name: CollectionName, role: RoleName, digests: Sequence[Digest], signers: Sequence[RoleName]
    ) -> Outcome:
        """Take back what is said of ``digests``; raises ``Unsigned`` where nothing is, and what ``attach`` does."""
        state, now = self._existing(name), self._now()
        held = stating_side(state, name, role)
        said = detach(held, role, digests, now=now)
        for who in signers:
            require_speaker(held, role, who, self._key_of(held, who))
        return self._submit(state, {**state.collections, Format.TUF: said}, signers)

    def said(self, name: CollectionName, role: RoleName) -> Mapping[Digest, Statement]:
        """What ``role`` says of each image, also where its time is over: who signs anew has to know what was known."""
        document = stating_side(self._existing(name), name, role).delegated.get(role)
        return document.statements if document else {}

    def add_side(self, name: CollectionName, form: Format) -> Outcome:
        """Sign the collection in ``form`` too, as every signer whose key is in the key ring."""
        state = self._existing(name)
        if form in state.sides:
            raise UsageError(f"{name} is signed in this format already", hint=f"see it: pytrust status {name}")
        collection = state.collection
        held = [item for item in collection.signers if item.authority.threshold == 1 and self._held(item.authority)]
        new = edit.copy(collection, *self._online.offered(name), now=self._now())
        absent = {item.name for item in collection.signers} - {item.name for item in held}
        for signer in sorted(absent & new.delegated.keys()):
            self._tell(f"{signer} vouches for nothing there yet: the key ring does not hold the key")
        kept = {role: document for role, document in new.delegated.items() if role not in absent}
        both = {**state.collections, form: replace(new, delegated=kept)}
        return self._submit(state, both, [item.name for item in held])

    def adopt(self, name: CollectionName, files: Sequence[RoleFile], *, resign: bool) -> Adoption:
        """Take a Notary v1 collection over from elsewhere.

        Where the key ring has the root keys, the next root names this store's online keys; with ``resign``, roles whose
        time is over are signed again as they are.

        Raises:
            Stale: the timestamp is over, so that nobody can tell whether this is the newest; ``resign`` takes it so.
            PytrustError: what ``Publisher.adopt`` raises.
        """
        now = self._now()
        until = min(file.expires for file in files if file.role in {SNAPSHOT, TIMESTAMP})
        signed: list[RoleName] = []
        over: list[tuple[RoleName, datetime]] = []

        def edited(state: State) -> Adopted:
            collection = state.collection
            able = self._can_sign(collection, ROOT)
            if until <= now and not (resign and able):
                raise _no_longer_fresh(name, until, resign=resign)
            if not able:
                over.extend(_over(collection, now))
                return Adopted(collection, ())
            online = self._online.offered(name)
            new = edit.rehome(collection, *online, now=now)
            for role, end in _over(collection, now):
                if resign and role != ROOT and self._can_sign(collection, role):
                    new = edit.renew(new, role, now=now)
                elif role != ROOT:
                    over.append((role, end))
            signed.extend(edit.changed_roles(collection, new))
            wanted = [key for role in signed for key in self._held(_authority_of(new, role))]
            return Adopted(new, [self._open(key) for key in dict.fromkeys(wanted)])

        state = self._publisher.adopt(name, files, edited)
        return Adoption(state.collection, tuple(signed), tuple(over), state.sides[Format.NOTARY].unsigned, until)

    def _can_sign(self, collection: Collection, role: RoleName) -> bool:
        authority = _authority_of(collection, role)
        return len(self._held(authority)) >= authority.threshold

    def approve(self, name: CollectionName, signers: Sequence[RoleName], shown: Mapping[Format, Collection]) -> Outcome:
        """Vouch as ``signers`` for what the waiting change releases, and add their signatures to it.

        Raises:
            Conflict: the change that waits is not the one that was ``shown`` to them.
        """
        state, _, lacking = self._publisher.proposal(name)
        before = state.collections if state else {}
        base = state.collection if state else None
        first = first_of(shown)
        for signer in signers:
            self._check_awaited(first, signer, lacking)
        vouched = {form: self._vouched(before.get(form), base, held, signers) for form, held in shown.items()}
        keys = [self._open(self._key_of(first, signer)) for signer in signers]
        return self._publisher.approve(name, shown, vouched, keys)

    def _vouched(
        self, old: Collection | None, base: Collection | None, new: Collection, signers: Sequence[RoleName]
    ) -> Collection:
        """The change with what the approvers say of it themselves; in a new format, also what they say in ``base``."""
        known = old or base
        before = known.accepted if known else {}
        added = [target for tag, target in new.releases.items() if before.get(tag) != target]
        people = {item.name for item in new.signers}
        for signer in signers:
            again = base.delegated.get(signer) if base and old is None else None
            said = [*(again.targets.values() if again else ()), *added]
            if said and signer in people:
                new = edit.vouch(new, signer, said, now=self._now())
        return new

    def _edited(
        self,
        state: State | None,
        name: CollectionName,
        signers: Sequence[RoleName],
        change: Callable[[Collection], Collection],
    ) -> dict[Format, Collection]:
        """Every side of a collection, or of a new one, after a change."""
        if state is not None:
            return _each(state, change)
        new = change(self._create(name, signers))
        return dict.fromkeys(self._forms, new)

    def _create(self, name: CollectionName, signers: Sequence[RoleName]) -> Collection:
        keys = {role: self._keyring.entry(role).public for role in (ROOT, TARGETS, *signers)}
        top = edit.TopKeys(keys[ROOT], keys[TARGETS], *self._online.offered(name))
        self._tell(f"{name} is new: creating it with the keys root, targets and {', '.join(signers)}")
        return edit.create(name, top, {signer: keys[signer] for signer in signers}, threshold=1, now=self._now())

    def _existing(self, name: CollectionName) -> State:
        state = self._publisher.load(name)
        if state is None:
            raise NotFound(f"there is no collection {name}", hint="see what there is: pytrust status")
        return state

    def _submit(self, state: State | None, new: Mapping[Format, Collection], signers: Sequence[RoleName]) -> Outcome:
        before = state.collections if state else {}
        wanted = [key for form, held in new.items() for key in self._needed(before.get(form), held, signers)]
        return self._publisher.submit(state, new, [self._open(key) for key in dict.fromkeys(wanted)])

    def _needed(self, old: Collection | None, new: Collection, people: Sequence[RoleName]) -> list[PublicKey]:
        """The keys that must sign the change from ``old`` to ``new``."""
        wanted = [self._key_of(new, name) for name in (() if new.classic else people)]
        for role in edit.changed_roles(old, new):
            if role in {ROOT, TARGETS}:
                for authority in authorities(old, new, role):
                    wanted += self._held(authority)
        return wanted

    def _held(self, authority: Authority) -> list[PublicKey]:
        held = [key for key in authority.keys if self._keyring.find(key.id)]
        return held[: authority.threshold]

    def _open(self, key: PublicKey) -> Signer:
        if key.id not in self._opened:
            entry = self._keyring.find(key.id)
            if entry is None:
                raise NoSuchKey(
                    f"the key ring does not hold the key {key.id[:12]}", hint="pytrust key import NAME FILE"
                )
            self._opened[key.id] = open_signer(self._keyring, entry, self._passphrase)
        return self._opened[key.id]

    def _key_of(self, collection: Collection, signer: RoleName) -> PublicKey:
        """The key that the collection knows the signer by, whatever the key ring calls it."""
        authority = collection.authority(signer)
        known = [key for key in authority.keys if self._keyring.find(key.id)] if authority else []
        if known:
            return known[0]
        named = self._keyring.entry(signer).public
        if authority:
            raise UsageError(
                f"{collection.name} knows {signer} by another key ({authority.keys[0].id[:12]})",
                hint=f"import that key, or let the owner change it: pytrust signer add {signer} {collection.name}",
            )
        return named

    def _known_key(self, collection: Collection, who: RoleName) -> PublicKey:
        """The key that the collection knows ``who`` by; else the key ring's, which need not be a signer's."""
        authority = collection.authority(who)
        return authority.keys[0] if authority else self._keyring.entry(who).public

    def _check_awaited(self, new: Collection, signer: RoleName, lacking: Sequence[Missing]) -> None:
        name, key = new.name, self._key_of(new, signer)
        asked = [item for item in lacking if key in item.authority.keys]
        if not asked:
            raise UsageError(
                f"the change to {name} does not wait for {signer}", hint="see who is missing: pytrust status"
            )
        if all(key.id in item.present for item in asked):
            raise UsageError(f"{signer} has signed the change to {name} already", hint="another signer must approve it")


def _over(collection: Collection, now: datetime) -> list[tuple[RoleName, datetime]]:
    """The roles whose time is over, and when it was."""
    return [(role, held.expires) for role, held in collection.documents().items() if held.expires <= now]


def _no_longer_fresh(name: CollectionName, until: datetime, *, resign: bool) -> Stale:
    hint = "--resign takes it for the newest, and signs it again" if not resign else "pytrust key import it first"
    lacking = ", and the key ring does not hold the root key that could sign another" if resign else ""
    return Stale(f"the timestamp of {name} ended {until:%Y-%m-%d}: this may be an old state{lacking}", hint=hint)


def _authority_of(collection: Collection, role: RoleName) -> Authority:
    authority = collection.authority(role)
    if authority is None:
        raise BadMetadata(f"nobody may sign {role} of {collection.name}")
    return authority


def _each(state: State, change: Callable[[Collection], Collection]) -> dict[Format, Collection]:
    return {form: change(collection) for form, collection in state.collections.items()}
