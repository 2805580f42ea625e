"""Values of trust as text: changes, missing signatures, dates. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pytrust.trust.collection.model import KINDS, TOP_LEVEL, Authority, Collection, Target
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
    for item in collection.targets.delegations:
        if item.name in KINDS:
            names |= {key.id: f"{item.name} ({key.id[:8]})" for key in item.authority.keys}
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
    """What a change does, one fact a line: everything that differs is named, since an approver sees nothing else."""
    lines = [
        *_tag_lines(old.releases if old else {}, new.releases),
        *_own_tag_lines(old.targets.targets if old else {}, new.targets.targets),
        *_signer_lines(old, new),
        *_delegation_lines(old, new),
        *_statement_lines(old, new),
        *_key_lines(old, new),
    ]
    if not lines and new != old:
        before = old.documents() if old else {}
        again = [role for role, document in new.documents().items() if before.get(role) != document]
        lines = [f"~ {', '.join(again)} signed again, unchanged"]
    yield from lines


def _tag_lines(before: Mapping[str, Target], after: Mapping[str, Target]) -> Iterator[str]:
    for tag, target in after.items():
        was = before.get(tag)
        if was is None:
            yield f"+ {tag} {target.digest}"
        elif not was.same_content(target):
            yield f"~ {tag} {was.digest} -> {target.digest}"
        elif was != target:
            yield f"~ {tag} signed again"
        known = {child.digest for child in was.platforms} if was else set()
        for child in target.platforms:
            if child.digest not in known:
                yield f"+ {tag} covers {child.digest} ({child.os}/{child.architecture}), too"
    yield from (f"- {tag} {was.digest}" for tag, was in before.items() if tag not in after)


def _own_tag_lines(before: Mapping[str, Target], after: Mapping[str, Target]) -> Iterator[str]:
    """Of tags that the role ``targets`` speaks of itself: docker accepts those, too."""
    return (f"{line} (in targets itself)" for line in _tag_lines(before, after))


def _signer_lines(old: Collection | None, new: Collection) -> Iterator[str]:
    before = {item.name: item.authority for item in old.signers} if old else {}
    after = {item.name: item.authority for item in new.signers}
    yield from (f"+ signer {name} ({_keys(after[name])})" for name in after if name not in before)
    yield from (f"- signer {name}" for name in before if name not in after)
    for name, authority in after.items():
        if name in before and before[name] != authority:
            yield f"~ signer {name} has another key ({_keys(authority)})"


def _delegation_lines(old: Collection | None, new: Collection) -> Iterator[str]:
    """Who may release, where it is not just the signers; and every delegation that is not a signer's."""
    before = {item.name: item.authority for item in old.targets.delegations} if old else {}
    people = {key for item in new.signers for key in item.authority.keys}
    for item in new.targets.delegations:
        was = before.get(item.name)
        if item in new.signers or item.name in KINDS or was == item.authority:
            continue
        if was and was.threshold != item.authority.threshold:
            counts = f"(now {was.threshold} of {len(was.keys)})"
            yield f"~ {item.name} need {item.authority.threshold} of {len(item.authority.keys)} signers {counts}"
        lost = [key for key in was.keys if key not in item.authority.keys] if was else []
        if still := [key for key in lost if key in people]:
            yield f"! {item.name} may no longer be signed by {', '.join(key.id for key in still)}"
        if strangers := [key for key in item.authority.keys if key not in people]:
            yield f"! {item.name} may be signed by {', '.join(key.id for key in strangers)}: the key of no signer"
    gone = (
        set(before) - {item.name for item in new.targets.delegations} - {item.name for item in old.signers}
        if old
        else ()
    )
    yield from (f"- {name} is delegated to no more" for name in sorted(gone))


def _statement_lines(old: Collection | None, new: Collection) -> Iterator[str]:
    """What is said of images by digest, and whose keys may say so."""
    for role, kind in KINDS.items():
        was, authority = old.authority(role) if old else None, new.authority(role)
        if authority and was != authority:
            counts = f" (now {was.threshold} of {len(was.keys)})" if was else ""
            rule = f"{authority.threshold} of {len(authority.keys)}"
            yield f"{'~' if was else '+'} {role} are signed by {rule}: {_keys(authority)}{counts}"
        before = old.delegated[role].statements if old and role in old.delegated else {}
        after = new.delegated[role].statements if role in new.delegated else {}
        for digest, said in after.items():
            if digest not in before:
                yield f"+ {kind.word} of {digest}: {said.digest}"
            elif before[digest] != said:
                yield f"~ {kind.word} of {digest}: {before[digest].digest} -> {said.digest}"
        yield from (
            f"- {kind.word} of {digest}: {said.digest}" for digest, said in before.items() if digest not in after
        )


def _key_lines(old: Collection | None, new: Collection) -> Iterator[str]:
    for role in TOP_LEVEL:
        authority, was = new.root.authorities[role], old.root.authorities[role] if old else None
        if was != authority:
            counts = f" (now {was.threshold} of {len(was.keys)})" if was else ""
            sign, rule = "~" if was else "+", f"{authority.threshold} of {len(authority.keys)}"
            yield f"{sign} {role} is signed by {rule}: {_keys(authority)}{counts}"


def _keys(authority: Authority) -> str:
    return ", ".join(key.id for key in authority.keys)


def days_left(expires: datetime, now: datetime) -> str:
    """``12 d``, or ``expired 3 d ago``."""
    days = int((expires - now).total_seconds() // _DAY)
    return f"{days} d" if expires > now else f"expired {-days - 1} d ago" if days < -1 else "expired"
