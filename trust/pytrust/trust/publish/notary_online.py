"""The snapshot and the timestamp that this side signs, for uploads and when their time is over. Pure.

What is made is read again before anybody relies upon it: it may have grown too large, or need more than one key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from pytrust.trust.errors import InvalidUpdate, Refused
from pytrust.trust.formats.notary.envelope import Envelope, sign, write_envelope
from pytrust.trust.formats.notary.files import RootFile, read_meta, read_root
from pytrust.trust.formats.notary.write import write_snapshot, write_timestamp
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import Signer
from pytrust.trust.limits import NOTARY_SNAPSHOT_LIFETIME, TIMESTAMP_LIFETIME
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.store.interface import RoleFile


class Finder(Protocol):
    """Who signs snapshot and timestamp."""

    def find(self, role: str, allowed: Iterable[PublicKey]) -> Signer | None:
        """The signer that is held of ``allowed``."""


def renewed_files(
    name: CollectionName, current: Mapping[RoleName, RoleFile], finder: Finder, now: datetime
) -> list[RoleFile]:
    """A timestamp in place of one whose time is over, and before it a snapshot, where that is over and held here.

    There may be nothing to do: a snapshot whose key a client holds is the client's to renew.

    Raises:
        InvalidUpdate: the keys are not held here.
    """
    root, snapshot = read_root(current[ROOT].data), current[SNAPSHOT]
    here = SigningHere(name, current, finder, now)
    if snapshot.expires <= now and here.holds(root, SNAPSHOT):
        made = here.snapshot(root, [])
        return [made, here.timestamp(root, made.data)]
    return [here.timestamp(root, snapshot.data)] if current[TIMESTAMP].expires <= now else []


class SigningHere:
    """Makes the next snapshot and timestamp of a collection.

    Args:
        name: the collection.
        current: its newest files; there may be none yet.
        finder: has the keys.
        now: the time.
    """

    def __init__(
        self, name: CollectionName, current: Mapping[RoleName, RoleFile], finder: Finder, now: datetime
    ) -> None:
        self._name = name
        self._current = current
        self._finder = finder
        self._now = now

    def holds(self, root: RootFile, role: RoleName) -> bool:
        """Whether ``root`` names a key for ``role`` that is held here."""
        return self._signer(root, role) is not None

    def snapshot(self, root: RootFile, fresh: Sequence[RoleFile]) -> RoleFile:
        """Over what the last one listed, and ``fresh``; raises ``InvalidUpdate``."""
        signer, held = self._signer(root, SNAPSHOT), self._current.get(SNAPSHOT)
        if signer is None:
            raise InvalidUpdate(
                "no snapshot was included in update and server does not hold current snapshot key for repository",
                kind="ErrBadHierarchy",
                missing=SNAPSHOT,
            )
        listed = {str(file.role): file.data for file in fresh}
        if ROOT not in listed:
            listed[ROOT] = self._current[ROOT].data
        before = read_meta(SNAPSHOT, held.data).envelope.signed["meta"] if held else None
        if before is None and TARGETS not in listed:
            raise InvalidUpdate("a first publish needs targets", kind="ErrBadHierarchy", missing=TARGETS)
        version, expires = (held.version if held else 0) + 1, self._now + NOTARY_SNAPSHOT_LIFETIME
        data = self._signed(SNAPSHOT, write_snapshot(version, expires, listed, before), signer, root)
        return RoleFile(SNAPSHOT, version, expires, data)

    def timestamp(self, root: RootFile, snapshot: bytes) -> RoleFile:
        """Over the bytes of a snapshot; raises ``InvalidUpdate``."""
        signer, held = self._signer(root, TIMESTAMP), self._current.get(TIMESTAMP)
        if signer is None:
            raise InvalidUpdate(
                f"the timestamp key that the root of {self._name} names is not held by this server", kind="ErrBadRoot"
            )
        version, expires = (held.version if held else 0) + 1, self._now + TIMESTAMP_LIFETIME
        data = self._signed(TIMESTAMP, write_timestamp(version, expires, snapshot), signer, root)
        return RoleFile(TIMESTAMP, version, expires, data)

    def _signer(self, root: RootFile, role: RoleName) -> Signer | None:
        return self._finder.find(role, [key.material for key in root.keys_of(role)])

    def _signed(self, role: RoleName, envelope: Envelope, signer: Signer, root: RootFile) -> bytes:
        if root.roles[role].threshold > 1:
            raise InvalidUpdate(
                f"the root of {self._name} wants more than one signature on the {role} made here", kind="ErrBadRoot"
            )
        keyid = next(key.id for key in root.keys_of(role) if key.material == signer.public)
        data = write_envelope(sign(envelope, signer, keyid))
        with told_as("ErrBadSnapshot"):
            read_meta(role, data)
        return data


@contextmanager
def told_as(kind: str) -> Iterator[None]:
    """What is refused inside, in Notary's words: an ``InvalidUpdate`` of ``kind``."""
    try:
        yield
    except InvalidUpdate:
        raise
    except Refused as error:
        raise InvalidUpdate(str(error), hint=error.hint, kind=kind) from error
