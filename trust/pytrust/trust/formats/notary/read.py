"""From Notary files to the model, once their signatures were checked.

``targets/releases`` is the model's ``releases``, ``targets/alice`` the signer ``alice``. Deeper delegations, and those
whose names no signer can have, stay in the files: nobody accepts a tag from them. A role speaks only of the names below
the paths that were delegated to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pytrust.trust.collection.model import (
    ROOT,
    TARGETS,
    TOP_LEVEL,
    Authority,
    Collection,
    Delegation,
    Root,
    Target,
    Targets,
)
from pytrust.trust.errors import BadMetadata, InvalidName
from pytrust.trust.formats.custom import with_custom
from pytrust.trust.formats.notary.files import FileMeta, RootFile, TargetsFile, WireDelegation, WireRole
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.names import CollectionName, Digest, RoleName, parse_role

_BELOW: Final = "targets/"


def role_name(full: str) -> RoleName | None:
    """The model's name for a role of the files; None for what the model does not know."""
    if full in TOP_LEVEL:
        return RoleName(full)
    try:
        name = parse_role(full.removeprefix(_BELOW))
    except InvalidName:
        return None
    return None if name in TOP_LEVEL or not full.startswith(_BELOW) else name


def full_name(role: RoleName) -> str:
    """The files' name for a role of the model."""
    return role if role in TOP_LEVEL else f"{_BELOW}{role}"


def collection_of(
    name: CollectionName, root: RootFile, targets: TargetsFile, delegated: Mapping[str, TargetsFile]
) -> Collection:
    """The collection that verified files describe; ``delegated`` maps full names to files.

    Raises:
        BadMetadata: a threshold that its keys cannot reach, or a key that cannot be read.
    """
    documents: dict[RoleName, Root | Targets] = {ROOT: root_of(root), TARGETS: targets_of(targets, None)}
    for item in targets.delegations:
        role = role_name(item.name)
        if role is not None and item.name in delegated:
            documents[role] = targets_of(delegated[item.name], item)
    return Collection.of(name, documents)


def root_of(file: RootFile) -> Root:
    """A root file as the model knows it."""
    authorities = {RoleName(role): _authority(role, file.keys_of(role), rule) for role, rule in file.roles.items()}
    return Root(file.version, file.expires, authorities)


def targets_of(file: TargetsFile, through: WireDelegation | None) -> Targets:
    """A targets file as the model knows it; ``through`` is the delegation that leads to it."""
    found = (_target(tag, meta) for tag, meta in file.targets.items() if through is None or through.covers(tag))
    targets = {target.tag: target for target in found if target is not None}
    return Targets(file.version, file.expires, targets, delegations_of(file))


def delegations_of(file: TargetsFile) -> tuple[Delegation, ...]:
    """Those that the model knows; raises ``BadMetadata`` for a key or a threshold that nobody could use."""
    named = ((role_name(item.name), item) for item in file.delegations)
    return tuple(
        Delegation(role, _authority(item.name, file.keys_of(item.role), item.role))
        for role, item in named
        if role is not None
    )


def _authority(role: str, keys: list[WireKey], rule: WireRole) -> Authority:
    material = {key.material.id: key.material for key in keys}
    try:
        return Authority(tuple(material.values()), rule.threshold)
    except BadMetadata as error:
        raise BadMetadata(f"the role {role}: {error}") from error


def _target(tag: str, meta: FileMeta) -> Target | None:
    """None for a file without a sha256: no image. ``custom`` of others can be anything, and is then not ours."""
    if "sha256" not in meta.hashes:
        return None
    plain = Target(tag, Digest(meta.hashes["sha256"].hex()), meta.length)
    if not isinstance(meta.custom, Mapping):
        return plain
    try:
        return with_custom(plain, meta.custom)
    except (ValueError, TypeError, KeyError, AttributeError, InvalidName):
        return plain
