"""A change that waits for signatures: its files so far, and the versions it was made upon. Pure.

A proposal holds whole files with the signatures collected, in every format that the collection has; approving adds one
more to each. It is void as soon as anything else was published, because then it would undo that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.collection.model import (
    ROOT,
    SHARED,
    SNAPSHOT,
    TIMESTAMP,
    TOP_LEVEL,
    Authority,
    Collection,
    Root,
    Targets,
    lifetime,
)
from pytrust.trust.errors import BadMetadata, Damaged, PytrustError
from pytrust.trust.limits import CLOCK_TOLERANCE, TARGETS_MAX_BYTES
from pytrust.trust.names import CollectionName, Format, KeyId, RoleName
from pytrust.trust.publish.wire import Files, Side, Wire

_MAX_BYTES = 8 * TARGETS_MAX_BYTES
_FORMAT = 2
_EDITS_MAX = 9  # versions that one change may take: every edit of the model takes one
_DROP = "drop it: pytrust approve --reject"


@dataclass(frozen=True, slots=True)
class Proposal:
    """``files`` maps format and role to signed file; ``base`` to the version that was current when it was made."""

    files: Mapping[Format, Files]
    base: Mapping[Format, Mapping[RoleName, int]]


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
    files = {form: {role: data.decode() for role, data in held.items()} for form, held in proposal.files.items()}
    base = {form: dict(versions) for form, versions in proposal.base.items()}
    return encode_json({"format": _FORMAT, "base": base, "files": files})


def decode(name: CollectionName, data: bytes) -> Proposal:
    """Read what ``encode`` wrote; raises ``Damaged``."""
    try:
        document = parse_json(data, what=f"the proposal for {name}", max_bytes=_MAX_BYTES)
        _check_format(document["format"])
        files = {
            Format(form): {RoleName(role): text.encode() for role, text in held.items()}
            for form, held in document["files"].items()
        }
        base = {
            Format(form): {RoleName(role): int(version) for role, version in held.items()}
            for form, held in document["base"].items()
        }
        return Proposal(files, base)
    except (PytrustError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Damaged(f"the proposal for {name} cannot be read: {error}", hint=_DROP) from error


def authorities(old: Collection | None, new: Collection, role: RoleName) -> list[Authority]:
    """All that must agree on a file: for a root also its predecessor's keys (TUF 5.3.4)."""
    found = [new.authority(role), old.authority(role) if old is not None and role == ROOT else None]
    return [authority for authority in found if authority is not None]


def missing(wire: Wire, old: Side | None, new: Collection, files: Files) -> tuple[Missing, ...]:
    """What ``files`` still need before they may be published, role by role.

    Raises:
        BadMetadata: a file of a role that nobody may sign, or of a signer who did not: nobody speaks for another.
    """
    before: Files = old.data if old else {}
    whole = {**before, **files}
    result = []
    for role in files:
        agreeing = authorities(old.collection if old else None, new, role)
        if not agreeing:
            raise BadMetadata(f"the change to {new.name} holds a file of {role}, which nobody may sign")
        for authority in agreeing:
            present = wire.signed_by(new.name, role, whole, before, authority)
            if len(present) < authority.threshold and role not in {*TOP_LEVEL, *SHARED}:
                raise BadMetadata(f"the change to {new.name} speaks for {role}, who has not signed it", hint=_DROP)
            if len(present) < authority.threshold:
                result.append(Missing(role, authority, present))
    return tuple(result)


def apply(wire: Wire, old: Side | None, name: CollectionName, files: Files, *, now: datetime) -> Collection:
    """The collection as it will be once ``files`` are published.

    Raises:
        BadMetadata: a file says more than the model can show, or speaks for longer than anything may.
    """
    documents = {} if old is None else old.collection.documents()
    before: Files = old.data if old else {}
    for role, data in files.items():
        if role in {SNAPSHOT, TIMESTAMP}:
            raise BadMetadata(f"the change to {name} holds a {role}, which is made when it is published", hint=_DROP)
        held = documents[role].version if role in documents else 0
        document = wire.read(name, role, {**before, **files})
        _check_plain(wire, name, role, document, data, before)
        _check_span(name, role, document, held, now)
        documents[role] = document
    return Collection.of(name, documents)


def _check_plain(  # noqa: PLR0913, PLR0917
    wire: Wire, name: CollectionName, role: RoleName, document: Root | Targets, data: bytes, before: Files
) -> None:
    """Whoever approves signs bytes but is shown the model: the bytes must be what we write for it."""
    if not wire.is_plain(name, role, document, data, before):
        raise BadMetadata(f"{role} in the change to {name} holds more than can be shown", hint=_DROP)


def _check_span(name: CollectionName, role: RoleName, document: Root | Targets, before: int, now: datetime) -> None:
    latest = now + lifetime(role) + CLOCK_TOLERANCE
    if not before < document.version <= before + _EDITS_MAX or document.expires > latest:
        raise BadMetadata(
            f"{role} in the change to {name} has version {document.version} and ends {document.expires:%Y-%m-%d}",
            hint=_DROP,
        )


def _check_format(number: object) -> None:
    if number != _FORMAT:
        raise ValueError(f"format {number} is not known")
