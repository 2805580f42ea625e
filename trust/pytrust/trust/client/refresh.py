"""Driving python-tuf's client over one collection: refresh, load every role, read what it verified.

python-tuf performs the TUF 1.0 client workflow (specification section 5) on a scratch folder that starts as a copy of
what this host knows. Nothing outside that folder changes here; the caller keeps the result when all of it succeeded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tuf.api import exceptions
from tuf.ngclient import Updater, UpdaterConfig

from pytrust.trust.client.look import Circumstances, Look, Refreshed, nothing_signed
from pytrust.trust.client.source import Bridge
from pytrust.trust.client.trusted import Trusted
from pytrust.trust.collection.model import KINDS, RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Collection, Targets
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
        trusted = _Reading(name, folder, updater, bridge, when).trusted()._replace(first_use=look.pin.first_use)
        return Refreshed(trusted, _files(folder))


class _Reading(NamedTuple):
    """One refresh: what python-tuf verified lies in ``folder``."""

    name: CollectionName
    folder: Path
    updater: Updater
    bridge: Bridge
    when: Circumstances

    def trusted(self) -> Trusted:
        """The whole collection."""
        name, when = self.name, self.when
        root = tuf.read_root(name, self._file(ROOT))
        targets = tuf.read_targets(name, TARGETS, self._file(TARGETS))
        snapshot = tuf.read_snapshot(name, self._file(SNAPSHOT))
        versions = dict(snapshot.versions)
        roles = [item.name for item in targets.delegations if item.name in versions and item.name not in KINDS]
        delegated = {role: held for role in roles[:ROLES_MAX] if (held := self._delegated(role))}
        said = {role: self._statements(role, versions) for role in KINDS if targets.delegation(role)}
        delegated |= {role: held for role, held in said.items() if isinstance(held, Targets)}
        timestamp, until = tuf.read_header(name, TIMESTAMP, self._file(TIMESTAMP))
        documents: dict[RoleName, Targets] = {TARGETS: targets, **delegated}
        expiries = {ROOT: root.expires, **{role: held.expires for role, held in documents.items()}}
        expiries |= {TIMESTAMP: until, SNAPSHOT: snapshot.expires}
        versions |= {ROOT: root.version, TIMESTAMP: timestamp, SNAPSHOT: snapshot.version}
        trusted = Trusted(
            Collection(name, root, targets, delegated),
            versions,
            expiries,
            when.refreshed,
            when.offline,
            silent={role: held for role, held in said.items() if not isinstance(held, Targets)},
        )
        if trusted.expires(*({RELEASES} & delegated.keys())) <= when.now:
            raise exceptions.ExpiredMetadataError("its time is over")
        return trusted

    def _delegated(self, role: RoleName) -> Targets | None:
        """A delegated role. A signer whose role cannot be trusted (expired, key replaced) vouches for nothing."""
        try:
            return self._load(role)
        except exceptions.RepositoryError:
            if role == RELEASES:
                raise
            return None

    def _statements(self, role: RoleName, listed: Container[RoleName]) -> Targets | PytrustError:
        """A role of statements, or why it cannot be believed: nobody may take what it says away unnoticed."""
        if role not in listed:
            return BadMetadata(f"{role} of {self.name} is delegated to, but not listed in the snapshot")
        try:
            with _translated(self.name, self.bridge, self.when):
                held = self._load(role)
        except (Stale, ExpiredCache):
            return self._over(role, self.bridge.expiries.get(role, self.when.now))
        except BadMetadata as error:
            return error
        return held if held.expires > self.when.now else self._over(role, held.expires)

    def _over(self, role: RoleName, end: datetime) -> PytrustError:
        what = f"{role} of {self.name} ended {end:%Y-%m-%d %H:%M} UTC"
        if self.when.offline:
            return ExpiredCache(what, hint="verify it online once")
        return Stale(what, hint=f"sign it again: pytrust repo renew {self.name} --role {role}")

    def _load(self, role: RoleName) -> Targets:
        self.updater.get_targetinfo(tuf.target_path(role, _PROBE))
        return tuf.read_targets(self.name, role, self._file(role))

    def _file(self, role: RoleName) -> bytes:
        return (self.folder / f"{role}.json").read_bytes()


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
