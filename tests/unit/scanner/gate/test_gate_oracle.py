"""The gate against a slow one that takes the manual (docs/scan-rules.md) word for word, a finding at a time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from hypothesis import given, settings
from tests.unit.scanner import scan_cases as cases
from tests.unit.scanner.scan_cases import NAME, NOW, TODAY

from pytrust.scanner.claim import Claims, Status
from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.gate.judge import judge
from pytrust.scanner.rules import Action, Fix, GateRule, Policed, ScanRules, Waiver
from pytrust.scanner.scan import Scan
from pytrust.scanner.severity import Severity
from pytrust.scanner.verdict import Standing

HIGHEST = {Severity.LOW: 39, Severity.MEDIUM: 69, Severity.HIGH: 89, Severity.CRITICAL: 100, Severity.UNKNOWN: 0}
STANDINGS = {Action.DENY: Standing.DENIED, Action.WARN: Standing.WARNED, Action.AUDIT: Standing.AUDITED}


def is_placed(finding: Finding, packages: tuple[str, ...], purls: tuple[str, ...], paths: tuple[str, ...]) -> bool:
    """Of the few patterns that ``scan_cases`` has."""
    path = finding.path or finding.target
    return (
        (not packages or any(fnmatchcase(finding.package, pattern) for pattern in packages))
        and (not purls or any(finding.purl.startswith(f"{purl}@") for purl in purls))
        and (not paths or path.startswith("usr/"))
    )


def is_fit(finding: Finding, rule: GateRule) -> bool:
    scored = finding.cvss if finding.cvss is not None else HIGHEST[finding.severity]
    old, seen = (timedelta(days=days or 0) for days in (rule.age, rule.seen))
    fixes = {Fix.ANY: True, Fix.AVAILABLE: finding.fixed != "", Fix.NONE: finding.fixed == ""}
    return all(
        (
            finding.kind is rule.kind,
            rule.severity is None or finding.severity >= rule.severity,
            fixes[rule.fix],
            rule.cvss is None or scored >= rule.cvss,
            rule.age is None or finding.published is None or TODAY - finding.published >= old,
            rule.seen is None or finding.first_seen is None or TODAY - finding.first_seen >= seen,
            rule.epss is None or (finding.epss is not None and finding.epss >= rule.epss),
            finding.kev or not rule.kev,
            finding.ransomware or not rule.ransomware,
            is_placed(finding, rule.packages, rule.purls, rule.paths),
        )
    )


def is_undecided(finding: Finding, rules: ScanRules) -> bool:
    asked = {Kind.VULNERABILITY, *(rule.kind for rule in rules.gates)}
    return finding.severity is Severity.UNKNOWN and finding.kind in asked


def is_free(finding: Finding, claims: Claims) -> bool:
    fitting = [one for one in claims.claims if finding.id in one.ids and is_placed(finding, (), one.purls, ())]
    last = max(
        enumerate(fitting), key=lambda pair: (pair[1].at or datetime.min.replace(tzinfo=UTC), pair[0]), default=None
    )
    return last is not None and last[1].status in {Status.NOT_AFFECTED, Status.FIXED}


def is_waived(finding: Finding, waiver: Waiver) -> bool:
    return (
        finding.id in waiver.ids
        and waiver.expires >= TODAY
        and waiver.match in {"**", "docker.io/foo/*"}
        and not (waiver.until_fixed and finding.fixed)
        and is_placed(finding, waiver.packages, waiver.purls, waiver.paths)
    )


def excuse(finding: Finding, policed: Policed, claims: Claims) -> Standing | None:
    since = policed.rules.since
    if policed.rules.vex and is_free(finding, claims):
        return Standing.NOT_AFFECTED
    if any(is_waived(finding, waiver) for waiver in policed.waivers):
        return Standing.WAIVED
    is_old = since is not None and finding.first_seen is not None and finding.first_seen < since
    return Standing.PASSED if is_old else None


def standings(scan: Scan, policed: Policed, claims: Claims) -> list[tuple[Finding, Standing]]:
    rules = policed.rules
    left_out = [one.finding for one in scan.suppressed]
    findings = [*scan.findings, *(left_out if rules.suppressed else ())]
    open_ = [finding for finding in findings if excuse(finding, policed, claims) is None]
    effective = [gate for gate in rules.gates if sum(is_fit(finding, gate) for finding in open_) > gate.over]

    def of(finding: Finding) -> Standing:
        if excused := excuse(finding, policed, claims):
            return excused
        actions = [gate.action for gate in effective if is_fit(finding, gate)]
        if rules.unknown is not None and is_undecided(finding, rules):
            actions.append(rules.unknown)
        return next((STANDINGS[action] for action in Action if action in actions), Standing.PASSED)

    taken = [] if rules.suppressed else [(finding, Standing.WAIVED) for finding in left_out]
    return [*((finding, of(finding)) for finding in findings), *taken]


@settings(max_examples=500, deadline=None)
@given(cases.scans, cases.policies, cases.claims)
def test_each_finding_comes_to_what_the_manual_says(scan: Scan, policed: Policed, claims: Claims) -> None:
    assert policed.image == NAME
    found = judge(scan, policed, claims, NOW)
    assert Counter((one.finding, one.standing) for one in found.judged) == Counter(standings(scan, policed, claims))
