"""Replacing a CA without anybody being refused: what comes next, and who is not ready for it yet. Pure.

    phase     what is done                                 who has to show what      root      server CA   client CA
    prepare   the new generation is made
    spread    both stand in every bundle                   they know the new one     clients   -           servers
    move      the new one issues; certificates are made    they show the new one     servers   servers     clients
    drop      the old one is taken out of every bundle
    settle                                                 they forgot the old one   clients   -           servers

A phase ends when each of its holders was seen to have done its part, or was vouched for by the operator; a holder that
is seen to have not done it cannot be vouched for. Until something is dropped a rotation can be taken back: it then
goes on from ``move`` in the other direction, where the CA to come is the old one, which everybody knows still.
(The wanted state and the set of those that lack it are the idea of swarmkit's reconciler.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from pytrust.trust.errors import Refused, UsageError
from pytrust.trust.pki.authority.rows import State
from pytrust.trust.pki.model import CaKind, Kind, LeafKind
from pytrust.trust.pki.rotation.model import (
    Act,
    AddGeneration,
    Ask,
    CrossSign,
    Go,
    KeepProof,
    Leaf,
    Need,
    Next,
    Over,
    Phase,
    Promote,
    Reissue,
    Retire,
    Rewrite,
    Rotation,
    Sign,
    Wait,
    ca_label,
)

_KNOWERS: Final[Mapping[CaKind, LeafKind | None]] = {
    Kind.ROOT: Kind.CLIENT,
    Kind.SERVER_CA: None,
    Kind.CLIENT_CA: Kind.SERVER,
}
_SHOWERS: Final[Mapping[CaKind, LeafKind]] = {
    Kind.ROOT: Kind.SERVER,
    Kind.SERVER_CA: Kind.SERVER,
    Kind.CLIENT_CA: Kind.CLIENT,
}
_AFTER: Final = {
    Phase.PREPARE: Phase.SPREAD,
    Phase.SPREAD: Phase.MOVE,
    Phase.MOVE: Phase.DROP,
    Phase.DROP: Phase.SETTLE,
}
_NO_WAY_BACK: Final = frozenset({Phase.DROP, Phase.SETTLE})


def watched(rotation: Rotation) -> LeafKind | None:
    """Whose part it is in this phase; None where nobody's."""
    match rotation.phase:
        case Phase.SPREAD | Phase.SETTLE:
            return _KNOWERS[rotation.kind]
        case Phase.MOVE:
            return _SHOWERS[rotation.kind]
        case Phase.PREPARE | Phase.DROP:
            return None


def work(rotation: Rotation, states: Mapping[int, State], leaves: Iterable[Leaf]) -> tuple[Act, ...]:
    """What this host does in this phase, in order; doing it again after a crash changes nothing more.

    Args:
        rotation: where it is.
        states: of the generations of the kind that rotates.
        leaves: certificates that count.
    """
    match rotation.phase:
        case Phase.PREPARE if rotation.aborting:
            return ()
        case Phase.PREPARE:
            return (AddGeneration(),) if rotation.coming not in states else ()
        case Phase.MOVE:
            return (*_promotion(rotation, states), *_reissues(rotation, leaves), Rewrite())
        case Phase.DROP:
            return (*_proof(rotation, states), Retire(rotation.leaving))
        case Phase.SPREAD | Phase.SETTLE:
            return (Rewrite(),)


def observe(rotation: Rotation, signs: tuple[Sign, ...]) -> Rotation:
    """Remember what was seen: a server that has done its part may be unreachable next time."""
    done = {sign.holder for sign in signs if sign.kind is Kind.SERVER and sign.need is None}
    not_done = {sign.holder for sign in signs if sign.need is Need.RESTART}
    return replace(rotation, signs=signs, vouched=(rotation.vouched | done) - not_done)


def lacking(rotation: Rotation) -> tuple[Sign, ...]:
    """Those that keep the phase from ending."""
    return tuple(sign for sign in rotation.signs if sign.need is not None and sign.holder not in rotation.vouched)


