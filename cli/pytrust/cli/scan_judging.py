"""By which rules commands judge scans, and with which exit code they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from pytrust.cli.scan_reading import Unjudged, policed_by
from pytrust.scanner.finding import Kind
from pytrust.scanner.gate.judge import judge
from pytrust.scanner.rules import Action, Fix, GateRule, Policed, ScanRules
from pytrust.scanner.verdict import Objection, Standing, Verdict
from pytrust.trust.errors import ExitCode
from pytrust.trust.names import CollectionName

if TYPE_CHECKING:
    from datetime import datetime

    from pytrust.policy.core.rules import Policy
    from pytrust.scanner.claim import Claims
    from pytrust.scanner.scan import Scan
    from pytrust.scanner.severity import Severity


class Ruling(NamedTuple):
    """What images of a name are judged by, or why they are not; ``by_name``: whether that depends on the name."""

    policed: Callable[[CollectionName], Policed | Unjudged]
    by_name: bool


STALE: Final = frozenset({"stale-scan", "no-database-date"})
"""Objections that another scan of the same image answers."""
_ASKS_NOTHING: Final = ScanRules(required=False, unknown=None, incomplete=None)
_ORDER: Final = (None, Action.AUDIT, Action.WARN, Action.DENY)


def ruling(policy: Policy | None) -> Ruling:
    """The policy's own rules."""
    return Ruling(lambda name: policed_by(policy, name), by_name=True)


def simple_ruling(floor: Severity, *, fixable: bool) -> Ruling:
    """Denies what is at least this severe; ``fixable``: of vulnerabilities only those with a fix."""
    where = f"--fail-on {floor.word}{' --fixable' if fixable else ''}"
    gates = tuple(
        GateRule(
            kind=kind,
            severity=floor,
            where=where,
            fix=Fix.AVAILABLE if fixable and kind is Kind.VULNERABILITY else Fix.ANY,
        )
        for kind in Kind
    )
    rules = ScanRules(gates=gates, incomplete=None, where=where)
    return Ruling(lambda name: Policed(image=name, rules=rules), by_name=False)


def no_ruling(_: CollectionName) -> Unjudged:
    """For who only looks."""
    return Unjudged("")


def judged(scan: Scan, policed: Policed | Unjudged, claims: Claims, now: datetime) -> Verdict:
    """What comes of a scan; where nothing judges it, all that was found is noted, and why is an objection."""
    if isinstance(policed, Policed):
        return judge(scan, policed, claims, now)
    seen = judge(scan, Policed(image=scan.subject.name, rules=_ASKS_NOTHING), claims, now)
    found = tuple(
        replace(one, standing=Standing.AUDITED) if one.standing is Standing.PASSED else one for one in seen.judged
    )
    verdict = replace(seen, judged=found)
    if not policed.why:
        return verdict
    action = Action.DENY if policed.refused else Action.AUDIT
    return overruled(verdict, Objection("not-judged", action, policed.why, hint=policed.hint))


def overruled(verdict: Verdict, objection: Objection) -> Verdict:
    """With one more objection, which comes first."""
    action = max(verdict.action, objection.action, key=_ORDER.index)
    return replace(verdict, action=action, objections=(objection, *verdict.objections))


def exit_code(verdicts: Iterable[Verdict]) -> ExitCode:
    """``NO`` where anything is denied for what was found, ``STALE_SCAN`` where another scan is all that it takes."""
    codes = {one.code for verdict in verdicts for one in verdict.objections if one.action is Action.DENY}
    if not codes:
        return ExitCode.YES
    return ExitCode.STALE_SCAN if codes <= STALE else ExitCode.NO
