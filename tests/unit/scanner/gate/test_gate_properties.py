"""What holds for every scan and every set of rules."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.scanner import scan_cases as cases
from tests.unit.scanner.scan_cases import NOW

from pytrust.scanner.claim import Claims, Status
from pytrust.scanner.finding import Finding
from pytrust.scanner.gate.judge import decide, judge
from pytrust.scanner.gate.soundness import fresh_until
from pytrust.scanner.rules import Action, Policed
from pytrust.scanner.scan import Feeds, Scan, order
from pytrust.scanner.severity import Severity
from pytrust.scanner.verdict import Standing, Verdict

SETTINGS = settings(max_examples=300, deadline=None)
RANK = {None: 0, Action.AUDIT: 1, Action.WARN: 2, Action.DENY: 3}
STANDS = {Standing.DENIED: Action.DENY, Standing.WARNED: Action.WARN, Standing.AUDITED: Action.AUDIT}


def rank(verdict: Verdict) -> int:
    return RANK[verdict.action]


@SETTINGS
@given(cases.scans, cases.policies, cases.claims)
def test_both_ways_to_judge_agree(scan: Scan, policed: Policed, claims: Claims) -> None:
    long, short = judge(scan, policed, claims, NOW), decide(scan, policed, claims, NOW)
    assert (long.action, long.objections, long.ended) == (short.action, short.objections, short.ended)
    assert rank(long) == max((RANK[one.action] for one in long.objections), default=0)


@SETTINGS
@given(cases.scans, cases.policies, cases.claims)
def test_a_finding_never_disappears(scan: Scan, policed: Policed, claims: Claims) -> None:
    verdict = judge(scan, policed, claims, NOW)
    everything = [*scan.findings, *(one.finding for one in scan.suppressed)]
    assert Counter(one.finding for one in verdict.judged) == Counter(everything)
    told = Counter(one.action for one in verdict.objections if one.code == "findings")
    for standing, action in STANDS.items():
        found = [one for one in verdict.judged if one.standing is standing]
        assert bool(found) is bool(told[action])
        assert all(one.rule for one in found)


@SETTINGS
@given(cases.scans, cases.policies, cases.claims, st.data())
def test_the_order_of_findings_plays_no_part(scan: Scan, policed: Policed, claims: Claims, data: st.DataObject) -> None:
    mixed = replace(scan, findings=tuple(data.draw(st.permutations(scan.findings))))
    one, other = judge(scan, policed, claims, NOW), judge(mixed, policed, claims, NOW)
    assert one.action is other.action
    assert Counter((entry.finding, entry.standing) for entry in one.judged) == Counter(
        (entry.finding, entry.standing) for entry in other.judged
    )
    assert [(told.code, told.action, told.rule) for told in one.objections] == [
        (told.code, told.action, told.rule) for told in other.objections
    ]


@SETTINGS
@given(cases.scans, cases.policies, cases.claims, st.data())
def test_more_severe_is_never_better(scan: Scan, policed: Policed, claims: Claims, data: st.DataObject) -> None:
    decided = [finding for finding in scan.findings if finding.severity is not Severity.UNKNOWN]
    if not decided:
        return
    chosen = data.draw(st.sampled_from(decided))
    worse = replace(chosen, severity=data.draw(st.sampled_from([one for one in Severity if one >= chosen.severity])))
    assert rank(decide(_with(scan, chosen, worse), policed, claims, NOW)) >= rank(decide(scan, policed, claims, NOW))


def _with(scan: Scan, old: Finding, new: Finding) -> Scan:
    findings = list(scan.findings)
    findings[findings.index(old)] = new
    return replace(scan, findings=tuple(sorted(findings, key=order)))


@SETTINGS
@given(cases.scans, cases.policies, cases.claims, cases.findings)
def test_one_finding_more_is_never_better(scan: Scan, policed: Policed, claims: Claims, more: Finding) -> None:
    larger = replace(scan, findings=tuple(sorted((*scan.findings, more), key=order)))
    assert rank(decide(larger, policed, claims, NOW)) >= rank(decide(scan, policed, claims, NOW))


@SETTINGS
@given(cases.scans, cases.policies, cases.claims)
def test_a_waiver_or_all_vex_less_is_never_better(scan: Scan, policed: Policed, claims: Claims) -> None:
    usual = rank(decide(scan, policed, claims, NOW))
    for index in range(len(policed.waivers)):
        fewer = policed.waivers[:index] + policed.waivers[index + 1 :]
        assert rank(decide(scan, replace(policed, waivers=fewer), claims, NOW)) >= usual
    assert rank(decide(scan, policed, Claims(), NOW)) >= usual


@SETTINGS
@given(cases.scans, cases.policies, cases.claims)
def test_an_excuse_by_vex_less_is_never_better(scan: Scan, policed: Policed, claims: Claims) -> None:
    """One that says "affected" is no excuse: what an earlier one excused is excused again without it."""
    usual = rank(decide(scan, policed, claims, NOW))
    for index, claim in enumerate(claims.claims):
        if claim.status in {Status.NOT_AFFECTED, Status.FIXED}:
            fewer = Claims(claims=claims.claims[:index] + claims.claims[index + 1 :])
            assert rank(decide(scan, policed, fewer, NOW)) >= usual


@SETTINGS
@given(cases.scans, cases.policies, cases.claims, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_an_older_scan_is_never_better(scan: Scan, policed: Policed, claims: Claims, older: timedelta) -> None:
    recent = replace(scan, scanned_at=min(scan.scanned_at, NOW))
    database = replace(recent.database, updated_at=recent.database.updated_at and recent.database.updated_at - older)
    aged = replace(recent, scanned_at=recent.scanned_at - older, database=database)
    usual = rank(decide(recent, policed, claims, NOW))
    assert rank(decide(aged, policed, claims, NOW)) >= usual
    undated = replace(recent, database=replace(database, updated_at=None))
    assert rank(decide(undated, policed, claims, NOW)) >= usual


@SETTINGS
@given(cases.scans, cases.policies, cases.claims)
def test_less_that_is_known_to_be_looked_for_is_never_better(scan: Scan, policed: Policed, claims: Claims) -> None:
    """Of what is known; to know nothing may be better than to know that it was left out."""
    usual = rank(decide(scan, policed, claims, NOW))
    there = scan.coverage
    for severity in there.severities or ():
        fewer = replace(there, severities=(there.severities or frozenset()) - {severity})
        assert rank(decide(replace(scan, coverage=fewer), policed, claims, NOW)) >= usual
    for kind in there.kinds or ():
        fewer = replace(there, kinds=(there.kinds or frozenset()) - {kind})
        assert rank(decide(replace(scan, coverage=fewer), policed, claims, NOW)) >= usual
    assert rank(decide(replace(scan, feeds=Feeds()), policed, claims, NOW)) >= usual
    assert rank(decide(replace(scan, bound=False), policed, claims, NOW)) >= usual


@SETTINGS
@given(cases.scans, cases.policies)
def test_freshness_ends_with_the_tightest_clock(scan: Scan, policed: Policed) -> None:
    built = scan.database.updated_at
    past = replace(scan, database=replace(scan.database, updated_at=built and min(built, scan.scanned_at)))
    end = fresh_until(past, policed.rules)
    if policed.rules.max_age is None or end is None:
        assert end is None
        return
    for moment, stale in ((end - timedelta(microseconds=1), False), (end, True)):
        codes = {one.code for one in decide(past, policed, Claims(), moment).objections}
        assert ("stale-scan" in codes) is stale or moment < past.scanned_at  # of the future then


@SETTINGS
@given(cases.scans, cases.policies, cases.claims, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_time_makes_nothing_better_but_what_is_from_the_future(
    scan: Scan, policed: Policed, claims: Claims, later: timedelta
) -> None:
    past = replace(scan, scanned_at=min(scan.scanned_at, NOW))
    assert rank(decide(past, policed, claims, NOW + later)) >= rank(decide(past, policed, claims, NOW))


@SETTINGS
@given(cases.scans, cases.policies, cases.claims)
def test_every_objection_is_one_line_that_says_why_and_what_to_do(scan: Scan, policed: Policed, claims: Claims) -> None:
    hostile = "\x1b[2J\u202e\n" * 500
    findings = tuple(
        replace(one, package=hostile, version=hostile, fixed=one.fixed and hostile) for one in scan.findings
    )
    verdict = judge(replace(scan, findings=tuple(sorted(findings, key=order))), policed, claims, NOW)
    for one in verdict.objections:
        assert one.text.isprintable()
        assert one.rule.isprintable()
        assert one.hint.isprintable()
        assert one.rule
        assert one.hint
        assert len(one.text) < 3000
    assert all(entry.rule.isprintable() for entry in verdict.judged)
