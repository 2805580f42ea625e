"""Each condition of a rule: what it fits, and what it does not."""

from __future__ import annotations

from datetime import date, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.scanner.scan_cases import BAD, MANIFEST, NOW, SCAN, TODAY, WAIVER, policed, scan

from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.finding import Finding, Kind, Suppressed
from pytrust.scanner.gate.judge import judge
from pytrust.scanner.gate.patterns import fits_name, fits_path
from pytrust.scanner.rules import Action, Fix, GateRule
from pytrust.scanner.scan import Coverage, Database, Feeds, System
from pytrust.scanner.severity import Severity
from pytrust.scanner.verdict import Standing, Verdict
from pytrust.trust.names import Digest

NOTHING = Claims()
ALL = GateRule()
CONDITIONS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # the rule, what of BAD is changed so that it still fits, and so that it does not
    ({"severity": Severity.HIGH}, {"severity": Severity.HIGH}, {"severity": Severity.MEDIUM}),
    ({"severity": Severity.LOW}, {"severity": Severity.LOW}, {"severity": Severity.UNKNOWN}),
    ({"severity": Severity.UNKNOWN}, {"severity": Severity.UNKNOWN}, {"kind": Kind.SECRET}),
    ({"kind": Kind.SECRET}, {"kind": Kind.SECRET}, {}),
    ({"fix": Fix.AVAILABLE}, {}, {"fixed": ""}),
    ({"fix": Fix.NONE}, {"fixed": ""}, {}),
    ({"cvss": 90}, {"cvss": 90}, {"cvss": 89}),
    ({"cvss": 90}, {"cvss": None}, {"cvss": None, "severity": Severity.HIGH}),
    ({"cvss": 89}, {"cvss": None, "severity": Severity.HIGH}, {"cvss": None, "severity": Severity.UNKNOWN}),
    ({"age": 30}, {"published": TODAY - timedelta(days=30)}, {"published": TODAY - timedelta(days=29)}),
    ({"age": 30}, {"published": None}, {"published": date(9999, 1, 1)}),
    ({"age": 10**9}, {"published": date(1, 1, 1)}, {"published": date(1, 1, 2)}),
    ({"seen": 14}, {"first_seen": TODAY - timedelta(days=14)}, {"first_seen": TODAY - timedelta(days=13)}),
    ({"seen": 14}, {"first_seen": None}, {"first_seen": TODAY}),
    ({"epss": 10_000}, {"epss": 10_000}, {"epss": 9_999}),
    ({"epss": 0}, {"epss": 0}, {"epss": None}),
    ({"kev": True}, {}, {"kev": False}),
    ({"ransomware": True}, {}, {"ransomware": False}),
    ({"ids": ("CVE-2026-0001", "CVE-1")}, {}, {"id": "cve-2026-0001"}),
    ({"families": ("os-pkgs",)}, {}, {"family": "lang-pkgs"}),
    ({"ecosystems": ("debian",)}, {}, {"ecosystem": "debian "}),
    ({"categories": ("forbidden",)}, {"category": "forbidden"}, {}),
    ({"packages": ("open*",)}, {"package": "open"}, {"package": "libopenssl"}),
    ({"paths": ("usr/**",)}, {}, {"path": "opt/usr/x"}),
    ({"paths": ("web*",)}, {"path": ""}, {"path": "x"}),
    ({"purls": ("pkg:deb/debian/openssl",)}, {}, {"purl": ""}),
    ({"purls": ("pkg:deb/debian/openssl@3.0.1-1",)}, {}, {"purl": "pkg:deb/debian/openssl@3.0.1"}),
]


def verdict(rule: GateRule, *findings: Finding, **rest: Any) -> Verdict:
    return judge(scan(*findings), policed(rule, unknown=None, **rest), NOTHING, NOW)


