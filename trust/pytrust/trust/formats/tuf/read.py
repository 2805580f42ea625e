"""From files to the model; raises ``BadMetadata`` for whatever a collection does not look like."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

from securesystemslib.signer import Key
from tuf.api import metadata as tuf

from pytrust.trust.collection.model import (
    KINDS,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP_LEVEL,
    Authority,
    Delegation,
    Root,
    Target,
    Targets,
)
from pytrust.trust.errors import BadMetadata, InvalidName
from pytrust.trust.formats.custom import with_custom
from pytrust.trust.formats.tuf.envelope import load
from pytrust.trust.formats.tuf.keys import public_key
from pytrust.trust.formats.tuf.paths import ANY, target_path
from pytrust.trust.formats.tuf.statements import read_statements
from pytrust.trust.names import CollectionName, Digest, RoleName, parse_role

S = TypeVar("S", bound=tuf.Signed)


def check(name: CollectionName, role: RoleName, data: bytes) -> datetime:
    """Refuse a file that is not strictly what ``role`` is; signatures and expiry are not looked at.

    Returns:
        when the file expires.

    Raises:
        BadMetadata: with the reason.
    """
    signed = load(name, role, data).signed
    if isinstance(signed, tuf.Root):
        _read_authorities(signed)
    elif isinstance(signed, tuf.Targets) and signed.delegations:
        _read_delegations(signed)
    expires: datetime = signed.expires
    return expires


def read_root(name: CollectionName, data: bytes) -> Root:
    """Read a root file; raises ``BadMetadata``."""
    signed = _signed(name, ROOT, data, tuf.Root)
    return Root(signed.version, signed.expires, _read_authorities(signed))


def read_targets(name: CollectionName, role: RoleName, data: bytes) -> Targets:
    """Read a targets file, or one that it delegates to; raises ``BadMetadata``.

    The top-level targets role says who signs, never what a tag is: entries there are not believed (ADR 0007).
    """
    signed = _signed(name, role, data, tuf.Targets)
    if role in KINDS:
        return Targets(signed.version, signed.expires, statements=read_statements(role, signed))
    own = target_path(role, "")
    targets = [
        read_target(path.removeprefix(own), file)
        for path, file in signed.targets.items()
        if path.startswith(own) and role != TARGETS
    ]
    delegations = _read_delegations(signed) if signed.delegations else ()
    return Targets(signed.version, signed.expires, {target.tag: target for target in targets}, delegations)


class SnapshotFile(NamedTuple):
    """Its own version and expiry, and the version of every role that it lists."""

    version: int
    expires: datetime
    versions: dict[RoleName, int]


def read_snapshot(name: CollectionName, data: bytes) -> SnapshotFile:
    """Read a snapshot file; raises ``BadMetadata``."""
    signed = _signed(name, SNAPSHOT, data, tuf.Snapshot)
    listed = {RoleName(file.removesuffix(".json")): meta.version for file, meta in signed.meta.items()}
    return SnapshotFile(signed.version, signed.expires, listed)


def read_snapshot_version(name: CollectionName, data: bytes) -> int:
    """The snapshot version that a timestamp file names; raises ``BadMetadata``."""
    version: int = _signed(name, TIMESTAMP, data, tuf.Timestamp).snapshot_meta.version
    return version


def read_header(name: CollectionName, role: RoleName, data: bytes) -> tuple[int, datetime]:
    """The version and expiry of any role; raises ``BadMetadata``."""
    signed = load(name, role, data).signed
    return signed.version, signed.expires


def read_target(tag: str, file: tuf.TargetFile) -> Target:
    """One target; raises ``BadMetadata`` where it has no sha256 or a malformed ``custom``."""
    try:
        plain = Target(tag, Digest.parse(f"sha256:{file.hashes['sha256']}"), file.length)
        return with_custom(plain, file.custom or {})
    except (KeyError, TypeError, AttributeError, InvalidName) as error:
        raise BadMetadata(f"the entry for {tag[:100]!r} is malformed: {error}") from error


def _signed(name: CollectionName, role: RoleName, data: bytes, kind: type[S]) -> S:
    signed = load(name, role, data).signed
    if not isinstance(signed, kind):
        raise BadMetadata(f"{role}.json is of type {signed.type}")
    return signed


def _read_authorities(root: tuf.Root) -> dict[RoleName, Authority]:
    return {role: _read_authority(root.roles[role], root.keys, role) for role in TOP_LEVEL}


def _read_delegations(targets: tuf.Targets) -> tuple[Delegation, ...]:
    delegations = targets.delegations
    if delegations is None or delegations.roles is None:
        raise BadMetadata("targets.json delegates to hash bins, which collections do not have")
    for name, role in delegations.roles.items():
        _check_role_name(name)
        if not role.terminating or role.paths != [target_path(RoleName(name), ANY)]:
            raise BadMetadata(f"the delegation to {name} has other paths than a collection's")
    return tuple(
        Delegation(RoleName(name), _read_authority(role, delegations.keys, name))
        for name, role in delegations.roles.items()
    )


def _check_role_name(name: str) -> None:
    """A role's name becomes a file's: it must not lead anywhere."""
    try:
        parse_role(_text(name))
    except (InvalidName, TypeError) as error:
        raise BadMetadata(f"targets.json delegates to a role that cannot be: {error}") from error


def _read_authority(role: tuf.Role, keys: Mapping[str, Key], name: str) -> Authority:
    try:
        material = tuple(public_key(keys[keyid]) for keyid in role.keyids)
        return Authority(material, role.threshold)
    except KeyError as error:
        raise BadMetadata(f"the role {name} names a key that is not listed") from error
    except BadMetadata as error:
        raise BadMetadata(f"the role {name}: {error}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
