"""Why something is open, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pytrust.policy.profiles.model import Evidence, Why

UNEXPLAINED: Final = "nobody says why"

Seen = Mapping[str, Sequence[Evidence]]


def by_subject(evidence: Iterable[Evidence]) -> Seen:
    """Evidence by what it is about; that of arguments by their call (``argument:socket``)."""
    found: dict[str, list[Evidence]] = {}
    for one in evidence:
        kind, _, rest = one.subject.partition(":")
        subject = f"argument:{rest.partition(':')[0]}" if kind == "argument" else one.subject
        found.setdefault(subject, []).append(one)
    return found


def why(seen: Seen, *subjects: str) -> str:
    """All that is known of some subjects, on one line; empty where nothing is known of any."""
    if not seen:
        return ""
    found = (_words(one) for subject in subjects for one in seen.get(subject, ()))
    return "; ".join(dict.fromkeys(found)) or UNEXPLAINED


def _words(one: Evidence) -> str:
    kind, _, rest = one.subject.partition(":")
    which = f" with {rest.partition(':')[2]}" if kind == "argument" else ""
    if one.why is Why.SIBLING and one.note:
        return one.note
    note = f" ({one.note})" if one.note else ""
    return f"{_word(one)}{which}{note}"


def _word(one: Evidence) -> str:
    match one.why:
        case Why.RECORDED:
            return f"recorded {one.count} times" if one.count > 1 else "recorded"
        case Why.FLOOR:
            return "the runtime needs it"
        case Why.SIBLING:
            return "in place of another"
        case Why.STATIC:
            return "reachable, not seen"
        case Why.PROVEN:
            return "proven"
        case Why.GIVEN:
            return "given"
