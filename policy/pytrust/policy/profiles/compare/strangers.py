"""Names in seccomp filters that no table of ours has: of later kernels, other architectures, or mistakes. Pure.

A libseccomp that does not know such a name drops it without a word; one that does obeys it. So both filters are held
against each other by what their rules could mean at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pytrust.policy.profiles.compare.difference import Change, Difference, joined, openness, placed, shown
from pytrust.policy.profiles.model import Resolved, Rule
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seccomp.syscalls import KNOWN_ARCHES, table


@cache
def known_names() -> frozenset[Syscall]:
    """Every name of every table."""
    return frozenset(name for arch in KNOWN_ARCHES for name in table(arch))


def strangers(before: Resolved, after: Resolved) -> Difference:
    """Names that are open on one side alone."""
    ours, theirs = _strange(before), _strange(after)
    return joined(*(_one(name, before, after, ours, theirs) for name in sorted(ours.keys() | theirs.keys())))


def _strange(resolved: Resolved) -> Mapping[Syscall, tuple[Rule, ...]]:
    found: dict[Syscall, dict[Rule, None]] = {}
    for rule in resolved.rules:
        for name in {*rule.names} - known_names():
            found.setdefault(name, {})[Rule(names=(name,), action=rule.action, errno=rule.errno, args=rule.args)] = None
    return {name: tuple(rules) for name, rules in found.items()}


def _one(
    name: Syscall,
    before: Resolved,
    after: Resolved,
    ours: Mapping[Syscall, tuple[Rule, ...]],
    theirs: Mapping[Syscall, tuple[Rule, ...]],
) -> Difference:
    if before.default == after.default and set(ours.get(name, ())) == set(theirs.get(name, ())):
        return Difference()
    (least, most), (low, high) = _range(before, ours.get(name, ())), _range(after, theirs.get(name, ()))
    change = Change(f"{shown(name)}, which is not known here", _words(most), _words(high))
    if high > least:
        return Difference(widened=(change,))
    return placed(change, most, low) if most != low else Difference()


def _range(resolved: Resolved, rules: tuple[Rule, ...]) -> tuple[int, int]:
    """How little and how much can be let through."""
    whole = [openness(rule.action) for rule in rules if not rule.args]
    found = whole[:1] or [openness(resolved.default), *(openness(rule.action) for rule in rules)]
    return min(found), max(found)


def _words(most: int) -> str:
    return "may be allowed" if most else "refused"
