"""Names in seccomp filters that no table of ours has: of later kernels, other architectures, or mistakes. Pure.

A libseccomp that does not know such a name drops it without a word; one that does obeys it. So their rules are held
against each other as if they were about a call that is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec

from pytrust.policy.profiles.compare.calls import Found, call_differences
from pytrust.policy.profiles.compare.difference import shown
from pytrust.policy.profiles.compare.regions import Budget
from pytrust.policy.profiles.compare.single import alone, by_name, default_of, homes
from pytrust.policy.profiles.model import Resolved, Rule
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.syscalls import KNOWN_ARCHES, is_wide, table
from pytrust.policy.profiles.seccomp.verdict import Verdict

_NAMELESS: Final = (Syscall("?"),)
_GROUP_WORK: Final = 200  # units of the budget for taking the rules of one name apart


@cache
def known_names() -> frozenset[Syscall]:
    """Every name of every table, and those of other architectures that Docker names."""
    foreign = {name for rule in docker_default().rules for name in rule.names}
    return frozenset(foreign.union(*(table(arch) for arch in KNOWN_ARCHES)))


def strangers(before: Resolved, after: Resolved, budget: Budget) -> Iterator[Found]:
    """What is not alike about names that nobody here knows."""
    ours, theirs = by_name(before), by_name(after)
    groups: dict[tuple[tuple[Rule, ...], ...], list[Syscall]] = {}
    for name in sorted((ours.keys() | theirs.keys()) - known_names()):
        groups.setdefault((_nameless(ours.get(name, ())), _nameless(theirs.get(name, ()))), []).append(name)
    for (mine, yours), names in groups.items():
        for told, one, other, _ in dict.fromkeys(_group(mine, yours, (default_of(before), default_of(after)), budget)):
            yield from (Found(f"{shown(name)}, which is not known here{told}", one, other) for name in names)


def _nameless(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(msgspec.structs.replace(rule, names=_NAMELESS) for rule in rules)


def _group(
    mine: tuple[Rule, ...], yours: tuple[Rule, ...], defaults: tuple[Verdict, Verdict], budget: Budget
) -> Iterator[Found]:
    if not budget.take(_GROUP_WORK):
        yield Found("", None, None)
        return
    for home in homes(_NAMELESS[0]):
        both = alone(mine, defaults[0], home), alone(yours, defaults[1], home)
        if both[0] != both[1]:
            yield from call_differences("", both, budget, wide=is_wide(home.arch))
