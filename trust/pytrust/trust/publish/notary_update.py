"""What a stock client uploads, judged, and completed by the snapshot and timestamp that this side signs. Pure.

The steps are those of the stock server's validation (root, then targets and what they delegate to, then snapshot), and
stricter in six places: the bytes that came are hashed, not a copy written anew; a snapshot that a client made may list
nothing that is not stored, nothing older, and leave out nobody who still has a say; a root may not leave the targets
behind that its keys did not sign; nobody speaks through a parent that lost its own say; keys and thresholds are such
that somebody can use them; sizes are bounded. A delegation may stay behind its keys: ``witness`` is how its signers
catch up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TARGETS
from pytrust.trust.errors import BadMetadata, Conflict, InvalidUpdate
from pytrust.trust.formats.notary.checks import require_fresh, require_role, require_root
from pytrust.trust.formats.notary.files import (
    MetaFile,
    RootFile,
    TargetsFile,
    depth,
    is_delegation,
    parent,
    read_meta,
    read_root,
    read_targets,
)
from pytrust.trust.formats.notary.keys import WireId, WireKey
from pytrust.trust.formats.notary.read import delegations_of, root_of
from pytrust.trust.limits import NOTARY_COLLECTION_MAX_BYTES
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.publish.notary_online import Finder, SigningHere, told_as
from pytrust.trust.store.interface import RoleFile

_UPLOADABLE = frozenset({ROOT, TARGETS, SNAPSHOT})


@dataclass(frozen=True, slots=True)
class Update:
    """One upload: ``files`` by full role name, upon the newest files ``current`` of the collection."""

    name: CollectionName
    files: Mapping[str, bytes]
    current: Mapping[RoleName, RoleFile]


def next_files(update: Update, finder: Finder, now: datetime) -> list[RoleFile]:
    """The files to publish: those that came, snapshot and timestamp.

    Raises:
        InvalidUpdate: with what Notary calls the fault.
        Conflict: a version that is not above the newest.
    """
    _check_names(update)
    root = _root(update, now)
    targets = _targets(update, root, now)
    fresh = [RoleFile(RoleName(role), item.version, item.expires, update.files[role]) for role, item in targets.items()]
    if ROOT in update.files:
        fresh.insert(0, RoleFile(ROOT, root.version, root.expires, update.files[ROOT]))
    _check_versions(update, fresh)
    here = SigningHere(update.name, update.current, finder, now)
    snapshot = _snapshot(update, root, fresh, now) if SNAPSHOT in update.files else here.snapshot(root, fresh)
    return [*fresh, snapshot, here.timestamp(root, snapshot.data)]


def _check_names(update: Update) -> None:
    strange = [role for role in update.files if role not in _UPLOADABLE and not is_delegation(role)]
    if strange:
        raise InvalidUpdate(f"{strange[0][:100]} is not a role that can be uploaded")
    if ROOT not in update.files and ROOT not in update.current:
        raise InvalidUpdate("no pre-existing root and no root provided in update.")
    sizes = {role: len(file.data) for role, file in update.current.items()}
    if sum((sizes | {role: len(data) for role, data in update.files.items()}).values()) > NOTARY_COLLECTION_MAX_BYTES:
        raise InvalidUpdate(f"{update.name} would have more than {NOTARY_COLLECTION_MAX_BYTES} bytes")


def _root(update: Update, now: datetime) -> RootFile:
    before = read_root(update.current[ROOT].data) if ROOT in update.current else None
    if ROOT not in update.files:
        assert before is not None
        return before
    with told_as("ErrBadRoot"):
        root = read_root(update.files[ROOT])
        _check_root_version(root, before)
        same = before is not None and root.version == before.version
        require_root(update.name, root, None if same else before, now)
        require_fresh(update.name, ROOT, root, now)
        _require_readable(root.keys)
        root_of(root)
        if TARGETS in update.current and TARGETS not in update.files:
            held = read_targets(TARGETS, update.current[TARGETS].data)
            require_role(update.name, TARGETS, held, root, None)
    return root


def _check_root_version(root: RootFile, before: RootFile | None) -> None:
    current = before.version if before else 1
    if root.version not in {current, current + 1}:
        raise BadMetadata(f"Root modifications must increment the version. Current {current}, new {root.version}")


def _targets(update: Update, root: RootFile, now: datetime) -> dict[str, TargetsFile]:
    """What was uploaded of targets and below, parents first, each checked against its parent."""
    known: dict[str, TargetsFile] = {}
    uploaded = sorted((role for role in update.files if role not in {ROOT, SNAPSHOT}), key=depth)
    with told_as("ErrBadTargets"):
        for role in uploaded:
            file = read_targets(role, update.files[role])
            require_role(update.name, role, file, root, _parent_of(role, update, root, known))
            require_fresh(update.name, role, file, now)
            _require_readable(file.keys)
            delegations_of(file)
            known[role] = file
    return {role: known[role] for role in uploaded}


def _parent_of(role: str, update: Update, root: RootFile, known: dict[str, TargetsFile]) -> TargetsFile | None:
    """What delegates to ``role``; if it did not come along, what is stored, where that is still vouched for itself."""
    above = parent(role)
    held = update.current.get(RoleName(above))
    if above not in known and held is not None:
        file = read_targets(above, held.data)
        require_role(update.name, above, file, root, _parent_of(above, update, root, known))
        known[above] = file
    return known.get(above)


def _require_readable(keys: Mapping[WireId, WireKey]) -> None:
    """Raises ``BadMetadata`` for a key that is none: whoever reads the file later would stumble over it."""
    for key in keys.values():
        _ = key.material


def _check_versions(update: Update, fresh: Iterable[RoleFile]) -> None:
    for file in fresh:
        held = update.current.get(file.role)
        if held is not None and file.version <= held.version:
            raise Conflict(
                f"{file.role} of {update.name} is at version {held.version}, so {file.version} cannot be published",
                hint=_way_out(update.name, file),
            )


def _way_out(name: CollectionName, file: RoleFile) -> str:
    """A client begins a delegation anew where it does not believe the one that is there."""
    if file.version == 1 and is_delegation(file.role):
        return f"a signer was removed whose signature it needs: notary witness -p {name} {file.role}"
    return "somebody else published meanwhile: run the command again"


def _snapshot(update: Update, root: RootFile, fresh: list[RoleFile], now: datetime) -> RoleFile:
    """The one that a client made."""
    data = update.files[SNAPSHOT]
    with told_as("ErrBadSnapshot"):
        snapshot = read_meta(SNAPSHOT, data)
        require_role(update.name, SNAPSHOT, snapshot, root, None)
        require_fresh(update.name, SNAPSHOT, snapshot, now)
        _check_listed(update, snapshot, fresh)
    file = RoleFile(SNAPSHOT, snapshot.version, snapshot.expires, data)
    _check_versions(update, [file])
    return file


def _check_listed(update: Update, snapshot: MetaFile, fresh: list[RoleFile]) -> None:
    newest = {role: file.data for role, file in update.current.items()} | {file.role: file.data for file in fresh}
    for role, meta in snapshot.meta.items():
        data = newest.get(RoleName(role))
        if data is None or not meta.matches(data):
            raise BadMetadata(f"the snapshot lists {role[:100]} as nobody published it")
    for file in fresh:
        if file.role not in snapshot.meta:
            raise BadMetadata(f"the snapshot does not list {file.role}, which is uploaded with it")
    held = update.current.get(SNAPSHOT)
    gone = read_meta(SNAPSHOT, held.data).meta.keys() - snapshot.meta.keys() if held else set()
    for above in {parent(role) for role in gone} & snapshot.meta.keys():
        said = {item.name for item in read_targets(above, newest[RoleName(above)]).delegations}
        if hidden := sorted(said & gone):
            raise BadMetadata(f"the snapshot leaves {hidden[0]} out, which {above} delegates to")
