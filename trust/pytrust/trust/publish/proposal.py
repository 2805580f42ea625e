"""A change that waits for signatures: its files so far, and the versions it was made upon. Pure.

A proposal holds whole files with the signatures collected; approving adds one more to each. It is void as soon as
anything else was published, because then it would undo that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.collection.model import RELEASES, ROOT, TOP_LEVEL, Authority, Collection, Root, Targets
from pytrust.trust.errors import BadMetadata, Damaged, PytrustError
from pytrust.trust.formats import tuf
from pytrust.trust.limits import CLOCK_TOLERANCE, ROOT_LIFETIME, TARGETS_LIFETIME, TARGETS_MAX_BYTES
from pytrust.trust.names import CollectionName, KeyId, RoleName
from pytrust.trust.publish.load import write

_MAX_BYTES = 4 * TARGETS_MAX_BYTES
_FORMAT = 1
_EDITS_MAX = 9  # versions that one change may take: every edit of the model takes one
_DROP = "drop it: pytrust approve --reject"


@dataclass(frozen=True, slots=True)
class Proposal:
    """``files`` maps role to signed file; ``base`` role to the version that was current when it was made."""

    files: Mapping[RoleName, bytes]
    base: Mapping[RoleName, int]


@dataclass(frozen=True, slots=True)
class Missing:
    """What one role still needs: ``threshold`` of ``authority`` must sign, ``present`` have."""

    role: RoleName
    authority: Authority
    present: frozenset[KeyId]

    @property
    def count(self) -> int:
        """How many more signatures are needed."""
        return self.authority.threshold - len(self.present)


def encode(proposal: Proposal) -> bytes:
    """Bytes for the store."""
    files = {role: data.decode() for role, data in proposal.files.items()}
    return encode_json({"format": _FORMAT, "base": dict(proposal.base), "files": files})


def decode(name: CollectionName, data: bytes) -> Proposal:
    """Read what ``encode`` wrote; raises ``Damaged``."""
    try:
        document = parse_json(data, what=f"the proposal for {name}", max_bytes=_MAX_BYTES)
        _check_format(document["format"])
        files = {RoleName(role): text.encode() for role, text in document["files"].items()}
        return Proposal(files, {RoleName(role): int(version) for role, version in document["base"].items()})
    except (PytrustError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Damaged(f"the proposal for {name} cannot be read: {error}", hint=_DROP) from error


def authorities(old: Collection | None, new: Collection, role: RoleName) -> list[Authority]:
    """All that must agree on a file: for a root also its predecessor's keys (TUF 5.3.4)."""
    found = [new.authority(role), old.authority(role) if old is not None and role == ROOT else None]
    return [authority for authority in found if authority is not None]


def missing(old: Collection | None, new: Collection, files: Mapping[RoleName, bytes]) -> tuple[Missing, ...]:
    """What ``files`` still need before they may be published, role by role.

    Raises:
        BadMetadata: a file of a role that nobody may sign, or of a signer who did not: nobody speaks for another.
    """
    result = []
    for role, data in files.items():
        agreeing = authorities(old, new, role)
        if not agreeing:
            raise BadMetadata(f"the change to {new.name} holds a file of {role}, which nobody may sign")
        for authority in agreeing:
            present = tuf.signed_by(new.name, role, data, authority)
            if len(present) < authority.threshold and role not in {*TOP_LEVEL, RELEASES}:
                raise BadMetadata(f"the change to {new.name} speaks for {role}, who has not signed it", hint=_DROP)
            if len(present) < authority.threshold:
                result.append(Missing(role, authority, present))
    return tuple(result)


def apply(
    old: Collection | None, name: CollectionName, files: Mapping[RoleName, bytes], *, now: datetime
) -> Collection:
    """The collection as it will be once ``files`` are published.

    Raises:
        BadMetadata: a file says more than the model can show, or speaks for longer than anything may.
    """
    documents = {} if old is None else old.documents()
    for role, data in files.items():
        before = documents[role].version if role in documents else 0
        document = tuf.read_root(name, data) if role == ROOT else tuf.read_targets(name, role, data)
        _check_plain(name, role, document, data)
        _check_span(name, role, document, before, now)
        documents[role] = document
    return Collection.of(name, documents)


def _check_plain(name: CollectionName, role: RoleName, document: Root | Targets, data: bytes) -> None:
    """Whoever approves signs bytes but is shown the model: the bytes must be what we write for it."""
    plain = tuf.payload(name, role, write(name, role, document))
    if tuf.payload(name, role, data) != plain:
        raise BadMetadata(f"{role} in the change to {name} holds more than can be shown", hint=_DROP)


def _check_span(name: CollectionName, role: RoleName, document: Root | Targets, before: int, now: datetime) -> None:
    lifetime = ROOT_LIFETIME if role == ROOT else TARGETS_LIFETIME
    if not before < document.version <= before + _EDITS_MAX or document.expires > now + lifetime + CLOCK_TOLERANCE:
        raise BadMetadata(
            f"{role} in the change to {name} has version {document.version} and ends {document.expires:%Y-%m-%d}",
            hint=_DROP,
        )


def _check_format(number: object) -> None:
    if number != _FORMAT:
        raise ValueError(f"format {number} is not known")
