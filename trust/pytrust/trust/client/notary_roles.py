"""What stands below a trusted root of a Notary v1 collection, file by file, each found through the one above it.

A file is looked at in this order: is it the one that was listed, is it signed, is it older than what was seen, is its
time over. A signer's file that is not signed as ``targets`` says, or is over, vouches for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pytrust.trust.client.look import Look
from pytrust.trust.client.notary_chain import Chain
from pytrust.trust.client.source import NOTARY, cached_name
from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from pytrust.trust.errors import BadMetadata, BadSignature, Refused, Rollback, Stale
from pytrust.trust.formats.notary.checks import require_fresh, require_role
from pytrust.trust.formats.notary.files import (
    FileMeta,
    MetaFile,
    RoleDocument,
    TargetsFile,
    WireDelegation,
    read_file,
    read_meta,
    read_targets,
)
from pytrust.trust.formats.notary.read import full_name, role_name
from pytrust.trust.limits import ROLES_MAX

_RELEASES = full_name(RELEASES)
File = TypeVar("File", MetaFile, TargetsFile)


@dataclass(frozen=True, slots=True)
class Roles:
    """Verified files by full role name: what they say, and their bytes."""

    timestamp: MetaFile
    snapshot: MetaFile
    targets: TargetsFile
    delegated: dict[str, TargetsFile]
    data: dict[str, bytes]

    @property
    def documents(self) -> dict[str, RoleDocument]:
        """All of them."""
        return {TIMESTAMP: self.timestamp, SNAPSHOT: self.snapshot, TARGETS: self.targets, **self.delegated}


def read_roles(look: Look, chain: Chain) -> Roles:
    """Fetch and verify all that consumers need: the four roles, and delegations of the first level.

    Raises:
        BadMetadata: what is served is forged, malformed or mixed; or it goes with a newer root.
        Stale: its time is over.
    """
    reading = _Reading(look, chain)
    timestamp = reading.accept(TIMESTAMP, reading.fetch(TIMESTAMP), lambda data: read_meta(TIMESTAMP, data))
    listed = reading.listed(SNAPSHOT, timestamp.meta[SNAPSHOT])
    snapshot = reading.accept(SNAPSHOT, listed, lambda data: read_meta(SNAPSHOT, data))
    if not snapshot.meta[ROOT].matches(chain.files[-1]):
        raise BadMetadata(f"the snapshot of {look.name} goes with another root than the newest", hint="try again")
    listed = reading.listed(TARGETS, snapshot.meta[TARGETS])
    targets = reading.accept(TARGETS, listed, lambda data: read_targets(TARGETS, data))
    wanted = [item for item in targets.delegations if role_name(item.name) is not None and item.role.keyids]
    wanted.sort(key=lambda item: item.name != _RELEASES)  # however many signers stand before it
    read = ((item.name, reading.delegated(item, snapshot, targets)) for item in wanted[:ROLES_MAX])
    found = {name: file for name, file in read if file is not None}
    return Roles(timestamp, snapshot, targets, found, reading.data)


@dataclass(slots=True)
class _Reading:
    look: Look
    chain: Chain
    data: dict[str, bytes] = field(default_factory=dict)

    def fetch(self, role: str, sha256: bytes = b"") -> bytes:
        """What the source has; a file that is listed, and not there, is a source at fault."""
        file = f"{role}.{sha256.hex()}.json" if sha256 else f"{role}.json"
        data = self.look.fetch(f"{NOTARY}{file}")
        if data is None:
            raise BadMetadata(
                f"the metadata of {self.look.name} is incomplete: there is no {file}", hint="ask its publisher"
            )
        return data

    def listed(self, role: str, meta: FileMeta) -> bytes:
        """The file that was listed, from the cache if it is there."""
        known = self.look.known.files.get(cached_name(role))
        if known is not None and meta.matches(known):
            return known
        data = self.fetch(role, meta.hashes["sha256"])
        if not meta.matches(data):
            raise BadMetadata(
                f"{role} of {self.look.name} is not the file that was listed", hint="do not use it: it does not fit"
            )
        return data

    def accept(self, role: str, data: bytes, read: Callable[[bytes], File], above: TargetsFile | None = None) -> File:
        """Believe a file; raises why not."""
        name, file = self.look.name, read(data)
        require_role(name, role, file, self.chain.newest, above)
        self._require_newer(role, file, data)
        require_fresh(name, role, file, self.look.when.now)
        self.data[role] = data
        return file

    def delegated(self, item: WireDelegation, snapshot: MetaFile, targets: TargetsFile) -> TargetsFile | None:
        """A delegation's file; None where it says nothing. What consumers accept must be what it says, or be told."""
        if (meta := snapshot.meta.get(item.name)) is None or "sha256" not in meta.hashes:
            self._require_present(item.name)
            return None
        data = self.listed(item.name, meta)
        try:
            return self.accept(item.name, data, lambda data: read_targets(item.name, data), targets)
        except (BadSignature, Stale) as error:
            if item.name == _RELEASES:
                raise _broken_releases(error) from error
            return None

    def _require_present(self, role: str) -> None:
        """A role may not be signed yet; but one that was there does not go away while somebody may sign it."""
        if role == _RELEASES and self._remembers and cached_name(role) in self.look.known.files:
            raise Rollback(
                f"{role} of {self.look.name} was there before and is listed no more",
                hint="the source was put back, or somebody hides what is released: do not use it",
            )

    def _require_newer(self, role: str, file: RoleDocument, data: bytes) -> None:
        before = self.look.known.files.get(cached_name(role))
        if before is None or before == data or not self._remembers:
            return
        seen = read_file(role, before).version
        if file.version <= seen:
            what = "older metadata" if file.version < seen else "other metadata under the same version"
            raise Rollback(
                f"{what} of {self.look.name} than was seen before: {role} {file.version}, after {seen}",
                hint="the source was put back, or somebody replays it: do not use it",
            )

    @property
    def _remembers(self) -> bool:
        """Whether what is known goes with the roots of today: under other roots it is another collection."""
        return bool(self.look.known.roots) and self.look.known.roots[-1] in self.chain.files


def _broken_releases(error: Refused) -> Refused:
    hint = "a signer who may release must sign again: docker trust sign, notary witness, or pytrust sign"
    if isinstance(error, Stale):
        return Stale(f"what is released cannot be believed: {error}", hint=hint)
    return BadSignature(f"what is released cannot be believed: {error}", hint=hint)
