"""The proof of a profile: that it means what it says, and that the image gets through its work under it.

First what can be known without running anything (``prove_rules``), so that no engine is asked to run what would hang
it. Then the acceptance workload: once in the shadow of the profile, where what would be refused is noted, and as often
as wanted under it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pytrust.policy.observe.judgement import why_not
from pytrust.policy.observe.proof import Answer, Check, Proof, some
from pytrust.policy.observe.prove_rules import OnEngine, looks, on_engine
from pytrust.policy.observe.recording import Recorder
from pytrust.policy.observe.session import Subject
from pytrust.policy.observe.shadow import Shadowed, shadow_of, shadowed
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, Outcome, RunOptions
from pytrust.policy.profiles.floor import Floors
from pytrust.policy.profiles.model import Profile, Seccomp
from pytrust.trust.errors import Refused
from pytrust.trust.limits import RECORDING_ATTEMPTS

_UNSOUND = Check("run", None, "not run: what is wrong already could hang the engine", 0.0)


class Task(NamedTuple):
    """What is run: the acceptance workload, ``runs`` times, each in a container of its own.

    ``as_is``: without the runtime's floor, which is joined whenever pytrust applies a profile.
    """

    image: str
    options: RunOptions
    workload: Callable[[Live], int]
    runs: int = 1
    as_is: bool = False


class Means(NamedTuple):
    """What it is proven with.

    ``watching`` makes a recorder that runs a container under a file, and sees what that file notes, as
    ``AuditRecorder`` does; ``measured`` are the floors of this host.
    """

    laboratory: Laboratory
    watching: Callable[[Seccomp], Recorder]
    measured: Floors


def verify(profile: Profile, means: Means, task: Task, on_progress: Callable[[str], None]) -> Proof:
    """Prove ``profile`` for an image; ``on_progress`` is given one line before each thing that is looked at.

    Raises:
        BadContent: the profile is none for Docker.
        PytrustError: as ``Laboratory.run`` and ``Laboratory.engine`` say.
    """
    subject = on_engine(profile, means.laboratory.engine(), means.measured, as_is=task.as_is)
    return Proof(tuple(_checks(subject, means, task, on_progress)))


def _checks(subject: OnEngine, means: Means, task: Task, on_progress: Callable[[str], None]) -> Iterator[Check]:
    sound = True
    for name, look in looks(subject):
        on_progress(f"looking at the {name}")
        check = _timed(name, look)
        sound = sound and check.good is not False
        yield check
    if not sound:
        yield _UNSOUND
        return
    running = _Running(subject, means, task)
    on_progress("running it in the profile's shadow")
    yield _timed("refused", running.shadow)
    for number in range(1, task.runs + 1):
        name = f"run {number}" if task.runs > 1 else "run"
        on_progress(f"running it under the profile ({number} of {task.runs})")
        yield _timed(name, running.enforced)


def _timed(name: str, look: Callable[[], Answer]) -> Check:
    started = time.monotonic()
    try:
        good, note = look()
    except Refused as error:
        good, note = False, str(error)
    return Check(name, good, note, time.monotonic() - started)


class _Running:
    """Trials with the acceptance workload; how it ended in the shadow is how it has to end under the profile."""

    def __init__(self, subject: OnEngine, means: Means, task: Task) -> None:
        profile = subject.profile
        confinement = Confinement(
            seccomp=subject.text,
            capabilities=profile.capabilities,
            no_new_privileges=profile.no_new_privileges,
            read_only=profile.read_only,
        )
        options = task.options._replace(user=task.options.user or profile.user)
        self._subject = Subject(task.image, options, confinement, task.workload)
        self._seccomp, self._means = subject.seccomp, means
        self._before: Outcome | None = None

    def shadow(self) -> Answer:
        recorder = self._means.watching(shadow_of(self._seccomp))
        if reason := recorder.missing():
            return None, f"what is refused cannot be seen: {reason}"
        for _ in range(RECORDING_ATTEMPTS):
            found = shadowed(recorder, self._means.laboratory, self._subject, self._seccomp)
            if not found.lost or found.refused:
                break
        if found.outcome.started and found.outcome.workload == 0:
            self._before = found.outcome
        return _of_shadow(found)

    def enforced(self) -> Answer:
        outcome = self._means.laboratory.run(*self._subject)
        if reason := why_not(outcome, self._before):
            return False, reason
        ended = "does not stop by itself" if outcome.exit is None else f"stopped with {outcome.exit}"
        return True, f"the workload said yes, the container {ended}"


def _of_shadow(found: Shadowed) -> Answer:
    if reason := why_not(found.outcome, found.outcome):
        return False, f"{reason}, though no call was refused"
    if found.refused:
        return False, f"it would refuse {some([f'{call} of {program}' for call, program, _ in found.refused])}"
    if found.lost:
        return None, f"{found.lost} records were lost: run it on a calmer host"
    return True, "it would refuse nothing"
