"""The next version of a collection after a change. Pure: no keys, no clock, no I/O; ``now`` is given.

Every function returns a new collection in which exactly the roles that changed have a version one higher and a new
expiry. What the change needs signed is ``changed_roles(old, new)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pytrust.trust.collection.model import (
    KINDS,
    RELEASES,
    RESERVED,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Authority,
    Collection,
    Delegation,
    Root,
    Target,
    Targets,
    lifetime,
)
from pytrust.trust.errors import Unsigned, UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import ROOT_LIFETIME, SIGNERS_MAX, TARGETS_LIFETIME
from pytrust.trust.names import CollectionName, RoleName


@dataclass(frozen=True, slots=True)
class TopKeys:
    """One key for each top-level role of a new collection."""

    root: PublicKey
    targets: PublicKey
    snapshot: PublicKey
    timestamp: PublicKey


def create(
    name: CollectionName,
    keys: TopKeys,
    signers: Mapping[RoleName, PublicKey],
    *,
    threshold: int,
    now: datetime,
) -> Collection:
    """A new collection without tags, in which ``threshold`` of ``signers`` release."""
    authorities = {
        ROOT: Authority((keys.root,), 1),
        TARGETS: Authority((keys.targets,), 1),
        SNAPSHOT: Authority((keys.snapshot,), 1),
        TIMESTAMP: Authority((keys.timestamp,), 1),
    }
    releases = Delegation(RELEASES, Authority(tuple(signers.values()), threshold))
    people = [Delegation(signer, Authority((key,), 1)) for signer, key in signers.items()]
    empty = Targets(1, now + TARGETS_LIFETIME)
    root = Root(1, now + ROOT_LIFETIME, authorities)
    return Collection(name, root, replace(empty, delegations=(releases, *people)), {RELEASES: empty})


def release(collection: Collection, targets: Iterable[Target], *, now: datetime) -> Collection:
    """Let consumers accept ``targets``; where a tag gets other content, that is said in the target.

    In a classic collection the role ``targets`` says so itself.
    """
    role = TARGETS if collection.classic else RELEASES
    said = _said(collection, role)
    new = {target.tag: _after(collection.accepted.get(target.tag), target) for target in targets}
    return _with_targets(collection, role, {**said, **new}, now)


def vouch(collection: Collection, signer: RoleName, targets: Iterable[Target], *, now: datetime) -> Collection:
    """``signer`` vouches for ``targets``; what is released does not change. Raises ``UsageError`` for strangers."""
    if signer not in {item.name for item in collection.signers}:
        known = ", ".join(item.name for item in collection.signers) or "nobody"
        raise UsageError(
            f"{signer} is not a signer of {collection.name} (signers: {known})",
            hint=f"pytrust signer add {signer} {collection.name}",
        )
    said = _said(collection, signer)
    new = {target.tag: replace(target, signed_at="", previous=None) for target in targets}
    return _with_targets(collection, signer, {**said, **new}, now)


def revoke(
    collection: Collection, tags: Iterable[str] | None, signers: Iterable[RoleName], *, now: datetime
) -> Collection:
    """Withdraw ``tags`` (None: all) from what is released, and from what ``signers`` vouch for.

    Raises:
        Unsigned: a tag that was not released.
    """
    gone = set(collection.accepted) if tags is None else set(tags)
    if tags is None and not gone:
        raise Unsigned(f"nothing in {collection.name} is signed, so there is nothing to revoke")
    if missing := sorted(gone - set(collection.accepted)):
        raise Unsigned(
            f"{collection.name}:{missing[0]} is not signed, so there is nothing to revoke",
            hint=f"see what is: pytrust inspect {collection.name}",
        )
    result = collection
    for role in (RELEASES, TARGETS, *signers):
        held = _said(result, role)
        kept = {tag: target for tag, target in held.items() if tag not in gone}
        if len(kept) != len(held):
            result = _with_targets(result, role, kept, now)
    return result


def set_signer(
    collection: Collection, name: RoleName, key: PublicKey, *, threshold: int | None, now: datetime
) -> Collection:
    """Add a signer, or give one another key; ``threshold`` None keeps how many must release."""
    if name in RESERVED:
        raise UsageError(f"{name} is a reserved name, not a signer", hint="name signers after people or machines")
    others = {item.name: item.authority for item in collection.signers if item.name != name}
    if len(others) >= SIGNERS_MAX:
        raise UsageError(f"{collection.name} has {len(others)} signers already, as many as clients look at")
    if clash := next((other for other, held in others.items() if key in held.keys), None):
        raise UsageError(f"{clash} signs with that key already", hint="one person, one key: pytrust key generate")
    return _with_signers(collection, {**others, name: Authority((key,), 1)}, threshold, now)


def orphans(collection: Collection, signer: RoleName) -> frozenset[str]:
    """The tags that nobody vouches for but ``signer``, if anybody does."""
    released = collection.releases.items()
    return frozenset(tag for tag, target in released if not set(collection.vouchers(target)) - {signer})


def remove_signer(
    collection: Collection,
    name: RoleName,
    *,
    threshold: int | None,
    now: datetime,
    kept: Iterable[str] = (),
) -> tuple[Collection, tuple[str, ...]]:
    """Remove a signer, and withdraw the tags that nobody else vouches for, here or (``kept``) elsewhere.

    Returns:
        the new collection and the withdrawn tags.
    """
    if name not in {item.name for item in collection.signers}:
        raise UsageError(f"{name} is not a signer of {collection.name}", hint=f"pytrust signer list {collection.name}")
    others = {item.name: item.authority for item in collection.signers if item.name != name}
    if not others:
        raise UsageError(
            f"{name} is the last signer of {collection.name}", hint="add another first: pytrust signer add"
        )
    gone = sorted(orphans(collection, name).difference(kept))
    reduced = _with_signers(collection, others, threshold, now)
    for role in (name, *KINDS):
        reduced = _silenced(reduced, role)
    return revoke(reduced, gone, (), now=now), tuple(gone)


def rotate_top(collection: Collection, role: RoleName, key: PublicKey, *, now: datetime) -> Collection:
    """Replace the keys of a top-level role by ``key`` alone."""
    authorities = {**collection.root.authorities, role: Authority((key,), 1)}
    root = Root(collection.root.version + 1, now + ROOT_LIFETIME, authorities)
    rotated = replace(collection, root=root)
    return renew(rotated, TARGETS, now=now) if role == TARGETS else rotated


def renew(collection: Collection, role: RoleName, *, now: datetime) -> Collection:
    """Say the same again under a new version and expiry: after a change of keys, or before the time is over."""
    if role == ROOT:
        root = replace(collection.root, version=collection.root.version + 1, expires=now + ROOT_LIFETIME)
        return replace(collection, root=root)
    if role == TARGETS:
        return replace(collection, targets=_bumped(collection.targets, now))
    document = collection.delegated[role]
    again = replace(document, version=document.version + 1, expires=now + lifetime(role))
    return _with_role(collection, role, again)


def rehome(collection: Collection, snapshot: PublicKey, timestamp: PublicKey, *, now: datetime) -> Collection:
    """The next root, by which another store keeps the collection fresh."""
    authorities = {**collection.root.authorities, SNAPSHOT: Authority((snapshot,), 1)}
    authorities[TIMESTAMP] = Authority((timestamp,), 1)
    root = Root(collection.root.version + 1, now + ROOT_LIFETIME, authorities)
    return replace(collection, root=root)


def copy(collection: Collection, snapshot: PublicKey, timestamp: PublicKey, *, now: datetime) -> Collection:
    """The same in new files: the first versions of another format, with the online keys that are given.

    Of delegations, ``releases`` and the signers: what is said of images by digest stays in the format it is in.

    Raises ``UsageError`` for a classic collection, whose shape TUF 1.0 collections do not have, and for one in which
    nobody can release.
    """
    if collection.classic:
        raise UsageError(
            f"{collection.name} has no signers: its tags stand in the targets role itself",
            hint=f"add one first: pytrust signer add NAME {collection.name}",
        )
    if (releasing := collection.authority(RELEASES)) is None or not releasing.keys:
        raise UsageError(
            f"nobody can release tags of {collection.name}: no key stands behind releases",
            hint=f"add a signer first: pytrust signer add NAME {collection.name}",
        )
    authorities = {**collection.root.authorities, SNAPSHOT: Authority((snapshot,), 1)}
    authorities[TIMESTAMP] = Authority((timestamp,), 1)
    empty = Targets(1, now + TARGETS_LIFETIME)
    vouched = {item.name: _said(collection, item.name) for item in collection.signers}
    delegated = {name: replace(empty, targets=said) for name, said in vouched.items() if said}
    delegated[RELEASES] = replace(empty, targets=collection.accepted)
    releases = Delegation(RELEASES, releasing)  # the first, since clients stop somewhere
    targets = replace(empty, delegations=(releases, *collection.signers))
    return Collection(collection.name, Root(1, now + ROOT_LIFETIME, authorities), targets, delegated)


def changed_roles(old: Collection | None, new: Collection) -> tuple[RoleName, ...]:
    """The roles of ``new`` whose version ``old`` does not have: those that need signatures."""
    before = {} if old is None else {role: document.version for role, document in old.documents().items()}
    return tuple(role for role, document in new.documents().items() if before.get(role) != document.version)


def _after(old: Target | None, new: Target) -> Target:
    if old is None:
        return new
    return replace(new, previous=old.previous if old.digest == new.digest else old.digest)


def _silenced(collection: Collection, role: RoleName) -> Collection:
    """Forget what a removed role said, but not the version: TUF never lets a role's version fall back."""
    if role not in collection.delegated or collection.authority(role) is not None:
        return collection
    return _with_role(collection, role, replace(collection.delegated[role], targets={}, statements={}))


