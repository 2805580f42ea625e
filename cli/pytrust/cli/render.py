"""Values of trust as text: changes, missing signatures, dates. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pytrust.trust.collection.model import RELEASES, TOP_LEVEL, Collection
from pytrust.trust.names import KeyId

if TYPE_CHECKING:
    from pytrust.trust.publish.proposal import Missing

_DAY = 86_400


def key_names(collection: Collection) -> dict[KeyId, str]:
    """What to call each key of a collection: the signer's name, else the role and the start of its id."""
    names: dict[KeyId, str] = {}
    for role in TOP_LEVEL:
        for key in collection.root.authorities[role].keys:
            names[key.id] = f"{role} ({key.id[:8]})"
    for item in collection.signers:
        names |= {key.id: str(item.name) for key in item.authority.keys}
    return names


def missing_text(collection: Collection, lacking: Sequence[Missing]) -> str:
    """Who is missing: ``1 more of: bob, carol (releases 2 of 3)``."""
    names = key_names(collection)
    parts = []
    for item in lacking:
        waiting = [names.get(key.id, key.id[:8]) for key in item.authority.keys if key.id not in item.present]
        rule = f"{item.role} {item.authority.threshold} of {len(item.authority.keys)}"
        parts.append(f"{item.count} more of: {', '.join(waiting)} ({rule})")
    return "; ".join(parts)


def change_lines(old: Collection | None, new: Collection) -> Iterator[str]:
    """What a change does, one fact a line."""
    before = old.releases if old else {}
    for tag, target in new.releases.items():
        was = before.get(tag)
        if was is None:
            yield f"+ {tag} {target.digest}"
        elif not was.same_content(target):
            yield f"~ {tag} {was.digest} -> {target.digest}"
        elif was != target:
            yield f"~ {tag} signed again"
    yield from (f"- {tag} {was.digest}" for tag, was in before.items() if tag not in new.releases)
    yield from _signer_lines(old, new)
    yield from _key_lines(old, new)


def _signer_lines(old: Collection | None, new: Collection) -> Iterator[str]:
    before = {item.name: item.authority for item in old.signers} if old else {}
    after = {item.name: item.authority for item in new.signers}
    yield from (f"+ signer {name}" for name in after if name not in before)
    yield from (f"- signer {name}" for name in before if name not in after)
    yield from (f"~ signer {name} has another key" for name in after if name in before and before[name] != after[name])
    was, now = (item.authority(RELEASES) if item else None for item in (old, new))
    if now and was and was.threshold != now.threshold:
        yield f"~ releases need {now.threshold} of {len(now.keys)} signers (now {was.threshold} of {len(was.keys)})"


def _key_lines(old: Collection | None, new: Collection) -> Iterator[str]:
    for role in TOP_LEVEL:
        if old and old.root.authorities[role] != new.root.authorities[role]:
            keys = ", ".join(key.id[:12] for key in new.root.authorities[role].keys)
            yield f"~ {role} is signed by {keys}"


def days_left(expires: datetime, now: datetime) -> str:
    """``12 d``, or ``expired 3 d ago``."""
    days = int((expires - now).total_seconds() // _DAY)
    return f"{days} d" if expires > now else f"expired {-days - 1} d ago" if days < -1 else "expired"
