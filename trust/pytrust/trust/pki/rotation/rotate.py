"""Rotations, done: each step is kept before it is begun, so that one that was killed goes on where it was.

What comes next is for machine.py to say; here it is done with the authority, and the engines are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, assert_never

from pytrust.trust.errors import Refused, Unsound
from pytrust.trust.files import locked
from pytrust.trust.keys.keyring import Passphrase
from pytrust.trust.pki.authority.index import Holder
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.rows import State
from pytrust.trust.pki.authority.succession import Remark
from pytrust.trust.pki.model import CaKind, Kind, Serial
from pytrust.trust.pki.rotation import state as rotation_state
from pytrust.trust.pki.rotation.machine import abort, confirm, decide, enter, lacking, observe, watched, work
from pytrust.trust.pki.rotation.model import (
    Act,
    AddGeneration,
    Ask,
    CrossSign,
    Go,
    KeepProof,
    Leaf,
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
from pytrust.trust.pki.rotation.parties import Deeds, Eyes
from pytrust.trust.pki.rotation.signs import client_signs

LOCK: Final = "rotation.lock"
_LOCK_TIMEOUT: Final = 2.0  # seconds; a second rotation has nothing to wait for


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run came; ``rotation`` as it is now, or was when it ended."""

    rotation: Rotation
    outcome: Wait | Ask | Over


class Rotator:
    """The rotation of one authority; there is one at most.

    Args:
        authority: does it.
        eyes: see whether it is done.
        now: the clock.
        new_passphrase: what a new CA key is sealed under.
        tell: told of each step that was taken, in a line.
    """

    def __init__(
        self,
        authority: Deeds,
        eyes: Eyes,
        now: Callable[[], datetime],
        new_passphrase: Passphrase,
        tell: Callable[[str], None],
    ) -> None:
        self._authority, self._eyes, self._now = authority, eyes, now
        self._new_passphrase, self._tell = new_passphrase, tell

    def current(self) -> Rotation | None:
        """The rotation that is under way; raises ``Damaged``."""
        state = self._authority.rotation()
        if state is None:
            return None
        rotation = rotation_state.decode(state)
        if watched(rotation) is not Kind.CLIENT:
            return rotation
        return replace(rotation, signs=client_signs(rotation, self._leaves()))

    def begin(self, kind: CaKind) -> Rotation:
        """Decide on the next generation; nothing is made yet. Raises ``Refused`` where a rotation is under way."""
        if (found := self.current()) is not None:
            raise Refused(
                f"a rotation of the {found.kind} is under way", hint="pytrust ca rotate --continue, or: --abort"
            )
        states = self._authority.index.states(kind)
        issuing = next(number for number, state in states.items() if state is State.ISSUING)
        return self._keep(Rotation(kind=kind, leaving=issuing, coming=max(states) + 1))

    def turn_back(self) -> Rotation:
        """Take the rotation back, from the next ``go_on``; raises what ``abort`` does, and ``Refused`` for none."""
        rotation = self._required()
        return self._keep(abort(rotation, self._authority.index.states(rotation.kind)))

    def vouch(self, names: Iterable[str]) -> Rotation:
        """The operator vouches for holders; raises what ``confirm`` does, and ``Refused`` for no rotation."""
        rotation = self._required()
        vouching = confirm(rotation, names)
        new = [sign for sign in rotation.signs if sign.holder in vouching.vouched - rotation.vouched]
        return self._keep(vouching, _remarks(What.VOUCHED_FOR, new))

    def go_on(self, *, consent: Collection[Phase] = (), force: bool = False) -> Progress | None:
        """Take all steps that can be taken; None where there is no rotation. See ``decide`` for the arguments.

        Raises:
            Unsound: a folder cannot be written; it goes on from there next time.
            WrongPassphrase, Damaged, Refused: from the authority, likewise.
        """
        while (rotation := self.current()) is not None:
            for act in work(rotation, self._authority.index.states(rotation.kind), self._leaves()):
                self._do(rotation.kind, act)
            rotation = self._keep(observe(rotation, self._eyes.look(rotation, self._leaves())))
            match decide(rotation, consent=consent, force=force):
                case Go(phase):
                    self._keep(enter(rotation, phase, self._leaves()), _remarks(What.PASSED_OVER, lacking(rotation)))
                case Over() as outcome:
                    self._end(_remarks(What.PASSED_OVER, lacking(rotation)))
                    return Progress(rotation, outcome)
                case Wait() | Ask() as outcome:
                    return Progress(rotation, outcome)
        return None

    def _required(self) -> Rotation:
        if (rotation := self.current()) is None:
            raise Refused("no rotation is under way", hint="begin one with: pytrust ca rotate client-ca")
        return rotation

    def _keep(self, rotation: Rotation, remarks: Iterable[Remark] = ()) -> Rotation:
        self._authority.set_rotation(rotation_state.encode(rotation), remarks)
        return rotation

    def _end(self, remarks: Iterable[Remark]) -> None:
        self._eyes.close_eyes()
        self._authority.set_rotation(None, remarks)

    def _leaves(self) -> list[Leaf]:
        index, now = self._authority.index, self._now()
        holders = (*index.servers(), *index.clients())
        return [_leaf(holder) for holder in holders if holder.issued.live(now)]

    def _do(self, kind: CaKind, act: Act) -> None:
        match act:
            case AddGeneration():
                self._say(kind, self._authority.add_generation(kind, self._new_passphrase).generation, "was made")
            case CrossSign(below):
                self._authority.cross_sign(below)
            case Promote(generation):
                self._authority.promote(kind, generation)
                self._say(kind, generation, "issues from now on")
            case Reissue(serial):
                self._reissue(serial)
            case Rewrite():
                self._authority.rewrite_folders()
            case KeepProof(generation):
                self._eyes.keep_proof(generation)
            case Retire(generation):
                self._authority.retire_generation(kind, generation)
                self._say(kind, generation, "was dropped")
            case _:
                assert_never(act)

    def _reissue(self, serial: Serial) -> None:
        if (issued := self._authority.index.by_serial(serial)) is None:
            raise Unsound(f"certificate {serial:X} is not in the index", hint="see what was issued: pytrust ca list")
        self._authority.renew(issued)
        self._tell(f"renewed {issued.holder}")

    def _say(self, kind: CaKind, generation: int, what: str) -> None:
        self._tell(f"{ca_label(kind, generation)} {what}")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let nobody else rotate the authority in ``folder`` meanwhile; raises ``Busy``."""
    with locked(folder / LOCK, timeout=_LOCK_TIMEOUT):
        yield


def _remarks(what: Literal[What.VOUCHED_FOR, What.PASSED_OVER], signs: Iterable[Sign]) -> list[Remark]:
    return [Remark(what, sign.kind, sign.holder, sign.text) for sign in signs]


def _leaf(holder: Holder) -> Leaf:
    return Leaf(
        kind=holder.kind,
        holder=holder.name,
        serial=holder.issued.serial,
        generation=holder.issued.generation,
        local=holder.folder is not None,
        until=holder.issued.not_after,
        endpoint=holder.endpoint,
    )
