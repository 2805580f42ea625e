"""What else decides about sockets and System V IPC on 32-bit x86, and must not spoil a combination. Pure.

There, libseccomp makes each rule about such a call for ``socketcall`` or ``ipc``, too, without its condition on the
first argument; and runc does not count those calls when it looks for the largest number that a filter names, above
which it answers ENOSYS. So a combination that is right call by call is looked at again as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
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

    def is_safe(self, result: Resolved) -> bool:
        """Whether the combination lets through at least what the sides do, or at most."""
        ours, *theirs = (_filter(one) for one in (result, *self.sides))
        numbers = [table(X86)[name] for name in sorted(self.members) if name in table(X86)]
        return all(self._is_safe_at(_answers(ours, at), [_answers(side, at) for side in theirs]) for at in numbers)

    def _is_safe_at(self, ours: Answers, theirs: list[Answers]) -> bool:
        conditions = {arg for one in (ours, *theirs) for args, _ in one.rules for arg in args}
        tried = cases(conditions, 32, Budget(PROFILE_WORK_MAX))
        return tried is not None and all(self._is_safe_for(args, ours, theirs) for args in tried)

    def _is_safe_for(self, args: tuple[int, ...], ours: Answers, theirs: list[Answers]) -> bool:
        got, *wanted = (openness(one.to(args, wide=False).action) for one in (ours, *theirs))
        return got >= max(wanted) if self.more else got <= min(wanted)

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
        if not group.is_safe(_resolved(calls, sides, default, more=more)):
            calls = group.levelled(calls)
    idle = kept_names(calls.named(default), sides, more=more)
    if _HIGHEST in idle and not any(_HIGHEST in rule.names for side in sides for rule in side.rules):
        calls = CombinedCalls(calls.said, tuple(sorted({*calls.inexact, *_THROUGH})))
    return calls, idle


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
