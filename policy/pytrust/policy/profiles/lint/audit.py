"""The dangerous calls that a profile lets through, and the evidence that the image needs them. Pure.

A call counts as open where the filter lets it through with some arguments, on an architecture that the host runs; of
calls that are dangerous with some arguments only, those arguments are looked at, also with bits above the lower 32 set:
the kernel reads an ``int`` there, and does not see them. Evidence is what was recorded, what failed without it, what
the runtime needs, and what stands in for something recorded. That somebody wrote it, or that a program could reach it,
is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

from pytrust.policy.profiles.compare.answers import Answers
from pytrust.policy.profiles.compare.difference import openness
from pytrust.policy.profiles.dangerous import BY_ARGUMENT, CALLS, TOGETHER, Danger, Flag
from pytrust.policy.profiles.lint.openings import Openings, openings
from pytrust.policy.profiles.model import Evidence, Profile, Why
from pytrust.policy.profiles.names import Arch, Syscall
from pytrust.policy.profiles.seccomp.resolve import Host

COUNTS: Final = frozenset({Why.RECORDED, Why.PROVEN, Why.FLOOR, Why.SIBLING})
"""What shows that something has to be open."""

_UPPER: Final = 1 << 32


class Exposure(NamedTuple):
    """Something dangerous that is open: ``subject`` reads ``bpf`` or ``socket AF_PACKET``; ``note`` is a remark."""

    subject: str
    danger: Danger
    arches: tuple[Arch, ...]
    evidence: tuple[Evidence, ...]
    note: str = ""

    @property
    def excused(self) -> bool:
        """Somebody saw that the image needs it."""
        return any(one.why in COUNTS for one in self.evidence)


def audit(profile: Profile, host: Host) -> tuple[Exposure, ...]:
    """Everything dangerous that is open, worst (without evidence) first.

    Raises:
        UsageError: the host's calls are not known.
        BadContent: runc refuses the profile.
    """
    found = openings(profile, host)
    exposures = [*_calls(profile, found), *_arguments(profile, found), *_together(profile, found)]
    return tuple(sorted(exposures, key=lambda one: one.excused))


def _calls(profile: Profile, found: Openings) -> Iterator[Exposure]:
    for name, danger in CALLS.items():
        if arches := found.where(name):
            yield Exposure(name, danger, arches, _evidence(profile, {f"syscall:{name}"}))


def _together(profile: Profile, found: Openings) -> Iterator[Exposure]:
    for (one, other), danger in TOGETHER.items():
        if arches := tuple(arch for arch in found.where(one) if arch in found.where(other)):
            both = [_evidence(profile, {f"syscall:{name}"}) for name in (one, other)]
            evidence = both[0] + both[1] if all(both) else ()
            yield Exposure(f"{one} with {other}", danger, arches, evidence)


def _arguments(profile: Profile, found: Openings) -> Iterator[Exposure]:
    for call, flags in BY_ARGUMENT.items():
        for flag, danger in flags.items():
            plain = found.where(call, partial(_lets, flag.value))
            hidden = found.where(call, partial(_lets, flag.value | _UPPER))
            if plain or hidden:
                note = "" if plain else "with bits above the lower 32, which the kernel does not look at"
                evidence = _evidence(profile, _subjects(profile, call, flag))
                yield Exposure(f"{call} {flag.name}", danger, plain or hidden, evidence, note)


def _lets(value: int, said: Answers, wide: bool) -> bool:
    return bool(openness(said.to((value, 0, 0, 0, 0, 0), wide=wide).action))


def _subjects(profile: Profile, call: Syscall, flag: Flag) -> set[str]:
    """How evidence for an argument is written: by its name, or as a number that has the bit."""
    begin = f"argument:{call}:"
    words = {one.subject.removeprefix(begin) for one in profile.evidence if one.subject.startswith(begin)}
    return {begin + flag.name} | {begin + word for word in words if call == "personality" and _has(word, flag.value)}


def _has(word: str, bit: int) -> bool:
    try:
        return bool(int(word, 0) & bit)
    except ValueError:
        return False


def _evidence(profile: Profile, subjects: Iterable[str]) -> tuple[Evidence, ...]:
    wanted = frozenset(subjects)
    return tuple(one for one in profile.evidence if one.subject in wanted)