@pytest.mark.parametrize(("rule", "fitting", "other"), CONDITIONS)
def test_a_condition(rule: dict[str, Any], fitting: dict[str, Any], other: dict[str, Any]) -> None:
    gate = GateRule(where="policy.yaml:7", **rule)
    assert verdict(gate, replace(BAD, **fitting)).denied
    assert verdict(gate, replace(BAD, **other)).action is None


def test_all_conditions_have_to_hold() -> None:
    gate = GateRule(severity=Severity.HIGH, fix=Fix.AVAILABLE, packages=("bash",))
    assert verdict(gate, BAD).action is None
    assert verdict(replace(gate, packages=("openssl",)), BAD).denied


def test_the_strictest_action_counts_and_no_finding_is_told_of_twice() -> None:
    rules = policed(
        GateRule(action=Action.AUDIT),
        GateRule(action=Action.WARN, severity=Severity.LOW),
        GateRule(severity=Severity.HIGH),
    )
    low = replace(BAD, id="CVE-2026-0002", severity=Severity.LOW)
    unknown = replace(BAD, id="CVE-2026-0003", severity=Severity.UNKNOWN)
    found = judge(scan(BAD, low, unknown), replace(rules, rules=replace(rules.rules, unknown=None)), NOTHING, NOW)
    assert [one.standing for one in found.judged] == [Standing.DENIED, Standing.WARNED, Standing.AUDITED]
    assert [one.action for one in found.objections] == [Action.DENY, Action.WARN, Action.AUDIT]
    assert [text.count("CVE") for text in (one.text for one in found.objections)] == [1, 1, 1]


@pytest.mark.parametrize(("count", "denied"), [(2, False), (3, True)])
def test_over_counts_what_nothing_excuses(count: int, denied: bool) -> None:
    findings = [replace(BAD, id=f"CVE-2026-000{number}") for number in range(2, 2 + count)]
    found = verdict(GateRule(over=2), *findings, BAD, waivers=(WAIVER,))
    assert found.denied is denied


def test_who_is_not_decided_is_what_the_rules_say() -> None:
    unknown = replace(BAD, severity=Severity.UNKNOWN)
    gate = GateRule(severity=Severity.LOW)
    for action in (Action.DENY, Action.WARN, None):
        assert judge(scan(unknown), policed(gate, unknown=action), NOTHING, NOW).action is action
    licence = replace(unknown, kind=Kind.LICENSE)
    assert judge(scan(licence), policed(gate, unknown=Action.DENY), NOTHING, NOW).action is None
    asks = policed(gate, GateRule(kind=Kind.LICENSE, severity=Severity.LOW), unknown=Action.DENY)
    assert judge(scan(licence), asks, NOTHING, NOW).denied


def test_a_baseline_lets_pass_what_was_seen_before() -> None:
    assert verdict(ALL, BAD, since=BAD.first_seen).denied
    assert verdict(ALL, BAD, since=BAD.first_seen + timedelta(days=1)).action is None  # type: ignore[operator]
    assert verdict(ALL, replace(BAD, first_seen=None), since=date(2999, 1, 1)).denied


# -- exceptions ---------------------------------------------------------------------------------------------------------

WAIVERS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({}, {}, True),
    ({"ids": ("CVE-2026-000",)}, {}, False),
    ({"ids": ("cve-2026-0001",)}, {}, False),
    ({"ids": ("CVE-1", "CVE-2026-0001")}, {}, True),
    ({"expires": TODAY - timedelta(days=1)}, {}, False),
    ({"match": "docker.io/foo/*"}, {}, True),
    ({"match": "docker.io/bar/*"}, {}, False),
    ({"digest": MANIFEST}, {}, True),
    ({"digest": Digest("0" * 64)}, {}, False),
    ({"kind": Kind.SECRET}, {}, False),
    ({"kind": Kind.SECRET}, {"kind": Kind.SECRET}, True),
    ({"purls": ("pkg:deb/debian/openssl",)}, {}, True),
    ({"purls": ("pkg:deb/debian/openssl",)}, {"purl": ""}, False),
    ({"purls": ("pkg:deb/debian/openssl",)}, {"purl": "pkg:deb/debian/openssl\n"}, False),
    ({"purls": ("pkg:deb/debian/openssl@3.0.1-2",)}, {}, False),
    ({"packages": ("openssl",)}, {}, True),
    ({"packages": ("bash",)}, {}, False),
    ({"paths": ("usr/lib/*",)}, {}, True),
    ({"paths": ("usr/*",)}, {}, False),
    ({"until_fixed": True}, {}, False),
    ({"until_fixed": True}, {"fixed": ""}, True),
]


