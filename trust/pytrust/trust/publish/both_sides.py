"""A collection that is signed in both formats says the same in both (ADR 0020).

Docker's and notary's clients can write one side only. So what they publish to a collection that has the other may renew
keys and times, but not change which tags are accepted, and who may say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Collection, Target
from pytrust.trust.errors import BadMetadata, InvalidUpdate
from pytrust.trust.formats.notary.files import TargetsFile, read_root, read_targets
from pytrust.trust.formats.notary.read import collection_of
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.store.interface import RoleFile, Transaction


def require_same_words(
    transaction: Transaction, name: CollectionName, current: Mapping[RoleName, RoleFile], fresh: Iterable[RoleFile]
) -> None:
    """Raises ``InvalidUpdate`` where a publish of the Notary side leaves the TUF side behind."""
    changed = {file.role: file for file in fresh}
    if changed.keys() <= {SNAPSHOT, TIMESTAMP} or not transaction.current(name, Format.TUF):
        return
    if not current or words(name, current) != words(name, {**current, **changed}):
        raise InvalidUpdate(
            f"{name} is signed in TUF 1.0 as well, which this client cannot write",
            hint=f"sign with pytrust, or give the other side up: pytrust migrate {name} --to notary",
        )


def require_agreement(collections: Mapping[Format, Collection]) -> None:
    """Raises ``BadMetadata`` where two sides of a collection would tell consumers different things.

    A signer may vouch for less on one side, as after a migration without that signer's key, but not for other content.
    What is said of images by digest stands in TUF 1.0 alone (ADR 0029).
    """
    first, *others = (_words(_about_tags(collection)) for collection in collections.values())
    for other in others:
        both = first.vouched.keys() & other.vouched.keys()
        contradicted = any(first.vouched[claim] != other.vouched[claim] for claim in both)
        if first.accepted != other.accepted or first.counted != other.counted or contradicted:
            name = next(iter(collections.values())).name
            raise BadMetadata(
                f"{name} would say one thing in TUF 1.0 and another in Notary v1",
                hint=f"keep the side that is right: pytrust migrate {name} --to tuf, or --to notary; then --to both",
            )


class _Words(NamedTuple):
    """What consumers are told: accepted tags, what is vouched for (by signer and tag), whose signatures count."""

    accepted: dict[str, object]
    vouched: dict[tuple[RoleName, str], object]
    counted: dict[RoleName, object]


def words(name: CollectionName, files: Mapping[RoleName, RoleFile]) -> _Words:
    """What the newest Notary files tell consumers. Signatures are not looked at."""
    return _words(_read_collection(name, files))


def _words(collection: Collection) -> _Words:
    vouched = {
        (item.name, tag): said
        for item in collection.signers
        if (held := collection.delegated.get(item.name)) is not None
        for tag, said in _said(held.targets).items()
    }
    offline = {role: collection.root.authorities[role] for role in (ROOT, TARGETS)}
    rules = offline | {item.name: item.authority for item in collection.targets.delegations}
    counted: dict[RoleName, object] = {role: (frozenset(item.keys), item.threshold) for role, item in rules.items()}
    return _Words(_said(collection.accepted), vouched, counted)


def _about_tags(collection: Collection) -> Collection:
    """``releases`` and the signers; of what else is delegated, the other side need not know."""
    kept = tuple(item for item in collection.targets.delegations if item.name == RELEASES or item in collection.signers)
    return replace(collection, targets=replace(collection.targets, delegations=kept))


def _read_collection(name: CollectionName, files: Mapping[RoleName, RoleFile]) -> Collection:
    """The newest Notary files of a collection as the model; signatures are not looked at."""
    targets = read_targets(TARGETS, files[TARGETS].data)
    delegated: dict[str, TargetsFile] = {
        item.name: read_targets(item.name, files[RoleName(item.name)].data)
        for item in targets.delegations
        if item.name in files
    }
    return collection_of(name, read_root(files[ROOT].data), targets, delegated)


def _said(targets: Mapping[str, Target]) -> dict[str, object]:
    return {tag: (item.digest, item.length, item.platforms) for tag, item in targets.items()}
