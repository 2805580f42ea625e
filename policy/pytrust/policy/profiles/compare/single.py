"""The rules of a filter about one call, looked at without the rest of it. Pure.

runc answers ENOSYS above the largest number that a filter names; that depends on the whole filter, and is left out
here: a call that a rule names is not above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from pytrust.policy.profiles.compare.answers import Answers, answers
from pytrust.policy.profiles.model import Resolved, Rule
from pytrust.policy.profiles.names import Action, Arch, Syscall
from pytrust.policy.profiles.seccomp.runc import filter_of
from pytrust.policy.profiles.seccomp.syscalls import KNOWN_ARCHES, is_wide, table
from pytrust.policy.profiles.seccomp.verdict import Verdict, verdict_of

_WITH_ERRNO: Final = frozenset({Action.ERRNO, Action.TRACE})
_ANY: Final = Syscall("read")


class Home(NamedTuple):
    """An architecture, and a call of it."""

    arch: Arch
    name: Syscall


@lru_cache(4096)
def homes(name: Syscall) -> tuple[Home, ...]:
    """One architecture of each width that has a call, the wide one first; or two where another call stands for it."""
    having = [arch for arch in KNOWN_ARCHES if name in table(arch)]
    known = {is_wide(arch): Home(arch, name) for arch in sorted(having, key=is_wide, reverse=True)}
    return tuple(known.values()) or tuple(Home(arch, _ANY) for arch in KNOWN_ARCHES[:2])


def default_of(resolved: Resolved) -> Verdict:
    """What becomes of a call that no rule is about."""
    return verdict_of(resolved.default, resolved.default_errno)


def by_name(resolved: Resolved) -> dict[Syscall, tuple[Rule, ...]]:
    """The rules about each call, in order."""
    found: dict[Syscall, list[Rule]] = {}
    for rule in resolved.rules:
        for name in dict.fromkeys(rule.names):
            found.setdefault(name, []).append(rule)
    return {name: tuple(rules) for name, rules in found.items()}


def rule_of(names: Iterable[Syscall], verdict: Verdict) -> Rule:
    """A rule without conditions."""
    return Rule(names=tuple(names), action=verdict.action, errno=errno_of(verdict))


def errno_of(verdict: Verdict) -> int | None:
    """As it is written in a profile."""
    return verdict.errno if verdict.action in _WITH_ERRNO else None


def alone(rules: Iterable[Rule], default: Verdict, home: Home) -> Answers:
    """What runc and libseccomp make of rules, as if all were about the call of ``home`` and there were no others.

    Raises:
        BadContent: runc refuses them.
    """
    named = tuple(Rule(names=(home.name,), action=one.action, errno=one.errno, args=one.args) for one in rules)
    small = Resolved(default=default.action, default_errno=errno_of(default), rules=named)
    return answers(filter_of.__wrapped__(small, home.arch), table(home.arch)[home.name])