@pytest.mark.parametrize(("changes", "finding", "waived"), WAIVERS)
def test_a_waiver(changes: dict[str, Any], finding: dict[str, Any], waived: bool) -> None:
    gate = GateRule(kind=finding.get("kind", Kind.VULNERABILITY))
    found = verdict(gate, replace(BAD, **finding), waivers=(replace(WAIVER, **changes),))
    assert found.judged[0].standing is (Standing.WAIVED if waived else Standing.DENIED)
    assert found.denied is not waived
    if waived:
        assert all(word in found.judged[0].rule for word in ("alice", "not reachable", "policy.yaml:20"))


def test_a_waiver_ends_with_its_day_in_utc() -> None:
    last = NOW.replace(hour=23, minute=59, second=59)
    rules = policed(ALL, waivers=(WAIVER,))
    assert not judge(scan(BAD), rules, NOTHING, last).denied
    assert judge(scan(BAD), rules, NOTHING, last + timedelta(seconds=1)).denied


def test_days_are_those_of_utc_wherever_the_clock_is() -> None:
    rules = policed(ALL, waivers=(WAIVER,), max_age=None)
    last = NOW.replace(hour=23, minute=59, second=59)
    for zone in (timezone(timedelta(hours=hours)) for hours in (-12, 14)):
        assert not judge(scan(BAD), rules, NOTHING, last.astimezone(zone)).denied
        assert judge(scan(BAD), rules, NOTHING, (last + timedelta(seconds=1)).astimezone(zone)).denied


def test_waivers_for_another_image_are_not_told() -> None:
    others = replace(WAIVER, digest=Digest("0" * 64)), replace(WAIVER, match="docker.io/bar/*")
    over = tuple(replace(one, expires=TODAY - timedelta(days=1)) for one in others)
    found = verdict(ALL, BAD, waivers=(*others, *over))
    assert (found.ended, found.unused) == ((), ())


def test_ended_and_unused_waivers_are_told() -> None:
    ended = replace(WAIVER, expires=TODAY - timedelta(days=1))
    idle = replace(WAIVER, ids=("CVE-2026-9999",))
    elsewhere = replace(idle, match="docker.io/bar/*")
    found = verdict(ALL, BAD, waivers=(WAIVER, ended, idle, elsewhere))
    assert (found.ended, found.unused) == ((ended,), (idle,))


# -- VEX ----------------------------------------------------------------------------------------------------------------

FREE = Claim(ids=("GHSA-1", "CVE-2026-0001"), status=Status.NOT_AFFECTED, justification="component_not_present")
CLAIMS: list[tuple[tuple[Claim, ...], bool]] = [
    ((FREE,), True),
    ((replace(FREE, status=Status.FIXED),), True),
    ((replace(FREE, status=Status.AFFECTED),), False),
    ((replace(FREE, status=Status.UNDER_INVESTIGATION),), False),
    ((replace(FREE, ids=("CVE-2026-00011",)),), False),
    ((replace(FREE, purls=("pkg:deb/debian/openssl",)),), True),
    ((replace(FREE, purls=("pkg:deb/debian/bash",)),), False),
    ((FREE, replace(FREE, status=Status.AFFECTED)), False),
    ((replace(FREE, status=Status.AFFECTED), FREE), True),
    ((replace(FREE, status=Status.AFFECTED, at=NOW), FREE), False),
    ((replace(FREE, at=NOW), replace(FREE, status=Status.AFFECTED, at=NOW - timedelta(1))), True),
    ((FREE, replace(FREE, status=Status.AFFECTED, purls=("pkg:deb/debian/bash",))), True),
]