def _with_signers(
    collection: Collection, signers: Mapping[RoleName, Authority], threshold: int | None, now: datetime
) -> Collection:
    old = collection.authority(RELEASES)
    keys = _releasing(collection, signers)
    wanted = threshold if threshold is not None else min(old.threshold if old else 1, len(keys))
    if not 1 <= wanted <= len(keys):
        raise UsageError(f"{wanted} of {len(keys)} signers cannot release", hint="add signers, or lower --threshold")
    replaced = {RELEASES, *(item.name for item in collection.signers)}
    others = [item for item in collection.targets.delegations if item.name not in replaced]
    kept = [item for old in others if (item := _stating(old, collection, signers)) is not None]
    releases = Delegation(RELEASES, Authority(keys, wanted))
    people = tuple(Delegation(name, authority) for name, authority in signers.items())
    targets = replace(collection.targets, delegations=(releases, *people, *kept))
    return replace(collection, targets=_bumped(targets, now))


def _stating(old: Delegation, collection: Collection, signers: Mapping[RoleName, Authority]) -> Delegation | None:
    """A role of statements after a change of signers: who got another key speaks with that, who went not at all."""
    if old.name not in KINDS:
        return old
    after = {
        key: signers[item.name].keys[:1] if item.name in signers else ()
        for item in collection.signers
        for key in item.authority.keys
        if item.name not in signers or key not in signers[item.name].keys
    }
    keys = tuple(dict.fromkeys(new for key in old.authority.keys for new in after.get(key, (key,))))
    return Delegation(old.name, Authority(keys, min(old.authority.threshold, len(keys)))) if keys else None


