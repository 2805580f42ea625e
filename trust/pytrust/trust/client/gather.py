"""All files of a Notary v1 collection, from a server or from a client's cache, to be taken over as they are.

Each file below the snapshot has the hash that the snapshot lists, and the snapshot that of the timestamp. Whose
signatures are on them is asked by whoever takes them over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pytrust.trust.client.source import NOTARY, Source, parse_notary_name
from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP, TOP_LEVEL
from pytrust.trust.errors import BadMetadata, Unsigned
from pytrust.trust.files import read_bounded
from pytrust.trust.formats.notary.checks import require_role
from pytrust.trust.formats.notary.envelope import max_bytes
from pytrust.trust.formats.notary.files import (
    FileMeta,
    MetaFile,
    depth,
    parent,
    read_file,
    read_meta,
    read_root,
    read_targets,
)
from pytrust.trust.http import Deadline
from pytrust.trust.limits import NOTARY_COLLECTION_MAX_BYTES, ROOT_ROTATIONS_MAX
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.store.interface import RoleFile

_METADATA: Final = "metadata"


class FolderSource:
    """What docker's or notary's client keeps in its folder: ``tuf/<name>/metadata/<role>.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tuf"

    def names(self) -> list[str]:
        """What there is anything of; not every such name is one of an image."""
        found = (path.parent.parent for path in self._folder.rglob(f"{_METADATA}/root.json"))
        return sorted(str(path.relative_to(self._folder)) for path in found)

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``Source``: of the root there is one version only, of other roles whatever lies there."""
        deadline.remaining(f"metadata of {name}")
        wanted = parse_notary_name(file)
        if ".." in name.split("/"):
            raise BadMetadata(f"{name[:100]!r} is no collection's name")
        path = self._folder / name / _METADATA / f"{wanted.role}.json"
        if not path.is_file():
            return None
        data = read_bounded(path, max_bytes(wanted.role))
        other = wanted.version is not None and read_root(data).version != wanted.version
        return None if other else data


def gather(source: Source, name: CollectionName, deadline: Deadline) -> list[RoleFile]:
    """Every root that there is, and the newest file of each role of the snapshot, snapshot and timestamp included.

    Raises:
        Unsigned: there is nothing of this name.
        BadMetadata, BadSignature: the files do not belong together.
        Unknown: the source cannot be reached.
    """
    files = dict(_roots(source, name, deadline))
    root = read_root(files[max(files)])
    timestamp = _online(source, name, TIMESTAMP, f"{NOTARY}timestamp.json", deadline)
    above = read_meta(TIMESTAMP, timestamp)
    require_role(name, TIMESTAMP, above, root, None)
    snapshot = _listed(source, name, SNAPSHOT, above.meta[SNAPSHOT], deadline)
    listed = read_meta(SNAPSHOT, snapshot)
    require_role(name, SNAPSHOT, listed, root, None)
    _check_listed(name, listed, files[max(files)])
    roles = _below(source, name, listed, deadline)
    rest = {**roles, SNAPSHOT: snapshot, TIMESTAMP: timestamp}
    return [_file(ROOT, data) for _, data in sorted(files.items())] + [_file(role, data) for role, data in rest.items()]


def _roots(source: Source, name: CollectionName, deadline: Deadline) -> Iterator[tuple[int, bytes]]:
    newest = source.fetch(name, f"{NOTARY}root.json", deadline)
    if newest is None:
        raise Unsigned(
            f"there is no {name} to import", hint="check the name: [HOST/]NAME, as docker trust inspect shows it"
        )
    version = read_root(newest).version
    for number in range(max(1, version - ROOT_ROTATIONS_MAX), version):
        data = source.fetch(name, f"{NOTARY}{number}.root.json", deadline)
        if data is not None:
            yield number, data
    yield version, newest


def _check_listed(name: CollectionName, listed: MetaFile, root: bytes) -> None:
    for role, meta in listed.meta.items():
        parse_notary_name(_file_name(role, meta))  # before any of it becomes a path
    if not listed.meta[ROOT].matches(root):
        raise BadMetadata(f"the snapshot of {name} goes with another root than the newest", hint="try again")
    if sum(meta.length for meta in listed.meta.values()) > NOTARY_COLLECTION_MAX_BYTES:
        raise BadMetadata(f"{name} has more than {NOTARY_COLLECTION_MAX_BYTES} bytes")


def _online(source: Source, name: CollectionName, role: RoleName, file: str, deadline: Deadline) -> bytes:
    data = source.fetch(name, file, deadline)
    if data is None:
        raise BadMetadata(f"{role} of {name} is missing", hint="import it from the server instead")
    return data


def _listed(source: Source, name: CollectionName, role: str, meta: FileMeta, deadline: Deadline) -> bytes:
    data = _online(source, name, RoleName(role), _file_name(role, meta), deadline)
    if not meta.matches(data):
        raise BadMetadata(f"{role} of {name} is not the file that is listed", hint="import it from the server instead")
    return data


def _below(source: Source, name: CollectionName, listed: MetaFile, deadline: Deadline) -> Mapping[RoleName, bytes]:
    """What the snapshot lists, parents first. Of who has no say any more, clients keep no file: it may be missing."""
    found: dict[RoleName, bytes] = {}
    for role in sorted(listed.meta.keys() - {ROOT}, key=depth):
        meta, above = listed.meta[role], found.get(RoleName(parent(role)))
        spoken_for = role in TOP_LEVEL or (above and read_targets(parent(role), above).delegation(role))
        if spoken_for or source.fetch(name, _file_name(role, meta), deadline) is not None:
            found[RoleName(role)] = _listed(source, name, role, meta, deadline)
    return found


def _file_name(role: str, meta: FileMeta) -> str:
    digest = meta.hashes.get("sha256", b"").hex()
    return f"{NOTARY}{role}.{digest}.json"


def _file(role: RoleName, data: bytes) -> RoleFile:
    file = read_file(role, data)
    return RoleFile(role, file.version, file.expires, data)
