"""From the bytes in a store to a collection that may be signed on top of. Pure.

Whoever signs the next version of a role blesses all it says. So nothing is taken from the store on faith: the root
chain starts at a pin, every role is checked against its authority, and no role may be older than this host has seen.
Expiry is not looked at here: an expired role is what its owner wants to renew.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytrust.trust.anchor import require_anchor, walk_roots
from pytrust.trust.collection.model import SHARED, TARGETS, TOP_LEVEL, Collection, Root, Targets
from pytrust.trust.errors import BadSignature, Rollback
from pytrust.trust.formats import tuf
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.store.interface import RoleFile


def load(
    pin: Pin,
    roots: list[bytes],
    files: Mapping[RoleName, RoleFile],
    *,
    name: CollectionName,
    seen: Mapping[RoleName, int],
) -> Collection:
    """Verify the newest TUF files of a collection.

    Args:
        pin: covers one of ``roots``.
        roots: every root file, oldest first.
        files: the newest file of every role.
        name: the collection they must belong to.
        seen: the lowest acceptable version of each role: what this host has seen before.

    Raises:
        UntrustedRoot, BadSignature, BadMetadata, Rollback: the store may not be built upon.
    """
    _check_versions(name, files)
    refuse_rollback(name, files, seen)
    root = tuf.read_root(name, walk_roots(name, roots[require_anchor(pin, name, roots) :]))
    empty = Collection(name, root, Targets(0, root.expires), {})
    targets = _verified(empty, TARGETS, files)
    trusted = Collection(name, root, targets, {})
    delegated = {role: _delegated(trusted, role, files) for role in files if role not in TOP_LEVEL}
    return Collection(name, root, targets, delegated)


def _check_versions(name: CollectionName, files: Mapping[RoleName, RoleFile]) -> None:
    """What the store calls a file's version is not signed: an old file must not pass for a newer one."""
    for role, file in files.items():
        version, _ = tuf.read_header(name, role, file.data)
        if version != file.version:
            raise Rollback(
                f"the store calls {role} of {name} version {file.version}, but the file itself says {version}",
                hint="the store was tampered with: restore its newest state before signing anything",
            )


def refuse_rollback(name: CollectionName, files: Mapping[RoleName, RoleFile], seen: Mapping[RoleName, int]) -> None:
    """No role may be older than this host has seen; raises ``Rollback``."""
    for role, version in seen.items():
        held = files[role].version if role in files else 0
        if held < version:
            raise Rollback(
                f"the store has {role} version {held} of {name}, but version {version} was seen before",
                hint="the store was put back: restore its newest state before signing anything",
            )


def _verified(collection: Collection, role: RoleName, files: Mapping[RoleName, RoleFile]) -> Targets:
    authority = collection.authority(role)
    if authority is None or role not in files:
        raise BadSignature(f"{role} of {collection.name} is missing from the store")
    count = len(tuf.signed_by(collection.name, role, files[role].data, authority))
    if count < authority.threshold:
        raise BadSignature(f"{role} of {collection.name} has {count} of {authority.threshold} signatures")
    return tuf.read_targets(collection.name, role, files[role].data)


def _delegated(collection: Collection, role: RoleName, files: Mapping[RoleName, RoleFile]) -> Targets:
    """A signer who was removed, or whose key was replaced, says nothing; only the version is kept."""
    try:
        return _verified(collection, role, files)
    except BadSignature:
        if role in SHARED and collection.authority(role) is not None:
            raise  # who signs the next version would sign away all that the others said
        return Targets(files[role].version, files[role].expires)


def write(name: CollectionName, role: RoleName, document: Root | Targets) -> bytes:
    """The unsigned file of an offline role."""
    if isinstance(document, Root):
        return tuf.write_root(name, document)
    return tuf.write_targets(name, role, document)
