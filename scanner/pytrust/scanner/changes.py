"""What is between two scans: by what makes a finding the same, and as often as it stands there. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from pytrust.scanner.finding import Finding, Key
from pytrust.scanner.scan import order

Pair = tuple[Finding, Finding]
"""The finding before and after."""


class Changes(NamedTuple):
    """Everything worst first. ``fixed``: a version with a fix is named now; such a pair may be worse or better, too."""

    new: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()
    worse: tuple[Pair, ...] = ()
    better: tuple[Pair, ...] = ()
    fixed: tuple[Pair, ...] = ()


def changes(old: Sequence[Finding], new: Sequence[Finding]) -> Changes:
    """Compare; of several with one key, the worst are paired first, so that one more of them is new."""
    before, after = _by_key(old), _by_key(new)
    pairs: list[Pair] = []
    came: list[Finding] = []
    went: list[Finding] = []
    for key in before.keys() | after.keys():
        for was, now in zip_longest(before.get(key, ()), after.get(key, ())):
            if was is None:
                came.append(now)
            elif now is None:
                went.append(was)
            else:
                pairs.append((was, now))
    pairs.sort(key=lambda pair: (order(pair[1]), order(pair[0])))
    return Changes(
        new=tuple(sorted(came, key=order)),
        gone=tuple(sorted(went, key=order)),
        worse=tuple(pair for pair in pairs if pair[1].severity > pair[0].severity),
        better=tuple(pair for pair in pairs if pair[1].severity < pair[0].severity),
        fixed=tuple(pair for pair in pairs if pair[1].fixable and not pair[0].fixable),
    )


def _by_key(findings: Iterable[Finding]) -> dict[Key, list[Finding]]:
    found: defaultdict[Key, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[finding.key].append(finding)
    for alike in found.values():
        if len(alike) > 1:
            alike.sort(key=_exactly)
    return found


def _exactly(finding: Finding) -> tuple[object, ...]:
    """Those that look the same are paired in the same way, too, in whatever order they stand."""
    return order(finding), repr(finding)
