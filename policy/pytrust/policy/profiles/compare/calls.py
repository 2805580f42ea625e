"""What two filters do with every call of one architecture that they do not do alike. Pure.

A call is looked at with one set of arguments for each region that the conditions of both filters make (``regions``), so
that nothing is missed. Calls that no rule of either side is about differ by the defaults alone, and are told together,
with one that stands for all that a later kernel may have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from pytrust.policy.profiles.compare.answers import Answers, answers
from pytrust.policy.profiles.compare.difference import openness
from pytrust.policy.profiles.compare.region_words import region_words
from pytrust.policy.profiles.compare.regions import Budget, cases
from pytrust.policy.profiles.names import Arch
from pytrust.policy.profiles.seccomp.runc import Filter
from pytrust.policy.profiles.seccomp.syscalls import is_wide, names
from pytrust.policy.profiles.seccomp.verdict import Verdict

_LATER: Final = "calls of later kernels"
_FUTURE: Final = 0x2000  # above each number that there is, and below the bit of x32
_NAMES_TOLD: Final = 3
_WIDE: Final = 64
_NARROW: Final = 32


class Found(NamedTuple):
    """One difference. Both verdicts are None where there is more to compare than anybody can.

    ``everywhere``: the subject says what architecture it is about, where that matters.
    """

    subject: str
    before: Verdict | None
    after: Verdict | None
    everywhere: bool = False


def compared(before: Filter, after: Filter, arch: Arch, budget: Budget) -> Iterator[Found]:
    """Every difference on one architecture that both know."""
    named = before.cases.keys() | after.cases.keys()
    for number in sorted(named):
        ours, theirs = answers(before, number), answers(after, number)
        if ours != theirs:
            yield from call_differences(names(arch)[number], (ours, theirs), budget, wide=is_wide(arch))
    yield from _silent(before, after, arch, named)


def open_calls(loaded: Filter, arch: Arch, budget: Budget) -> int:
    """How many calls a filter lets through, with some arguments at least."""
    wide = is_wide(arch)
    return sum(opens(answers(loaded, number), budget, wide=wide) for number in names(arch))


def opens(said: Answers, budget: Budget, *, wide: bool) -> bool:
    """Whether a call is let through with some arguments; yes, too, where nobody can look at all of them."""
    if not any(openness(one.action) for one in said.possible()):
        return False
    conditions = {arg for args, _ in said.rules for arg in args}
    tried = cases(conditions, _WIDE if wide else _NARROW, budget)
    if tried is None or (conditions and not budget.take(len(tried) * len(said.rules))):
        return True
    return any(openness(said.to(args, wide=wide).action) for args in tried)


def call_differences(name: str, both: tuple[Answers, Answers], budget: Budget, *, wide: bool) -> Iterator[Found]:
    """What is not alike about one call, with arguments of 64 bits or of 32."""
    rules = [rule for side in both for rule in side.rules]
    conditions = tuple(dict.fromkeys(arg for args, _ in rules for arg in args))
    bits = _WIDE if wide else _NARROW
    everywhere = cases(conditions, bits, budget)
    if everywhere is None or (conditions and not budget.take(len(everywhere) * (len(rules) + 1))):
        yield Found(name, None, None)
        return
    pairs: dict[tuple[Verdict, ...], list[tuple[int, ...]]] = {}
    for args in everywhere:
        pairs.setdefault(tuple(side.to(args, wide=wide) for side in both), []).append(args)
    for (one, other), where in pairs.items():
        if one != other:
            told = region_words(where, everywhere, conditions, bits) if len(pairs) > 1 else ""
            yield Found(f"{name}{told}", one, other)


def _silent(before: Filter, after: Filter, arch: Arch, named: Collection[int]) -> Iterator[Found]:
    """Calls that only the defaults are about."""
    groups: dict[tuple[Verdict, Verdict], list[str]] = {}
    every = {**names(arch), max(names(arch)) | _FUTURE: _LATER}
    for number, name in every.items():
        if number not in named:
            groups.setdefault((answers(before, number).default, answers(after, number).default), []).append(name)
    for (one, other), members in groups.items():
        if one != other:
            yield Found(_together(members), one, other)


def _together(members: list[str]) -> str:
    if len(members) <= _NAMES_TOLD:
        return ", ".join(members)
    return f"{len(members)} calls that neither names ({', '.join(members[:_NAMES_TOLD])}, ...)"
