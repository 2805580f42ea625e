"""Driving python-tuf's client over one collection: refresh, load every role, read what it verified.

python-tuf performs the TUF 1.0 client workflow (specification section 5) on a scratch folder that starts as a copy of
what this host knows. Nothing outside that folder changes here; the caller keeps the result when all of it succeeded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuf.api import exceptions
from tuf.ngclient import Updater, UpdaterConfig

from pytrust.trust.client.look import Circumstances, Look, Refreshed, nothing_signed
from pytrust.trust.client.source import Bridge
from pytrust.trust.client.trusted import Trusted
from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Collection, Targets
from pytrust.trust.errors import BadMetadata, BadSignature, ExpiredCache, PytrustError, Rollback, Stale
from pytrust.trust.formats import tuf
from pytrust.trust.limits import (
    ROLES_MAX,
    ROOT_MAX_BYTES,
    ROOT_ROTATIONS_MAX,
    SNAPSHOT_MAX_BYTES,
    TARGETS_MAX_BYTES,
    TIMESTAMP_MAX_BYTES,
)
from pytrust.trust.names import CollectionName, RoleName

_CONFIG = UpdaterConfig(
    max_root_rotations=ROOT_ROTATIONS_MAX,
    max_delegations=ROLES_MAX,
    root_max_length=ROOT_MAX_BYTES,
    timestamp_max_length=TIMESTAMP_MAX_BYTES,
    snapshot_max_length=SNAPSHOT_MAX_BYTES,
    targets_max_length=TARGETS_MAX_BYTES,
)
_PROBE = "-"  # no tag: tags do not start with a hyphen


def refresh(look: Look, anchor: bytes) -> Refreshed:
    """Bring what is known up to date and verify all of it; ``anchor`` is a root file that the pin covers.

    Raises:
        Refused, Unknown: see ``lookup.Client.open``.
    """
    name, when = look.name, look.when
    bridge = Bridge(look.source, name, look.deadline)
    with tempfile.TemporaryDirectory(prefix="pytrust-") as scratch, _translated(name, bridge, when):
        folder = Path(scratch)
        (folder / "root_history").mkdir()
        for file, data in look.known.files.items():
            (folder / file).write_bytes(data)
        updater = Updater(str(folder), Bridge.BASE_URL, fetcher=bridge, config=_CONFIG, bootstrap=anchor)
        updater.refresh()
        trusted = _read(name, folder, updater, when)._replace(first_use=look.pin.first_use)
        return Refreshed(trusted, _files(folder))


def _read(name: CollectionName, folder: Path, updater: Updater, when: Circumstances) -> Trusted:
    root = tuf.read_root(name, _file(folder, ROOT))
    targets = tuf.read_targets(name, TARGETS, _file(folder, TARGETS))
    snapshot = tuf.read_snapshot(name, _file(folder, SNAPSHOT))
    versions = dict(snapshot.versions)
    roles = [item.name for item in targets.delegations if item.name in versions]
    delegated = {role: held for role in roles[:ROLES_MAX] if (held := _load(name, role, folder, updater))}
    timestamp, until = tuf.read_header(name, TIMESTAMP, _file(folder, TIMESTAMP))
    documents: dict[RoleName, Targets] = {TARGETS: targets, **delegated}
    expiries = {ROOT: root.expires, **{role: held.expires for role, held in documents.items()}}
    expiries |= {TIMESTAMP: until, SNAPSHOT: snapshot.expires}
    versions |= {ROOT: root.version, TIMESTAMP: timestamp, SNAPSHOT: snapshot.version}
    trusted = Trusted(Collection(name, root, targets, delegated), versions, expiries, when.refreshed, when.offline)
    if trusted.expires(*({RELEASES} & delegated.keys())) <= when.now:
        raise exceptions.ExpiredMetadataError("its time is over")
    return trusted


def _load(name: CollectionName, role: RoleName, folder: Path, updater: Updater) -> Targets | None:
    """A delegated role. A signer whose role cannot be trusted (expired, key replaced) vouches for nothing."""
    try:
        updater.get_targetinfo(tuf.target_path(role, _PROBE))
    except exceptions.RepositoryError:
        if role == RELEASES:
            raise
        return None
    return tuf.read_targets(name, role, _file(folder, role))


def _file(folder: Path, role: RoleName) -> bytes:
    return (folder / f"{role}.json").read_bytes()


def _files(folder: Path) -> dict[str, bytes]:
    found = [
        *folder.glob("root_history/*.root.json"),
        *(path for path in folder.glob("*.json") if not path.is_symlink()),
    ]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@contextmanager
def _translated(name: CollectionName, bridge: Bridge, when: Circumstances) -> Iterator[None]:
    """Our errors for python-tuf's."""
    try:
        yield
    except exceptions.ExpiredMetadataError as error:
        raise _stale(name, bridge, when, str(error)) from error
    except exceptions.BadVersionNumberError as error:
        raise Rollback(
            f"older metadata of {name} than was seen before: {error}",
            hint="the source was put back, or somebody replays it: do not use it",
        ) from error
    except exceptions.UnsignedMetadataError as error:
        raise BadSignature(f"{name}: {error}", hint="it is forged or damaged: do not use it") from error
    except exceptions.DownloadHTTPError as error:
        raise _absent(name, bridge, str(error)) from error
    except exceptions.DownloadError as error:
        if isinstance(error.__cause__, PytrustError):
            raise error.__cause__ from error
        raise BadMetadata(f"{name}: {error}") from error
    except exceptions.RepositoryError as error:
        raise BadMetadata(f"the metadata of {name} does not fit together: {error}", hint="do not use it") from error


def _stale(name: CollectionName, bridge: Bridge, when: Circumstances, what: str) -> PytrustError:
    ended = [f"{role} ended {end:%Y-%m-%d %H:%M} UTC" for role, end in bridge.expiries.items() if end <= when.now]
    since = ", ".join(ended) or what
    if when.offline:
        return ExpiredCache(f"what is cached of {name} has expired: {since}", hint="verify it online once")
    return Stale(
        f"the metadata of {name} has expired: {since}",
        hint="its publisher must renew it (pytrust repo refresh); until then this may be a replay",
    )


def _absent(name: CollectionName, bridge: Bridge, what: str) -> PytrustError:
    if not bridge.expiries:
        return nothing_signed(name)
    return BadMetadata(f"the metadata of {name} is incomplete: {what}", hint="ask its publisher")
