"""One image recorded: the calls by the best recorder there is, and arguments and files by one that tells them.

The second run is a check of the first, too: two recorders that know nothing of each other have to see the same calls.
What only one of them saw counts as seen, and is told. The second sees no process that ``docker exec`` brings in; where
one of those opened sockets, a third run looks whether they were of families that are known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from pytrust.policy.observe.judgement import why_not
from pytrust.policy.observe.recorder import Choice
from pytrust.policy.observe.recording import Recorder
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, RunOptions
from pytrust.policy.profiles.arguments import BY_FIRST
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seen import Seen
from pytrust.trust.errors import NotSetUp, Refused
from pytrust.trust.limits import RECORDING_ATTEMPTS

_NO_START: Final = "see that it starts without pytrust: docker run, with the same options"
_NOT_YET: Final = "it begins as soon as the container runs: let it wait, as curl --retry-connrefused --retry 9 does"
_OF_SOCKETS: Final = frozenset({"socket", "socketpair"})


class Subject(NamedTuple):
    """What is recorded, and how it is run."""

    image: str
    options: RunOptions
    confinement: Confinement
    workload: Callable[[Live], int]


class Session(NamedTuple):
    """What every run saw, first the one that counts; ``differ`` are the calls that not all of them saw."""

    seen: tuple[Seen, ...]
    differ: tuple[Syscall, ...] = ()


class _Runs(NamedTuple):
    """Runs of one subject, each with a recorder of its own."""

    laboratory: Laboratory
    subject: Subject
    max_lost: int
    progress: Callable[[str], None]

    def once(self, recorder: Recorder) -> Seen:
        """What is seen; may be nothing. Where too much was lost, it is seen again: others flood the same stream."""
        for _ in range(RECORDING_ATTEMPTS):
            seen = self._attempt(recorder)
            if seen.lost <= self.max_lost:
                return seen
        raise Refused(
            f"{seen.lost} records of {seen.records + seen.lost} were lost, and {self.max_lost} may be",
            hint="try again on a calmer host, or with a smaller workload",
        )

    def _attempt(self, recorder: Recorder) -> Seen:
        image, options, confinement, workload = self.subject
        self.progress(f"recording {image} ({recorder.method})")
        outcome, seen = recorder.record(self.laboratory, image, options, confinement, workload)
        if not outcome.started or outcome.workload != 0:
            hint = _NOT_YET if outcome.started else _NO_START
            raise Refused(f"{image} was not recorded: {why_not(outcome)}", hint=hint)
        return seen


def record(
    laboratory: Laboratory, choice: Choice, subject: Subject, *, max_lost: int = 0, progress: Callable[[str], None]
) -> Session:
    """Record it once, and a second time where the first recorder does not tell everything.

    Raises:
        Refused: the workload failed, or more than ``max_lost`` records were lost.
        NotSetUp: nothing of the container was seen: the engine is on another host.
        PytrustError: as ``Recorder.record``.
    """
    runs = _Runs(laboratory, subject, max_lost, progress)
    first = runs.once(choice.first)
    if not first.calls:
        hint = "let the workload wait until the program has worked; record on the host where the engine runs, as root"
        raise NotSetUp(f"nothing that {subject.image} did was seen", hint=hint)
    if choice.second is None:
        return Session((first,))
    second = runs.once(choice.second)
    sure = _sure(runs, choice, first, second)
    return Session((first, sure), tuple(sorted(first.names ^ second.names)))


def _sure(runs: _Runs, choice: Choice, first: Seen, second: Seen) -> Seen:
    """What the second run saw, without the arguments of calls that were also made where it cannot look."""
    for call in (call for call in BY_FIRST if _programs(call, first) - _programs(call, second)):
        known = {values[0] for seen, values in second.arguments or () if seen == call}
        others = choice.others if call in _OF_SOCKETS else None
        if others is None or call in runs.once(others(call, known)).names:
            kept = frozenset(argument for argument in second.arguments or () if argument.call != call)
            second = replace(second, arguments=kept)
    return second


def _programs(call: Syscall, seen: Seen) -> set[str]:
    return {program for name, program in seen.calls if name == call}
