"""Two seccomp filters as one: for each call and each region of arguments, one of the two answers. Pure.

A filter cannot say everything: two conditions on one argument are two rules to runc, so that "from 3 to 7" is not
said. So rules are tried that may say it (those of one side, of both, each of one side with each of the other), and the
first that say exactly the right thing in every region (``regions``), with arguments of 64 and of 32 bits, are taken.
Where none do, the whole call gets one answer that is on the safe side, and that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain, product
from typing import NamedTuple

import msgspec

from pytrust.policy.profiles.compare.answers import Answers
from pytrust.policy.profiles.compare.regions import Budget, cases, values
from pytrust.policy.profiles.compare.single import Home, alone, by_name, default_of, homes, rule_of
from pytrust.policy.profiles.model import Arg, Resolved, Rule
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seccomp.runc import holds
from pytrust.policy.profiles.seccomp.syscalls import is_wide
from pytrust.policy.profiles.seccomp.verdict import Verdict, verdict_of
from pytrust.trust.limits import PROFILE_WORK_MAX

Pick = Callable[[Verdict, Verdict], Verdict]
"""Of two verdicts, the one that stands; the order of the two does not matter."""
Said = tuple[tuple[tuple[Arg, ...], Verdict], ...]
"""Conditions and what is said then, in order."""


class CombinedCalls(NamedTuple):
    """What is said of each call, and the calls of which it is not exact."""

    said: Mapping[Syscall, Said]
    inexact: tuple[Syscall, ...]

    def named(self, default: Verdict) -> set[Syscall]:
        """Calls of which anything else is said than the default."""
        return {name for name, said in self.said.items() if any(verdict != default for _, verdict in said)}

    def rules(self, default: Verdict, idle: tuple[Syscall, ...] = ()) -> tuple[Rule, ...]:
        """Calls of which all the same is said share their rules; ``idle``, which only have to be named, come last."""
        groups: dict[Said, list[Syscall]] = {}
        for name, said in self.said.items():
            if other := tuple(row for row in said if row[1] != default):
                groups.setdefault(other, []).append(name)
        rules = [rule for said, names in groups.items() for rule in rules_of(names, said)]
        return (*rules, *([rule_of(idle, default)] if idle else []))


class _Both(NamedTuple):
    """A call on one architecture, on both sides."""

    home: Home
    one: Answers
    other: Answers


def combined_calls(one: Resolved, other: Resolved, pick: Pick) -> CombinedCalls:
    """What a filter says that answers each call as ``pick`` does; its default is ``pick`` of both defaults.

    Raises:
        BadContent: runc refuses one of the two.
    """
    mine, yours = default_of(one), default_of(other)
    found: dict[Syscall, Said] = {}
    inexact: list[Syscall] = []
    ours, theirs = by_name(one), by_name(other)
    for name in sorted(ours.keys() | theirs.keys()):
        first, second = ours.get(name, ()), theirs.get(name, ())
        both = [_Both(home, alone(first, mine, home), alone(second, yours, home)) for home in homes(name)]
        written = sorted((_as_written(first), _as_written(second)), key=repr)
        tried = chain(written, _candidates(both[0].one, both[0].other, pick(mine, yours), pick))
        found[name], exact = _said(tried, both, pick(mine, yours), pick)
        inexact += [] if exact else [name]
    return CombinedCalls(found, tuple(inexact))


def rules_of(names: Iterable[Syscall], said: Said) -> tuple[Rule, ...]:
    """As rules about calls."""
    together = tuple(names)
    return tuple(msgspec.structs.replace(rule_of(together, verdict), args=args) for args, verdict in said)


def _as_written(rules: tuple[Rule, ...]) -> Said:
    return tuple((rule.args, verdict_of(rule.action, rule.errno)) for rule in rules)


def _said(tried: Iterable[Said], both: Sequence[_Both], default: Verdict, pick: Pick) -> tuple[Said, bool]:
    for said in tried:
        if all(_exact(said, one, default, pick) for one in both):
            return said, True
    possible = chain.from_iterable((*one.one.possible(), *one.other.possible()) for one in both)
    return (((), reduce(pick, possible)),), False


def _candidates(one: Answers, other: Answers, default: Verdict, pick: Pick) -> Iterator[Said]:
    """The same whichever side is first."""
    first, second = sorted((one.rules, other.rules), key=repr)
    yield first
    yield second
    yield first + second
    if (crossed := _crossed(one, other, default, pick)) is not None:
        yield crossed


def _crossed(one: Answers, other: Answers, default: Verdict, pick: Pick) -> Said | None:
    """Each condition of one side with each of the other; None where a rule cannot hold them together."""
    found: dict[tuple[Arg, ...], Verdict] = {}
    ours, theirs = ((*side.rules, ((), side.default)) for side in (one, other))
    for (first, mine), (second, yours) in product(ours, theirs):
        together = _together(first + second)
        if together is None:
            return None
        for args in together:
            found.setdefault(args, pick(mine, yours))
    return tuple((args, verdict) for args, verdict in found.items() if args or verdict != default)


def _together(args: tuple[Arg, ...]) -> tuple[tuple[Arg, ...], ...] | None:
    """One rule for all conditions; none where no argument fulfils them; None where a rule cannot say it."""
    kept: list[Arg] = []
    for index in sorted({arg.index for arg in args}):
        several = tuple(dict.fromkeys(arg for arg in args if arg.index == index))
        tried = values(several, 64, Budget(PROFILE_WORK_MAX)) or ()
        good = [value for value in tried if all(_fulfils(arg, value) for arg in several)]
        if tried and not good:
            return ()
        enough = next((arg for arg in several if [value for value in tried if _fulfils(arg, value)] == good), None)
        if enough is None:
            return None
        kept.append(enough)
    return (tuple(kept),)


def _fulfils(arg: Arg, value: int) -> bool:
    return holds(arg, (value,) * 6, wide=True)


def _exact(said: Said, both: _Both, default: Verdict, pick: Pick) -> bool:
    candidate, wide = alone(rules_of((both.home.name,), said), default, both.home), is_wide(both.home.arch)
    conditions = {arg for side in (candidate, both.one, both.other) for args, _ in side.rules for arg in args}
    tried = cases(conditions, 64 if wide else 32, Budget(PROFILE_WORK_MAX))
    return tried is not None and all(
        candidate.to(args, wide=wide) == pick(both.one.to(args, wide=wide), both.other.to(args, wide=wide))
        for args in tried
    )
