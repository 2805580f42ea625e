"""What else decides about sockets and System V IPC on 32-bit x86, and must not spoil a combination. Pure.

There, libseccomp makes each rule about such a call for ``socketcall`` or ``ipc``, too, without its condition on the
first argument; and runc does not count those calls when it looks for the largest number that a filter names, above
which it answers ENOSYS. So a combination that is right call by call is looked at again as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pytrust.policy.profiles.compare.answers import Answers, answers
from pytrust.policy.profiles.compare.combine_calls import CombinedCalls
from pytrust.policy.profiles.compare.difference import openness
from pytrust.policy.profiles.compare.regions import Budget, cases
from pytrust.policy.profiles.compare.single import errno_of
from pytrust.policy.profiles.model import Resolved
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seccomp.runc import Filter, filter_of
from pytrust.policy.profiles.seccomp.syscalls import MULTIPLEXED, X86, table
from pytrust.policy.profiles.seccomp.verdict import FOREIGN, Verdict, verdict_of
from pytrust.trust.limits import PROFILE_WORK_MAX

_THROUGH: Final = tuple(sorted({through for through, _ in MULTIPLEXED.values()}))


def _number(name: Syscall) -> int:
    """Its number there, or 0 where runc does not count it."""
    return 0 if name in MULTIPLEXED else table(X86).get(name, 0)


_HIGHEST: Final = max(table(X86), key=_number)


class _Group(NamedTuple):
    """Calls that go through another one, that one included; ``more``: the safe side is that of letting through."""

    through: Syscall
    members: frozenset[Syscall]
    sides: tuple[Resolved, Resolved]
    more: bool

    def gaps(self, result: Resolved) -> frozenset[int]:
        """How much more (or less) than both sides ask for the combination lets through; below 0 is not safe."""
        ours, *theirs = (_filter(one) for one in (result, *self.sides))
        numbers = [table(X86)[name] for name in sorted(self.members) if name in table(X86)]
        return frozenset(
            gap for at in numbers for gap in self._gaps_at(_answers(ours, at), [_answers(side, at) for side in theirs])
        )

    def _gaps_at(self, ours: Answers, theirs: list[Answers]) -> Iterator[int]:
        conditions = {arg for one in (ours, *theirs) for args, _ in one.rules for arg in args}
        tried = cases(conditions, 32, Budget(PROFILE_WORK_MAX))
        if tried is None:
            yield -1
        for args in tried or ():
            got, *wanted = (openness(one.to(args, wide=False).action) for one in (ours, *theirs))
            yield got - max(wanted) if self.more else min(wanted) - got

    def levelled(self, calls: CombinedCalls) -> CombinedCalls:
        """One answer for all that goes through, and no rule left that says less (or more)."""
        actions = [rule.action for side in self.sides for rule in side.rules if self.members.intersection(rule.names)]
        actions += [side.default for side in self.sides]
        extreme = (max if self.more else min)(actions, key=openness)
        said = dict(calls.said)
        touched = self.members & said.keys()
        for name in touched:
            if not all(self._stays(openness(verdict.action), openness(extreme)) for _, verdict in said[name]):
                said[name] = (((), verdict_of(extreme, None)),)
        said[self.through] = (((), verdict_of(extreme, None)),)
        return CombinedCalls(said, tuple(sorted({*calls.inexact, *touched, self.through})))

    def _stays(self, open_: int, level: int) -> bool:
        return open_ >= level if self.more else open_ <= level


def mended(
    calls: CombinedCalls, sides: tuple[Resolved, Resolved], default: Verdict, *, more: bool
) -> tuple[CombinedCalls, tuple[Syscall, ...]]:
    """The same with each group of calls on the safe side, and the names that only have to be there."""
    if not more and not openness(default.action):
        calls = _trimmed(calls, sides)
    for through in _THROUGH:
        members = frozenset({through, *(name for name, (one, _) in MULTIPLEXED.items() if one == through)})
        group = _Group(through, members, sides, more)
        gaps = group.gaps(_resolved(calls, sides, default, more=more))
        if gaps and min(gaps) < 0:
            calls = group.levelled(calls)
        elif any(gaps):
            calls = CombinedCalls(calls.said, tuple(sorted({*calls.inexact, through})))
    return calls, kept_names(calls.named(default), sides, more=more)


def _resolved(calls: CombinedCalls, sides: tuple[Resolved, Resolved], default: Verdict, *, more: bool) -> Resolved:
    rules = calls.rules(default, kept_names(calls.named(default), sides, more=more))
    return Resolved(default=default.action, default_errno=errno_of(default), architectures=(X86,), rules=rules)


def _filter(resolved: Resolved) -> Filter | None:
    return filter_of.__wrapped__(resolved, X86) if X86 in resolved.architectures else None


def _answers(loaded: Filter | None, number: int) -> Answers:
    return answers(loaded, number) if loaded is not None else Answers((), FOREIGN)


def _trimmed(calls: CombinedCalls, sides: tuple[Resolved, Resolved]) -> CombinedCalls:
    """Without calls that one side alone names, to refuse them: they are refused in any case, and would raise the number
    above which nothing is known.
    """
    ours, theirs = ({name for rule in side.rules for name in rule.names} for side in sides)
    said = {
        name: rows
        for name, rows in calls.said.items()
        if name in ours & theirs or name in _THROUGH or any(openness(verdict.action) for _, verdict in rows)
    }
    return CombinedCalls(said, calls.inexact)


def kept_names(named: Iterable[Syscall], sides: tuple[Resolved, Resolved], *, more: bool) -> tuple[Syscall, ...]:
    """Names that a filter has to have besides ``named``, so that what is above the largest is no less (or no more)."""
    ours, theirs = ({name for rule in side.rules for name in rule.names} for side in sides)
    kept = (ours | theirs if more else ours & theirs) | {*named}
    plain = [{name for name in names if _number(name)} for names in (ours, theirs)]
    if (
        more
        and any(plain)
        and any(not there and names & MULTIPLEXED.keys() for there, names in zip(plain, (ours, theirs), strict=True))
    ):
        kept.add(_HIGHEST)
    if not more and any(plain) and not any(map(_number, kept)):
        kept.add(min(plain[0] | plain[1], key=_number))
    return tuple(sorted(kept - {*named}))
