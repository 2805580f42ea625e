"""Conditions of which libseccomp makes a program that does what they say. Pure.

libseccomp joins the rules about one call into a tree of comparisons, and where comparisons of several arguments, or of
upper halves of 64 bits, or rules with different actions meet in it, its program may do something else (tried with 2.5.4
on some thousand random filters; ``profile simulate`` shows it for one). None was wrong where all numbers are below
2**32, and all conditions are on one argument, or all ask for equality or equality under a mask, and all rules with
conditions give one verdict, or all ask for equality. Docker's rules are of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytrust.policy.profiles.compare.answers import Answers, answers
from pytrust.policy.profiles.model import Arg
from pytrust.policy.profiles.names import Arch, Op, Syscall
from pytrust.policy.profiles.seccomp.runc import Filter
from pytrust.policy.profiles.seccomp.syscalls import names
from pytrust.policy.profiles.seccomp.verdict import Verdict

_UPPER: Final = 1 << 32
_EQUAL: Final = frozenset({Op.EQ})
_SINGLE: Final = frozenset({Op.EQ, Op.MASKED_EQ})


def is_plain(said: Answers) -> bool:
    """Whether the program will do what is said."""
    conditions = [arg for args, _ in said.rules for arg in args]
    ops, places = {arg.op for arg in conditions}, {arg.index for arg in conditions}
    verdicts = {verdict for args, verdict in said.rules if args}
    small = all(max(arg.value, arg.second) < _UPPER for arg in conditions)
    return small and (ops <= _EQUAL or (len(verdicts) <= 1 and (len(places) <= 1 or ops <= _SINGLE)))


def doubtful(before: Filter, after: Filter, arch: Arch) -> Iterator[Syscall]:
    """Calls whose rules are others than before, or come in another order, and may not do what they say."""
    for number in sorted(after.cases):
        if not is_plain(answers(after, number)) and _written(after, number) != _written(before, number):
            yield names(arch)[number]


def _written(loaded: Filter, number: int) -> tuple[Verdict, list[tuple[tuple[Arg, ...], Verdict]]]:
    """The rules in the order in which libseccomp gets them, which decides what tree it makes of them; each once."""
    cases = sorted(loaded.cases.get(number, ()), key=lambda case: case.rule)
    return loaded.default, list(dict.fromkeys((case.conditions, case.verdict) for case in cases))
