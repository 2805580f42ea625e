"""One image recorded: the calls by the best recorder there is, and arguments and files by one that tells them.

The second run is a check of the first, too: two recorders that know nothing of each other have to see the same calls.
What only one of them saw counts as seen, and is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pytrust.policy.observe.judgement import why_not
from pytrust.policy.observe.recorder import Choice
from pytrust.policy.observe.recording import Recorder
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, RunOptions
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seen import Seen
from pytrust.trust.errors import NotSetUp, Refused


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


def record(
    laboratory: Laboratory, choice: Choice, subject: Subject, *, max_lost: int = 0, progress: Callable[[str], None]
) -> Session:
    """Record it once, and a second time where the first recorder does not tell everything.

    Raises:
        Refused: the workload failed, or more than ``max_lost`` records were lost.
        NotSetUp: nothing of the container was seen: the engine is on another host.
        PytrustError: as ``Recorder.record``.
    """
    seen = tuple(
        _one(laboratory, recorder, subject, max_lost, progress)
        for recorder in (choice.first, choice.second)
        if recorder
    )
    return Session(seen, tuple(sorted(_differences(seen))))


def _one(
    laboratory: Laboratory, recorder: Recorder, subject: Subject, max_lost: int, progress: Callable[[str], None]
) -> Seen:
    progress(f"recording {subject.image} ({recorder.method})")
    image, options, confinement, workload = subject
    outcome, seen = recorder.record(laboratory, image, options, confinement, workload)
    if not outcome.started or outcome.workload != 0:
        raise Refused(f"{image} was not recorded: {why_not(outcome)}", hint="does it work without being recorded?")
    if not seen.calls:
        raise NotSetUp(f"nothing that {image} did was seen", hint="record on the host where the engine runs, as root")
    if seen.lost > max_lost:
        raise Refused(
            f"{seen.lost} records of {seen.records + seen.lost} were lost, and {max_lost} may be",
            hint="try again on a calmer host, or with a smaller workload",
        )
    return seen


def _differences(seen: tuple[Seen, ...]) -> Iterator[Syscall]:
    everything = frozenset[Syscall]().union(*(run.names for run in seen))
    for name in everything:
        if not all(name in run.names for run in seen):
            yield name
