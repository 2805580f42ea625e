"""A collection that is signed in both formats says the same in both (ADR 0020).

Docker's and notary's clients can write one side only. So what they publish to a collection that has the other may renew
keys and times, but not change which tags are accepted, and who may say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytrust.trust.collection.model import RELEASES, ROOT, TARGETS, Collection
from pytrust.trust.errors import InvalidUpdate
from pytrust.trust.formats.notary.files import TargetsFile, read_root, read_targets
from pytrust.trust.formats.notary.read import collection_of
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.store.interface import RoleFile, Transaction


def require_same_words(
    transaction: Transaction, name: CollectionName, current: Mapping[RoleName, RoleFile], fresh: Iterable[RoleFile]
) -> None:
    """Raises ``InvalidUpdate`` where a publish of the Notary side leaves the TUF side behind."""
    changed = {file.role: file for file in fresh}
    if not any(role == TARGETS or "/" in role for role in changed) or not transaction.current(name, Format.TUF):
        return
    if words(name, current) != words(name, {**current, **changed}):
        raise InvalidUpdate(
            "ErrValidation",
            f"{name} is signed in TUF 1.0 as well, which this client cannot write",
            hint=f"sign with pytrust, or give the other side up: pytrust migrate {name} --to notary",
        )


def words(name: CollectionName, files: Mapping[RoleName, RoleFile]) -> object:
    """What consumers are told: the tags of each role, and whose signatures count. Signatures are not looked at."""
    collection = read_collection(name, files)
    said = {role: _said(collection, role) for role in (TARGETS, RELEASES, *(item.name for item in collection.signers))}
    delegations = collection.targets.delegations
    rules = {item.name: (frozenset(item.authority.keys), item.authority.threshold) for item in delegations}
    return said, rules


def read_collection(name: CollectionName, files: Mapping[RoleName, RoleFile]) -> Collection:
    """The newest Notary files of a collection as the model; signatures are not looked at."""
    targets = read_targets(TARGETS, files[TARGETS].data)
    delegated: dict[str, TargetsFile] = {
        item.name: read_targets(item.name, files[RoleName(item.name)].data)
        for item in targets.delegations
        if item.name in files
    }
    return collection_of(name, read_root(files[ROOT].data), targets, delegated)


def _said(collection: Collection, role: RoleName) -> dict[str, object]:
    targets = collection.targets if role == TARGETS else collection.delegated.get(role)
    held = targets.targets if targets is not None else {}
    return {tag: (item.digest, item.length, item.platforms) for tag, item in held.items()}