@pytest.mark.parametrize(("claims", "free"), CLAIMS)
def test_the_last_claim_that_fits_counts(claims: tuple[Claim, ...], free: bool) -> None:
    found = judge(scan(BAD), policed(ALL), Claims(claims=claims), NOW)
    assert found.judged[0].standing is (Standing.NOT_AFFECTED if free else Standing.DENIED)
    assert judge(scan(BAD), policed(ALL, vex=False), Claims(claims=claims), NOW).denied


def test_what_the_scanner_left_out_is_judged_unless_its_word_counts() -> None:
    left_out = scan(suppressed=(Suppressed(finding=BAD, status="ignored"),))
    assert judge(left_out, policed(ALL), NOTHING, NOW).denied
    believed = judge(left_out, policed(ALL, suppressed=False), NOTHING, NOW)
    assert (believed.action, believed.judged[0].standing) == (None, Standing.WAIVED)


# -- the scan itself ----------------------------------------------------------------------------------------------------

WEEK = timedelta(days=7)
GATE = GateRule(severity=Severity.HIGH, fix=Fix.AVAILABLE)
DECIDED = frozenset(Severity) - {Severity.UNKNOWN}
SOUNDNESS: list[tuple[dict[str, Any], dict[str, Any], GateRule, dict[str, Action]]] = [
    ({}, {}, GATE, {}),
    ({"scanned_at": NOW - WEEK}, {}, GATE, {"stale-scan": Action.DENY}),
    ({"scanned_at": NOW - WEEK + timedelta(seconds=1)}, {}, GATE, {}),
    ({"scanned_at": NOW + timedelta(minutes=6)}, {}, GATE, {"stale-scan": Action.DENY}),
    ({"scanned_at": NOW + timedelta(minutes=5)}, {}, GATE, {}),
    ({"scanned_at": NOW - WEEK}, {"max_age": None}, GATE, {}),
    ({"database": Database(updated_at=NOW - WEEK)}, {}, GATE, {"stale-scan": Action.DENY}),
    ({"database": Database(updated_at=NOW - WEEK)}, {"database_max_age": 2 * WEEK}, GATE, {}),
    ({}, {"database_max_age": timedelta(hours=8)}, GATE, {"stale-scan": Action.DENY}),
    ({"database": Database(updated_at=NOW + timedelta(hours=1))}, {}, GATE, {"stale-scan": Action.DENY}),
    ({"database": Database()}, {}, GATE, {"no-database-date": Action.DENY}),
    ({"database": Database()}, {"max_age": None}, GATE, {}),
    ({"system": System(ended=True)}, {}, GATE, {}),
    ({"system": System(ended=True)}, {"ended": Action.WARN}, GATE, {"system-ended": Action.WARN}),
    ({"bound": False}, {}, GATE, {"not-bound": Action.WARN}),
    ({"coverage": replace(SCAN.coverage, kinds=frozenset({Kind.SECRET}))}, {}, GATE, {"not-looked-for": Action.DENY}),
    ({"coverage": replace(SCAN.coverage, kinds=frozenset({Kind.SECRET}))}, {}, replace(GATE, action=Action.WARN), {"not-looked-for": Action.WARN}),
    ({"coverage": replace(SCAN.coverage, kinds=None)}, {}, GATE, {}),
    ({"coverage": replace(SCAN.coverage, kinds=None)}, {}, GateRule(kind=Kind.SECRET), {"may-be-incomplete": Action.WARN}),
    ({"coverage": replace(SCAN.coverage, kinds=None)}, {"incomplete": Action.DENY}, GateRule(kind=Kind.SECRET), {"may-be-incomplete": Action.DENY}),
    ({"coverage": replace(SCAN.coverage, kinds=None)}, {"incomplete": Action.DENY}, GateRule(kind=Kind.SECRET, action=Action.WARN), {"may-be-incomplete": Action.WARN}),
    ({"coverage": replace(SCAN.coverage, kinds=None)}, {"incomplete": None}, GateRule(kind=Kind.SECRET), {}),
    ({"coverage": replace(SCAN.coverage, severities=frozenset({Severity.CRITICAL}))}, {}, GATE, {"not-looked-for": Action.DENY}),
    ({"coverage": replace(SCAN.coverage, severities=frozenset({Severity.CRITICAL, Severity.HIGH}))}, {}, GATE, {}),
    ({"coverage": replace(SCAN.coverage, severities=DECIDED)}, {"unknown": Action.DENY}, GATE, {"not-looked-for": Action.DENY}),
    ({"coverage": replace(SCAN.coverage, severities=DECIDED)}, {"unknown": Action.WARN}, GATE, {}),
    ({"coverage": replace(SCAN.coverage, severities=DECIDED)}, {}, GateRule(), {"not-looked-for": Action.DENY}),
    ({"coverage": replace(SCAN.coverage, severities=None)}, {}, GATE, {"may-be-incomplete": Action.WARN}),
    ({"coverage": replace(SCAN.coverage, unfixed=False)}, {}, GATE, {}),
    ({"coverage": replace(SCAN.coverage, unfixed=False)}, {}, replace(GATE, fix=Fix.ANY), {"not-looked-for": Action.DENY}),
    ({"coverage": replace(SCAN.coverage, unfixed=None)}, {}, replace(GATE, fix=Fix.NONE), {"may-be-incomplete": Action.WARN}),
    ({"coverage": replace(SCAN.coverage, files=(MANIFEST,))}, {}, GATE, {"may-be-incomplete": Action.WARN}),
    ({"feeds": Feeds()}, {}, GATE, {}),
    ({"feeds": Feeds()}, {}, replace(GATE, kev=True), {"not-looked-for": Action.DENY}),
    ({"feeds": Feeds()}, {}, replace(GATE, ransomware=True), {"not-looked-for": Action.DENY}),
    ({"feeds": Feeds()}, {}, replace(GATE, epss=0), {"not-looked-for": Action.DENY}),
    ({"coverage": Coverage()}, {"gates": ()}, GATE, {"nothing-examined": Action.DENY}),
    ({"coverage": replace(SCAN.coverage, families=frozenset())}, {}, GATE, {"nothing-examined": Action.WARN}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "rules", "gate", "expected"), SOUNDNESS)
