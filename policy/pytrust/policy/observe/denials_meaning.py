"""What a profile refuses, by the numbers of calls; and what a refusal that was seen has to do with it. Pure.

The kernel tells of refusals by all filters of a process. A container's programs may have filters of their own (OpenSSH,
browsers), and the kernel refuses things by itself. What the container's profile would have let through was not refused
by it. A call that is answered with ENOSYS is no denial: the program is told that there is none, and takes another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from pytrust.policy.observe.denials_model import Answer, Refusal
from pytrust.policy.profiles.model import Resolved
from pytrust.policy.profiles.names import Action, Arch
from pytrust.policy.profiles.seccomp.runc import Filter, filter_of, holds
from pytrust.policy.profiles.seccomp.syscalls import KNOWN_ARCHES, is_wide, names
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
    if answer.by_first is not None and refusal.first is not None:
        answer = Answer(frozenset({answer.by_first(refusal.first)}), sure=True)
    return answer if any(_is(verdict, refusal) for verdict in answer.verdicts) else None


def _is(verdict: Verdict, refusal: Refusal) -> bool:
    if verdict.action is not refusal.action or verdict.action in _SILENT:
        return False
    return verdict.action is not Action.ERRNO or (verdict.errno != ENOSYS and refusal.errno in {None, verdict.errno})


def _answers(loaded: Filter, arch: Arch) -> Iterator[tuple[int, Answer]]:
    for number in names(arch):
        verdicts = _verdicts(loaded, number)
        told = frozenset(verdict for verdict in verdicts if verdict.action not in _SILENT)
        if told:
            yield number, Answer(told, told == verdicts, _by_first(loaded, number, arch))


def _by_first(loaded: Filter, number: int, arch: Arch) -> Callable[[int], Verdict] | None:
    """None where there is nothing to look at, or more than the first argument."""
    cases, wide = loaded.cases.get(number, ()), is_wide(arch)
    conditions = [condition for case in cases for condition in case.conditions]
    if not conditions or any(condition.index for condition in conditions):
        return None

    def by_first(first: int) -> Verdict:
        args = (first, 0, 0, 0, 0, 0)
        hit = (case for case in cases if all(holds(condition, args, wide=wide) for condition in case.conditions))
        return next((case.verdict for case in hit), loaded.default)

    return by_first


def _verdicts(loaded: Filter, number: int) -> frozenset[Verdict]:
    """All that a call may get, by its arguments."""
    if loaded.last is not None and number > loaded.last:
        return frozenset({UNKNOWN})
    several = loaded.cases.get(number, ())
    rest = [] if any(not case.conditions for case in several) else [loaded.default]
    return frozenset([*(case.verdict for case in several), *rest])
