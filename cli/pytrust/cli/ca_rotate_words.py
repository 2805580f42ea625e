"""A rotation as rows, lines and a document. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, assert_never

from pytrust.trust.pki.model import CA_KINDS, CaKind, Kind
from pytrust.trust.pki.rotation.machine import lacking
from pytrust.trust.pki.rotation.model import Ask, Need, Over, Phase, Rotation, Sign, Wait, ca_label
from pytrust.trust.pki.rotation.rotate import Progress

HEADERS: Final = ("KIND", "NAME", "STATE", "SEEN")
_NAMES_SHOWN: Final = 3  # in a hint; the table has all
_CONTINUE: Final = "pytrust ca rotate --continue"


def rows(rotation: Rotation) -> list[tuple[str, ...]]:
    """Everybody who lacks something, and every engine."""
    shown = [sign for sign in rotation.signs if sign.need is not None or sign.kind is Kind.SERVER]
    return [(sign.kind, sign.holder, state(rotation, sign), sign.text) for sign in shown]


def state(rotation: Rotation, sign: Sign) -> str:
    """One word for a holder."""
    if sign.need is None:
        return "done"
    return "vouched for" if sign.holder in rotation.vouched else f"lacks {sign.need}"


def headline(rotation: Rotation) -> str:
    """Where it is, in a line."""
    new, old = ca_label(rotation.kind, rotation.coming), ca_label(rotation.kind, rotation.leaving)
    way = f"back from {old} to {new}" if rotation.aborting else f"{old} to {new}"
    total = len(rotation.signs)
    done = f": {total - len(lacking(rotation))} of {total} done" if total else ""
    return f"rotation {way}, phase {rotation.phase}{done}"


def question(rotation: Rotation, phase: Phase) -> str:
    """What the operator has to say yes to."""
    new, old = ca_label(rotation.kind, rotation.coming), ca_label(rotation.kind, rotation.leaving)
    return f"let servers show chains to {new}?" if phase is Phase.MOVE else f"drop {old} for good?"


def caution(rotation: Rotation, phase: Phase) -> str:
    """What nobody can see from here; empty where nothing hangs on it."""
    if rotation.kind is Kind.ROOT and phase is Phase.MOVE:
        return "whoever uses a copy of a client folder needs its new ca.pem first"
    if rotation.kind is Kind.CLIENT_CA and phase is Phase.DROP:
        return "whoever uses a copy of a client folder needs its new files first"
    return ""


def hints(progress: Progress) -> list[str]:
    """What to do next."""
    match progress.outcome:
        case Wait(lacks):
            return [*_ways_out(lacks), f"then: {_CONTINUE}"]
        case Ask(phase):
            asked = question(progress.rotation, phase)
            return [*filter(None, [caution(progress.rotation, phase)]), f"{asked} then: {_CONTINUE} --yes"]
        case Over():
            return []
        case _:
            assert_never(progress.outcome)


def ended(rotation: Rotation) -> str:
    """The last line."""
    new, old = ca_label(rotation.kind, rotation.coming), ca_label(rotation.kind, rotation.leaving)
    return f"{old} was taken back, {new} stays" if rotation.aborting else f"{new} has taken the place of {old}"


def document(rotation: Rotation | None, progress: Progress | None) -> dict[str, Any]:
    """All of it for machines; ``outcome`` is ``none``, ``under-way``, ``waiting``, ``asking`` or ``done``."""
    if rotation is None:
        return {"outcome": "none", "rotation": None, "holders": [], "next": []}
    return {
        "outcome": "under-way" if progress is None else _outcome(progress),
        "rotation": {
            "kind": rotation.kind,
            "leaving": rotation.leaving,
            "coming": rotation.coming,
            "phase": rotation.phase,
            "aborting": rotation.aborting,
        },
        "holders": [_holder(rotation, sign) for sign in rotation.signs],
        "next": hints(progress) if progress is not None else [],
    }


def kind_of(text: str) -> CaKind:
    """A CA as it is named on the command line."""
    return next(kind for kind in CA_KINDS if kind == text)


def _outcome(progress: Progress) -> str:
    match progress.outcome:
        case Wait():
            return "waiting"
        case Ask():
            return "asking"
        case Over():
            return "done"
        case _:
            assert_never(progress.outcome)


def _holder(rotation: Rotation, sign: Sign) -> dict[str, Any]:
    return {
        "kind": sign.kind,
        "name": sign.holder,
        "done": sign.need is None,
        "vouched": sign.holder in rotation.vouched,
        "need": sign.need,
        "text": sign.text,
    }


def _ways_out(lacks: Sequence[Sign]) -> Iterator[str]:
    for need in Need:
        names = [sign.holder for sign in lacks if sign.need is need]
        if names:
            yield _way_out(need, _some(names), names[0])


def _way_out(need: Need, names: str, first: str) -> str:
    match need:
        case Need.RESTART:
            return (
                f"restart {names}: dockerd reads TLS files only at its start; where its folder is a copy, copy it first"
            )
        case Need.REACH:
            return f"bring {names} up, or vouch for it: {_CONTINUE} --confirm {first}"
        case Need.CONFIRM:
            return (
                f"say where {names} can be asked: {_CONTINUE} --endpoint {first}=HOST:PORT; "
                f"or see to it yourself and vouch for it: {_CONTINUE} --confirm {first}"
            )
        case Need.RENEW:
            return f"let {names} renew (pytrust ca agent), or revoke it if it is gone: pytrust ca revoke {first}"
        case _:
            assert_never(need)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
