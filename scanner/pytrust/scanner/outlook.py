"""What becomes of a verdict as time goes by, though nothing else changes: graces end, exceptions end, scans get old.

Pure. Verdicts change at moments that can be told beforehand, and only those are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from pytrust.scanner.claim import Claims
from pytrust.scanner.gate.judge import decide
from pytrust.scanner.gate.soundness import clocks
from pytrust.scanner.rules import Action, Policed
from pytrust.scanner.scan import Scan
from pytrust.scanner.verdict import Objection, Verdict

_STRICTNESS: Final = {None: 0, Action.AUDIT: 1, Action.WARN: 2, Action.DENY: 3}


class Turn(NamedTuple):
    """From ``at`` (UTC) on the verdict is stricter: ``action``, for ``objections`` that were not there before."""

    at: datetime
    action: Action
    objections: tuple[Objection, ...]

    @property
    def text(self) -> str:
        """The first of them, and how many more there are."""
        first, *more = self.objections
        return f"{first.text}{f', and {len(more)} more' if more else ''}"


def outlook(scan: Scan, policed: Policed, claims: Claims, now: datetime, until: datetime) -> tuple[Turn, ...]:
    """Every moment after ``now`` and not after ``until`` at which the verdict gets stricter than ever before."""
    turns: list[Turn] = []
    before = decide(scan, policed, claims, now)
    for at in sorted({moment for moment in _moments(scan, policed) if now < moment <= until}):
        after = decide(scan, policed, claims, at)
        if after.action is not None and _STRICTNESS[after.action] > _STRICTNESS[before.action]:
            turns.append(Turn(at, after.action, _new(before, after)))
            before = after
    return tuple(turns)


def _new(before: Verdict, after: Verdict) -> tuple[Objection, ...]:
    known = {(one.code, one.action, one.rule, one.text) for one in before.objections}
    return tuple(
        one
        for one in after.objections
        if one.action is after.action and (one.code, one.action, one.rule, one.text) not in known
    )


def _moments(scan: Scan, policed: Policed) -> Iterator[datetime]:
    yield from clocks(scan, policed.rules)
    for waiver in policed.waivers:
        yield from _midnight(waiver.expires, 1)
    findings = (*scan.findings, *(one.finding for one in scan.suppressed))
    for gate in policed.rules.gates:
        if gate.age is not None:
            days = {one.published for one in findings if one.published}
            yield from (moment for day in days for moment in _midnight(day, gate.age))
        if gate.seen is not None:
            days = {one.first_seen for one in findings if one.first_seen}
            yield from (moment for day in days for moment in _midnight(day, gate.seen))


def _midnight(day: date, after: int) -> Iterator[datetime]:
    """The beginning of the day that many days later; none where there is no such day."""
    try:
        yield datetime.combine(day + timedelta(days=after), time(), UTC)
    except OverflowError:
        return