def test_what_stands_against_the_scan(
    changes: dict[str, Any], rules: dict[str, Any], gate: GateRule, expected: dict[str, Action]
) -> None:
    under = policed(gate)
    found = judge(replace(SCAN, **changes), replace(under, rules=replace(under.rules, **rules)), NOTHING, NOW)
    assert {one.code: one.action for one in found.objections} == expected


def test_the_clock_that_ran_out_is_named_as_in_the_policy() -> None:
    old = replace(SCAN, database=Database(updated_at=NOW - WEEK))
    for age, key in ((None, "max_age (policy.yaml:5)"), (WEEK, "max_database_age (policy.yaml:5)")):
        (one,) = judge(old, policed(GATE, database_max_age=age), NOTHING, NOW).objections
        assert (one.rule, one.text) == (key, "its database is 7 d old, of 7 d that are allowed")


def test_of_several_rules_that_ask_for_what_is_missing_the_strictest_counts() -> None:
    gates = (
        replace(GATE, action=Action.AUDIT),
        replace(GATE, where="policy.yaml:8"),
        replace(GATE, action=Action.WARN),
    )
    for missing in ({"kinds": frozenset[Kind]()}, {"severities": None}):
        found = replace(SCAN, coverage=replace(SCAN.coverage, **missing))
        (one,) = judge(found, policed(*gates, incomplete=Action.DENY), NOTHING, NOW).objections
        assert one.action is Action.DENY


