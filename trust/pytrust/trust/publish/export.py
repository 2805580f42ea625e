"""A collection as plain files in the layout of TUF 1.0 with consistent snapshots (specification 7.2).

Files that name their version come first and the timestamp last, each written whole, so that a client that reads while
this runs sees the old state or the new one.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP
from pytrust.trust.errors import Damaged, NotFound
from pytrust.trust.files import PUBLIC, write_atomic
from pytrust.trust.formats import tuf
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.store.interface import Reader


def export_files(reader: Reader, name: CollectionName, folder: Path) -> None:
    """Write the newest state below ``folder/tuf/<name>``; raises ``NotFound`` where there is none."""
    target = folder / "tuf" / name
    timestamp = reader.read(name, TIMESTAMP)
    if timestamp is None:
        raise NotFound(f"there is no collection {name}", hint="see what there is: pytrust status")
    target.mkdir(0o755, parents=True, exist_ok=True)
    number = 1
    while (root := reader.read(name, ROOT, number)) is not None:
        _write(target, f"{number}.root.json", root)
        number += 1
    version = tuf.read_snapshot_version(name, timestamp)
    snapshot = _need(reader, name, SNAPSHOT, version)
    for role, listed in tuf.read_snapshot(name, snapshot).versions.items():
        _write(target, f"{listed}.{quote(role, safe='')}.json", _need(reader, name, role, listed))
    _write(target, f"{version}.snapshot.json", snapshot)
    _write(target, "timestamp.json", timestamp)


def _need(reader: Reader, name: CollectionName, role: RoleName, version: int) -> bytes:
    data = reader.read(name, role, version)
    if data is None:
        raise Damaged(f"the store lacks {role} version {version} of {name}", hint="restore it from a backup")
    return data


def _write(folder: Path, file: str, data: bytes) -> None:
    path = folder / file
    if not path.exists() or path.read_bytes() != data:
        write_atomic(path, data, mode=PUBLIC)
