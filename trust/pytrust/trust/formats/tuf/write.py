"""From the model to unsigned files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from securesystemslib.signer import Key
from tuf.api import metadata as tuf

from pytrust.trust.collection.model import (
    ROOT,
    SNAPSHOT,
    TIMESTAMP,
    Delegation,
    Root,
    Target,
    Targets,
)
from pytrust.trust.formats.custom import custom_of
from pytrust.trust.formats.tuf.envelope import unsigned
from pytrust.trust.formats.tuf.keys import library_key
from pytrust.trust.formats.tuf.paths import ANY, target_path
from pytrust.trust.formats.tuf.statements import write_statement
from pytrust.trust.names import CollectionName, RoleName


def write_root(name: CollectionName, root: Root) -> bytes:
    """The unsigned root file."""
    keys: dict[str, Key] = {}
    for authority in root.authorities.values():
        keys.update({key.keyid: key for key in map(library_key, authority.keys)})
    roles: dict[str, tuf.Role] = {
        role: tuf.Role([library_key(key).keyid for key in authority.keys], authority.threshold)
        for role, authority in root.authorities.items()
    }
    return unsigned(name, ROOT, tuf.Root(version=root.version, expires=root.expires, keys=keys, roles=roles))


def write_targets(name: CollectionName, role: RoleName, document: Targets) -> bytes:
    """The unsigned file of targets, or of a role that it delegates to."""
    files = {
        target_path(role, target.tag): _write_target(target_path(role, target.tag), target)
        for target in document.targets.values()
    }
    said = [write_statement(role, statement) for statement in document.statements.values()]
    files |= {file.path: file for file in said}
    delegations = _write_delegations(document.delegations) if document.delegations else None
    return unsigned(
        name,
        role,
        tuf.Targets(version=document.version, expires=document.expires, targets=files, delegations=delegations),
    )


def write_snapshot(
    name: CollectionName, version: int, expires: datetime, files: Mapping[RoleName, tuple[int, bytes]]
) -> bytes:
    """The unsigned snapshot file over role -> (version, bytes); empty bytes keep an entry without hashes."""
    meta = {f"{role}.json": _meta(number, data) for role, (number, data) in files.items()}
    return unsigned(name, SNAPSHOT, tuf.Snapshot(version=version, expires=expires, meta=meta))


def write_timestamp(
    name: CollectionName, version: int, expires: datetime, snapshot_version: int, snapshot: bytes
) -> bytes:
    """The unsigned timestamp file over the snapshot's bytes."""
    meta = _meta(snapshot_version, snapshot)
    return unsigned(name, TIMESTAMP, tuf.Timestamp(version=version, expires=expires, snapshot_meta=meta))


def _write_delegations(delegations: Iterable[Delegation]) -> tuf.Delegations:
    keys: dict[str, Key] = {}
    roles: dict[str, tuf.DelegatedRole] = {}
    for item in delegations:
        library = [library_key(key) for key in item.authority.keys]
        keys.update({key.keyid: key for key in library})
        roles[item.name] = tuf.DelegatedRole(
            item.name,
            [key.keyid for key in library],
            item.authority.threshold,
            terminating=True,
            paths=[target_path(item.name, ANY)],
        )
    return tuf.Delegations(keys, roles)


def _write_target(path: str, target: Target) -> tuf.TargetFile:
    fields = {"custom": custom} if (custom := custom_of(target)) else {}
    return tuf.TargetFile(target.length, {"sha256": target.digest.hex}, path, fields)


def _meta(version: int, data: bytes) -> tuf.MetaFile:
    return tuf.MetaFile.from_data(version, data, ["sha256"]) if data else tuf.MetaFile(version)