def test_what_nothing_mends_is_not_to_be_upgraded() -> None:
    (one,) = verdict(ALL, replace(BAD, fixed="")).objections
    assert one.hint.startswith("except them: exceptions:")


@pytest.mark.parametrize(("gate", "words"), [(replace(GATE, kev=True), "--kev"), (replace(GATE, epss=1), "--epss")])
def test_lists_that_are_missing_have_their_own_way_out(gate: GateRule, words: str) -> None:
    (one,) = judge(replace(SCAN, feeds=Feeds()), policed(gate), NOTHING, NOW).objections
    assert words in one.hint


# -- words and patterns -------------------------------------------------------------------------------------------------


def test_an_objection_lists_the_worst_and_how_to_mend_them() -> None:
    others = [replace(BAD, id=f"CVE-2026-1{number:03}", severity=Severity.HIGH) for number in range(3)]
    bash = replace(BAD, id="CVE-2026-2000", package="bash", fixed="5.3", severity=Severity.HIGH)
    (one,) = verdict(GateRule(severity=Severity.HIGH, where="policy.yaml:7"), BAD, *others, bash).objections
    assert one.text == (
        "5 findings: openssl 3.0.1-1: CVE-2026-0001 (critical), CVE-2026-1000 (high), CVE-2026-1001 (high) and 1 more,"
        " fixed in 3.0.2-1; bash 3.0.1-1: CVE-2026-2000 (high), fixed in 5.3"
    )
    assert one.rule == "fail_on severity high (policy.yaml:7)"
    assert one.hint.startswith("upgrade openssl to 3.0.2-1, bash to 5.3, build, sign and scan again; or except them")


def test_long_and_hostile_words_are_cut() -> None:
    hostile = "\U000e0001" * 8000
    findings = [replace(BAD, id=f"{number}{hostile}", package=hostile, fixed=f"{number}x") for number in range(6)]
    (one,) = verdict(ALL, *findings).objections
    assert one.text.isprintable()
    assert len(one.text) < 600
    assert one.text.endswith("; and 5 more")
    assert len(one.hint) < 600


@pytest.mark.parametrize(
    ("pattern", "name", "answer"),
    [
        ("", "", True),
        ("*", "", True),
        ("a", "ab", False),
        ("a*", "a", True),
        ("a*a", "a", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "acb", False),
        ("*b*", "abc", True),
        ("**", "a", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
    ],
)
def test_names(pattern: str, name: str, answer: bool) -> None:
    assert fits_name(pattern, name) is answer


@pytest.mark.parametrize(
    ("pattern", "path", "answer"),
    [
        ("usr/*", "usr/lib", True),
        ("usr/*", "usr/lib/x", False),
        ("usr/**", "usr/lib/x", True),
        ("usr/**", "usr", True),
        ("**/x", "x", True),
        ("**/x", "a/b/x", True),
        ("**/x", "a/b/xx", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/c/d/b", True),
        ("a/**/b/**/c", "a/b/b/c/c", True),
        ("/usr/lib", "usr/lib", True),
        ("usr/l**", "usr/lib/x", True),
        ("usr/l**", "usr/x/lib", False),
        ("**.jar", "opt/app/x.jar", True),
        ("**/*.jar", "x.jar", True),
        ("a/**/**", "a", True),
        ("a*/b", "a/x/b", False),
        ("a/*", "a", False),
        ("a/*/b", "a/b", False),
        ("**", "", True),
    ],
)
def test_paths(pattern: str, path: str, answer: bool) -> None:
    assert fits_path(pattern, path) is answer


@pytest.mark.timeout(20)
def test_hostile_names_take_no_time() -> None:
    assert not fits_name("*a" * 60 + "*b", "a" * 8000)
    assert not fits_path("/".join(["**", "a"] * 30) + "/b", "/".join("a" * 4000))