def _releasing(collection: Collection, signers: Mapping[RoleName, Authority]) -> tuple[PublicKey, ...]:
    """The keys of ``releases``: those of all signers, and what others put there; not of signers who went."""
    people = [key for authority in signers.values() for key in authority.keys]
    went = {key for item in collection.signers for key in item.authority.keys} - set(people)
    old = collection.authority(RELEASES)
    return tuple(dict.fromkeys([*(key for key in (old.keys if old else ()) if key not in went), *people]))


def _said(collection: Collection, role: RoleName) -> Mapping[str, Target]:
    if role == TARGETS:
        return collection.targets.targets
    return collection.delegated[role].targets if role in collection.delegated else {}


def _with_targets(collection: Collection, role: RoleName, targets: Mapping[str, Target], now: datetime) -> Collection:
    if role == TARGETS:
        return replace(collection, targets=replace(_bumped(collection.targets, now), targets=targets))
    version = collection.delegated[role].version if role in collection.delegated else 0
    return _with_role(collection, role, Targets(version + 1, now + TARGETS_LIFETIME, targets))


def _with_role(collection: Collection, role: RoleName, document: Targets) -> Collection:
    return replace(collection, delegated={**collection.delegated, role: document})


def _bumped(document: Targets, now: datetime) -> Targets:
    return replace(document, version=document.version + 1, expires=now + TARGETS_LIFETIME)