def decide(rotation: Rotation, *, consent: Collection[Phase], force: bool) -> Next:
    """What comes after this phase's work was done and its holders were looked at.

    Args:
        rotation: with what was seen.
        consent: phases that the operator said yes to, see ``needs_consent``.
        force: those who lack something may be refused.
    """
    if (left := lacking(rotation)) and not force:
        return Wait(left)
    following = _following(rotation)
    if following is None:
        return Over()
    if following not in consent and needs_consent(rotation, following):
        return Ask(following)
    return Go(following)


def needs_consent(rotation: Rotation, phase: Phase) -> bool:
    """Whether copies of folders, which nobody can see from here, decide if the phase does harm.

    A copy of a client's folder has to have the new root before servers show it, and a certificate of the new client CA
    before the old one is dropped.
    """
    return phase is Phase.DROP or (phase is Phase.MOVE and rotation.kind is Kind.ROOT and not rotation.aborting)


def enter(rotation: Rotation, phase: Phase, leaves: Iterable[Leaf]) -> Rotation:
    """The rotation at the start of a phase."""
    begun = replace(rotation, phase=phase, vouched=frozenset(), awaited=frozenset(), signs=())
    if rotation.kind is not Kind.ROOT or watched(begun) is not Kind.CLIENT:
        return begun
    return replace(begun, awaited=frozenset(leaf.serial for leaf in leaves if _comes_itself(leaf)))


def abort(rotation: Rotation, states: Collection[int]) -> Rotation:
    """The same rotation, going back; ``states`` are the generations that were made.

    Raises:
        Refused: something was dropped already.
        UsageError: it is going back already.
    """
    if rotation.phase in _NO_WAY_BACK:
        raise Refused(
            f"{ca_label(rotation.kind, rotation.leaving)} was dropped already",
            hint="let it end: pytrust ca rotate --continue; then rotate again",
        )
    if rotation.aborting:
        raise UsageError("the rotation is being taken back already", hint="pytrust ca rotate --continue")
    back = replace(rotation, aborting=True, leaving=rotation.coming, coming=rotation.leaving)
    return enter(back, Phase.MOVE, ()) if rotation.coming in states else back


def confirm(rotation: Rotation, names: Iterable[str]) -> Rotation:
    """The operator vouches for holders by name.

    Raises:
        UsageError: a name is none of those that are waited for.
        Refused: it was seen to have not done its part.
    """
    waiting = {sign.holder: sign for sign in lacking(rotation)}
    chosen = frozenset(names)
    for name in sorted(chosen - rotation.vouched):
        if (sign := waiting.get(name)) is None:
            raise UsageError(f"nothing is waited for from {name[:80]!r}", hint="pytrust ca rotate --status")
        if sign.need is Need.RESTART:
            raise Refused(f"{name} cannot be vouched for: {sign.text}", hint="restart its engine, then --continue")
    return replace(rotation, vouched=rotation.vouched | chosen)


def _following(rotation: Rotation) -> Phase | None:
    """The next phase; None at the end, which is near where nothing was made yet."""
    if rotation.aborting and rotation.phase is Phase.PREPARE:
        return None
    return _AFTER.get(rotation.phase)


def _promotion(rotation: Rotation, states: Mapping[int, State]) -> tuple[Act, ...]:
    if states.get(rotation.coming) is State.ISSUING:
        return ()
    if rotation.kind is not Kind.ROOT:
        return (Promote(rotation.coming),)
    return (CrossSign(Kind.SERVER_CA), CrossSign(Kind.CLIENT_CA), Promote(rotation.coming))


def _reissues(rotation: Rotation, leaves: Iterable[Leaf]) -> tuple[Act, ...]:
    """New certificates under the new issuer; a new root needs none, since keys and names below it stay."""
    if rotation.kind is Kind.ROOT:
        return ()
    kind = watched(rotation)
    return tuple(
        Reissue(leaf.serial)
        for leaf in leaves
        if leaf.local and leaf.kind is kind and leaf.generation != rotation.coming
    )


def _proof(rotation: Rotation, states: Mapping[int, State]) -> tuple[Act, ...]:
    """Once its key is gone, nobody can make a client that engines have to refuse."""
    needed = rotation.kind is Kind.CLIENT_CA and states.get(rotation.leaving) is not State.RETIRED
    return (KeepProof(rotation.leaving),) if needed else ()


def _comes_itself(leaf: Leaf) -> bool:
    return leaf.kind is Kind.CLIENT and not leaf.local
