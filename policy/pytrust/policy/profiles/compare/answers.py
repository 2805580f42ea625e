"""What one filter says of one call, taken out of the filter so that it can be compared. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pytrust.policy.profiles.model import Arg
from pytrust.policy.profiles.seccomp.runc import Filter, holds
from pytrust.policy.profiles.seccomp.verdict import UNKNOWN, Verdict


class Answers(NamedTuple):
    """Conditions that must all hold, with the verdict then; the first that do decide, or else the default."""

    rules: tuple[tuple[tuple[Arg, ...], Verdict], ...]
    default: Verdict

    def to(self, args: Sequence[int], *, wide: bool) -> Verdict:
        """The verdict for six arguments; ``wide``: of 64 bits."""
        six = tuple(args)
        for conditions, verdict in self.rules:
            if all(holds(condition, six, wide=wide) for condition in conditions):
                return verdict
        return self.default

    def possible(self) -> set[Verdict]:
        """Every verdict that there may be for some arguments."""
        whole = any(not conditions for conditions, _ in self.rules)
        return {verdict for _, verdict in self.rules} | (set() if whole else {self.default})


def answers(loaded: Filter, number: int) -> Answers:
    """What ``loaded`` says of a call; conditions that an earlier rule repeats are never asked."""
    if loaded.last is not None and number > loaded.last:
        return Answers((), UNKNOWN)
    found: dict[tuple[Arg, ...], Verdict] = {}
    for case in loaded.cases.get(number, ()):
        found.setdefault(case.conditions, case.verdict)
    return Answers(tuple(found.items()), loaded.default)
