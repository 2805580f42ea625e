"""A collection that is signed in both formats says the same in both (ADR 0020).

Docker's and notary's clients can write one side only. So what they publish to a collection that has the other may renew
keys and times, but not change which tags are accepted, and who may say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Collection, Target
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
            "ErrValidation",
            f"{name} is signed in TUF 1.0 as well, which this client cannot write",
            hint=f"sign with pytrust, or give the other side up: pytrust migrate {name} --to notary",
        )


def require_agreement(collections: Mapping[Format, Collection]) -> None:
    """Raises ``BadMetadata`` where two sides of a collection would tell consumers different things."""
    said = [_words(collection) for collection in collections.values()]
    if any(other != said[0] for other in said[1:]):
        name = next(iter(collections.values())).name
        raise BadMetadata(
            f"{name} would say one thing in TUF 1.0 and another in Notary v1",
            hint=f"make the sides equal again: pytrust migrate {name} --to both",
        )


def words(name: CollectionName, files: Mapping[RoleName, RoleFile]) -> object:
    """What consumers are told: the tags of each role, and whose signatures count. Signatures are not looked at."""
    return _words(read_collection(name, files))


def _words(collection: Collection) -> object:
    people = {item.name: collection.delegated.get(item.name) for item in collection.signers}
    vouched = {name: _said(held.targets) for name, held in people.items() if held is not None and held.targets}
    offline = {role: collection.root.authorities[role] for role in (ROOT, TARGETS)}
    rules = offline | {item.name: item.authority for item in collection.targets.delegations}
    counted = {role: (frozenset(item.keys), item.threshold) for role, item in rules.items()}
    return _said(collection.accepted), vouched, counted


def read_collection(name: CollectionName, files: Mapping[RoleName, RoleFile]) -> Collection:
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
