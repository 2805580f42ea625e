"""The capabilities that a container needs, found by taking them away: what is left is 1-minimal, and each is proven.

First none at all, then all candidates, then without halves of them, and at last without single ones. Of the set that
comes out, each member was missing in one trial while all others were there, and that trial failed: its end is the
proof. There are at most as many trials as candidates and needed ones together, and four more; their order is always
the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.policy.observe.candidates import likely_first
from pytrust.policy.observe.judgement import as_good, why_not
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, Outcome, RunOptions
from pytrust.policy.profiles.names import CAPABILITIES, DEFAULT_CAPABILITIES, Capability
from pytrust.trust.errors import Refused

_FEW: Final = 4  # so many are tried one by one
_BOUNDING: Final = "CapBnd:"


class MinimalCaps(NamedTuple):
    """``proofs`` say for each of ``needed`` how a trial without it ended; ``trials`` is how many there were."""

    needed: tuple[Capability, ...]
    proofs: tuple[tuple[Capability, str], ...]
    trials: int


def minimal(  # noqa: PLR0913, PLR0917 - a trial, and how it is varied
    laboratory: Laboratory,
    image: str,
    options: RunOptions,
    confinement: Confinement,
    candidates: Collection[Capability],
    workload: Callable[[Live], int],
    on_progress: Callable[[str], None],
) -> MinimalCaps:
    """Find what the image needs of ``candidates`` to get through the workload.

    Args:
        laboratory: where trials are made.
        image: what is run.
        options: how a user would run it.
        confinement: all else that confines it; its capabilities do not count.
        candidates: see ``candidates.candidates``; Docker's set where nothing is known.
        workload: as in a trial.
        on_progress: given one line before each trial.

    Raises:
        Refused: the workload fails even with all candidates.
        PytrustError: as ``Laboratory.run`` says.
    """

    def attempt(held: frozenset[Capability]) -> Outcome:
        on_progress(f"with {_names(held) or 'no capability'}")
        return laboratory.run(image, options, confinement._replace(capabilities=_ordered(held)), workload)

    nothing = attempt(frozenset())
    if nothing.good and nothing.exit == 0:
        return MinimalCaps((), (), 1)
    return _Search(attempt, frozenset(candidates), nothing).result(likely_first(candidates))


def host_capabilities() -> frozenset[Capability]:
    """What a process of this host can hold at most (proc(5), ``CapBnd``); Docker's set where that cannot be told."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return DEFAULT_CAPABILITIES
    mask = next((int(line.removeprefix(_BOUNDING), 16) for line in lines if line.startswith(_BOUNDING)), 0)
    return frozenset(name for number, name in enumerate(CAPABILITIES) if mask >> number & 1)


class _Search:
    """Remembers every trial: the same set is never tried twice."""

    def __init__(
        self,
        attempt: Callable[[frozenset[Capability]], Outcome],
        everything: frozenset[Capability],
        nothing: Outcome,
    ) -> None:
        self._attempt = attempt
        self._known = {frozenset[Capability](): nothing}
        self._held = everything
        self._full = self._outcome(everything)
        if reason := why_not(self._full, self._full):
            raise Refused(
                f"the workload fails with all capabilities that it may have: {reason}",
                hint="see that it works in docker run, or give it more candidates",
            )

    def result(self, order: Sequence[Capability]) -> MinimalCaps:
        self._leave_out(order)
        while any(self._drop((one,)) for one in order if one in self._held):
            pass
        proofs = tuple((one, self._proof(one)) for one in _ordered(self._held))
        return MinimalCaps(_ordered(self._held), proofs, len(self._known))

    def _leave_out(self, group: Sequence[Capability]) -> None:
        if len(group) > _FEW:
            if not self._drop(group):
                middle = len(group) // 2
                self._leave_out(group[middle:])
                self._leave_out(group[:middle])
            return
        for one in group:
            self._drop((one,))

    def _drop(self, group: Sequence[Capability]) -> bool:
        """Whether it works without them; then they are gone."""
        rest = self._held - set(group)
        if not as_good(self._outcome(rest), self._full):
            return False
        self._held = rest
        return True

    def _outcome(self, held: frozenset[Capability]) -> Outcome:
        if held not in self._known:
            self._known[held] = self._attempt(held)
        return self._known[held]

    def _proof(self, one: Capability) -> str:
        return why_not(self._outcome(self._held - {one}), self._full)


def _ordered(held: Collection[Capability]) -> tuple[Capability, ...]:
    return tuple(sorted(held, key=CAPABILITIES.index))


def _names(held: Collection[Capability]) -> str:
    return " ".join(_ordered(held))
