"""What a profile refuses, by the numbers of calls; and what a refusal that was seen has to do with it. Pure.

The kernel tells of refusals by all filters of a process. A container's programs may have filters of their own (OpenSSH,
browsers), and the kernel refuses things by itself. What the container's profile would have let through was not refused
by it. A call that is answered with ENOSYS is no denial: the program is told that there is none, and takes another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pytrust.policy.observe.denials_model import Answer, Refusal
from pytrust.policy.profiles.model import Resolved
from pytrust.policy.profiles.names import Action, Arch
from pytrust.policy.profiles.seccomp.runc import Filter, filter_of
from pytrust.policy.profiles.seccomp.syscalls import KNOWN_ARCHES, names
from pytrust.policy.profiles.seccomp.verdict import ENOSYS, FOREIGN, UNKNOWN, Verdict

OPEN: Final = frozenset({Action.ALLOW, Action.LOG, Action.NOTIFY, Action.TRACE})
"""Actions that may let a call through."""
_SILENT: Final = OPEN - {Action.LOG}
_FOREIGN: Final = Answer(frozenset({FOREIGN}), sure=True)

Answers = Mapping[Arch, Mapping[int, Answer]]


def answers(resolved: Resolved, native: Arch) -> Answers:
    """What is not simply let through, by architecture and number.

    Raises:
        BadContent: runc refuses the profile.
    """
    wanted = [arch for arch in dict.fromkeys((native, *resolved.architectures)) if arch in KNOWN_ARCHES]
    return {arch: dict(_answers(filter_of(resolved, arch), arch)) for arch in wanted}


def answer_to(refusal: Refusal, found: Answers) -> Answer | None:
    """What the profile has to do with it; None where it was not the profile."""
    answer = found[refusal.arch].get(refusal.number) if refusal.arch in found else _FOREIGN
    if answer is None or refusal.number not in names(refusal.arch):
        return None
    return answer if any(_is(verdict, refusal) for verdict in answer.verdicts) else None


def _is(verdict: Verdict, refusal: Refusal) -> bool:
    if verdict.action is not refusal.action:
        return False
    return verdict.action is not Action.ERRNO or (verdict.errno != ENOSYS and refusal.errno in {None, verdict.errno})


def _answers(loaded: Filter, arch: Arch) -> Iterator[tuple[int, Answer]]:
    for number in names(arch):
        verdicts = _verdicts(loaded, number)
        told = frozenset(verdict for verdict in verdicts if verdict.action not in _SILENT)
        if told:
            yield number, Answer(told, sure=told == verdicts)


def _verdicts(loaded: Filter, number: int) -> frozenset[Verdict]:
    """All that a call may get, by its arguments."""
    if loaded.last is not None and number > loaded.last:
        return frozenset({UNKNOWN})
    several = loaded.cases.get(number, ())
    rest = [] if any(not case.conditions for case in several) else [loaded.default]
    return frozenset([*(case.verdict for case in several), *rest])
