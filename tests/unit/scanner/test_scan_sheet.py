"""A judged scan as a sheet: nothing is left out, worst and fixable first, and what is odd is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.scanner.finding import Finding, Kind, Suppressed
from pytrust.scanner.report import Detail
from pytrust.scanner.rules import Action, Waiver
from pytrust.scanner.scan import Coverage, Database, Scan, Scanner, Source, Subject, System
from pytrust.scanner.scan_head import UNDATED, looked_for, nobody
from pytrust.scanner.scan_sheet import MARKS, scan_sheet
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Remark, Sheet
from pytrust.scanner.sheet_join import joined
from pytrust.scanner.spans import ago, moment_ago
from pytrust.scanner.verdict import Judged, Objection, Standing, Verdict
from pytrust.trust.names import CollectionName, Digest

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
NAME = CollectionName("registry.example.com/foo/web")
SUBJECT = Subject(name=NAME, digest=Digest("a" * 64), config=Digest("b" * 64), platform="linux/amd64")


def scan(**more: object) -> Scan:
    given: dict[str, object] = {
        "subject": SUBJECT,
        "scanned_at": NOW - timedelta(hours=30),
        "source": Source(digest=Digest("c" * 64), length=10),
        "scanner": Scanner(version="0.69.1"),
        "database": Database(updated_at=NOW - timedelta(days=3)),
        "coverage": Coverage(kinds=frozenset(Kind), severities=frozenset(Severity), families=frozenset({"os-pkgs"})),
    }
    return Scan(**{**given, **more})  # type: ignore[arg-type]


def finding(id_: str, severity: Severity, **more: object) -> Finding:
    return Finding(id=id_, severity=severity, **{"package": "openssl", **more})  # type: ignore[arg-type]


def verdict(*judged: Judged, action: Action | None = None, **more: object) -> Verdict:
    return Verdict(action=action, judged=judged, **more)  # type: ignore[arg-type]


def test_the_head_tells_of_which_image_and_how_old() -> None:
    sheet = scan_sheet(verdict(), scan(), now=NOW, image="foo/web:v2", facts=(("signed by", "alice"),))
    facts = dict(sheet.facts)
    assert sheet.title == "scan of foo/web:v2"
    assert facts["image"] == "foo/web:v2"
    assert facts["digest"] == f"sha256:{'a' * 64}"
    assert facts["platform"] == "linux/amd64"
    assert facts["scanned"] == "2026-11-30 06:00 UTC, 30 h ago"
    assert facts["database"] == "2026-11-28 12:00 UTC, 3 d ago"
    assert facts["scanner"] == "trivy 0.69.1"
    assert facts["looked for"] == "licences, misconfigurations, secrets, vulnerabilities"
    assert sheet.facts[-1] == ("signed by", "alice")
    assert sheet.mark is Mark.PASS
    assert sheet.remarks == ()


def test_what_is_not_known_is_said() -> None:
    one = scan(database=Database(), coverage=Coverage())
    sheet = scan_sheet(verdict(), one, now=NOW)
    facts = dict(sheet.facts)
    assert (facts["database"], facts["looked for"]) == ("not known", "not known")
    assert [remark.mark for remark in sheet.remarks] == [Mark.NOTE]
    assert "does not say what was looked for" in sheet.remarks[0].text


def test_a_report_of_no_image_shows_no_digest() -> None:
    sheet = scan_sheet(verdict(), scan(subject=nobody(NAME), bound=False), now=NOW, image="web.json")
    assert dict(sheet.facts).keys().isdisjoint({"digest", "configuration", "platform"})


def test_what_an_objection_told_is_not_told_again() -> None:
    unsure = Objection("may-be-incomplete", Action.WARN, "it is not known whether secrets were looked for")
    sheet = scan_sheet(verdict(action=Action.WARN, objections=(unsure,)), scan(coverage=Coverage()), now=NOW)
    assert [remark.text for remark in sheet.remarks] == ["it is not known whether secrets were looked for"]


def test_a_report_without_a_date() -> None:
    sheet = scan_sheet(verdict(), scan(scanned_at=UNDATED), now=NOW)
    assert dict(sheet.facts)["scanned"] == "not known"
    assert [remark.text for remark in sheet.remarks] == [
        "the report does not say when it was made: it is as old as can be"
    ]


@pytest.mark.parametrize(
    ("coverage", "text"),
    [
        (Coverage(kinds=frozenset({Kind.SECRET})), "secrets"),
        (Coverage(kinds=frozenset({Kind.SECRET}), asserted=True), "secrets; as the operator says"),
        (Coverage(severities=frozenset({Severity.HIGH, Severity.CRITICAL})), "not known; only critical, high"),
        (
            Coverage(kinds=frozenset({Kind.VULNERABILITY}), unfixed=False),
            "vulnerabilities; not what has no fix",
        ),
    ],
)
def test_what_was_looked_for(coverage: Coverage, text: str) -> None:
    assert looked_for(coverage) == text


def test_what_was_not_looked_for_is_a_remark() -> None:
    sheet = scan_sheet(verdict(), scan(coverage=Coverage(kinds=frozenset({Kind.VULNERABILITY}))), now=NOW)
    assert [remark.text for remark in sheet.remarks] == ["not looked for: licences, misconfigurations, secrets"]


def test_worst_and_fixable_first_within_a_mark() -> None:
    judged = [
        Judged(finding("CVE-5", Severity.CRITICAL), Standing.PASSED),
        Judged(finding("CVE-4", Severity.LOW), Standing.DENIED, "fail_on"),
        Judged(finding("CVE-3", Severity.HIGH), Standing.DENIED, "fail_on"),
        Judged(finding("CVE-2", Severity.HIGH, fixed="1.2"), Standing.DENIED, "fail_on"),
        Judged(finding("CVE-1", Severity.CRITICAL), Standing.WARNED, "warn_on"),
    ]
    sheet = scan_sheet(verdict(*judged, action=Action.DENY), scan(), now=NOW)
    assert [(line.id, line.mark) for line in sheet.lines] == [
        ("CVE-2", Mark.FAIL),
        ("CVE-3", Mark.FAIL),
        ("CVE-4", Mark.FAIL),
        ("CVE-1", Mark.WARN),
        ("CVE-5", Mark.PASS),
    ]
    assert sheet.mark is Mark.FAIL


def test_a_line_has_what_is_known_of_the_finding() -> None:
    one = finding("CVE-1", Severity.HIGH, version="1.1", fixed="1.2", path="usr/lib/x", cvss=75, kev=True, epss=12_345)
    details = {(Kind.VULNERABILITY, "CVE-1"): Detail(title="a title", text="long", links=("https://x/",), hint="do")}
    sheet = scan_sheet(verdict(Judged(one, Standing.DENIED, "fail_on (policy.yaml:7)")), scan(), details, now=NOW)
    assert sheet.lines == (
        Line(
            id="CVE-1",
            mark=Mark.FAIL,
            severity=Severity.HIGH,
            title="a title",
            subject="openssl",
            version="1.1",
            fixed="1.2",
            place="usr/lib/x",
            links=("https://x/",),
            why="fail_on (policy.yaml:7); known to be exploited; EPSS 12.3 %",
            hint="do",
            text="long",
            kind="vulnerability",
            score=75,
        ),
    )


def test_details_of_another_kind_are_not_taken() -> None:
    details = {(Kind.SECRET, "CVE-1"): Detail(title="a secret", links=("https://x/",))}
    judged = Judged(finding("CVE-1", Severity.HIGH), Standing.DENIED)
    line = scan_sheet(verdict(judged), scan(), details, now=NOW).lines[0]
    assert (line.title, line.links) == ("", ())


def test_remarks_of_objections_waivers_and_what_was_suppressed() -> None:
    ended = Waiver(ids=("CVE-1",), reason="later", owner="alice", expires=date(2026, 11, 1), where="policy.yaml:9")
    unused = Waiver(ids=("CVE-2", "GHSA-2"), reason="none", owner="bob", expires=date(2027, 1, 1))
    objection = Objection("stale-scan", Action.DENY, "the scan is 9 d old", "max_age", "scan again")
    left_out = Suppressed(finding=finding("CVE-3", Severity.LOW), source=".trivyignore")
    one = verdict(action=Action.DENY, objections=(objection,), ended=(ended,), unused=(unused,))
    last = Remark(Mark.NOTE, "unsigned VEX")
    sheet = scan_sheet(one, scan(suppressed=(left_out,)), now=NOW, remarks=(last,))
    assert [(remark.mark, remark.text) for remark in sheet.remarks] == [
        (Mark.FAIL, "the scan is 9 d old (max_age)"),
        (Mark.WARN, "the exception for CVE-1 (alice: later, policy.yaml:9) ended with 2026-11-01"),
        (Mark.NOTE, "the exception for CVE-2, GHSA-2 (bob: none) fits nothing in this scan"),
        (Mark.NOTE, "the scanner left out 1 finding, as it was told to by: .trivyignore"),
        (Mark.NOTE, "unsigned VEX"),
    ]
    assert sheet.remarks[0].hint == "scan again"


def test_a_system_whose_time_is_over() -> None:
    sheet = scan_sheet(verdict(), scan(system=System(family="debian", name="9.13", ended=True)), now=NOW)
    assert dict(sheet.facts)["distribution"] == "debian 9.13, whose time is over"


@given(
    st.lists(
        st.tuples(st.sampled_from(Severity), st.sampled_from(Standing), st.sampled_from(["", "2.0"]), st.text()),
        max_size=30,
    )
)
def test_no_finding_is_lost(rows: list[tuple[Severity, Standing, str, str]]) -> None:
    judged = [
        Judged(finding(f"CVE-{at}", severity, fixed=fixed, package=package), standing)
        for at, (severity, standing, fixed, package) in enumerate(rows)
    ]
    sheet = scan_sheet(verdict(*judged), scan(), now=NOW)
    shown = sorted((line.id, line.mark, line.severity) for line in sheet.lines)
    assert shown == sorted((one.finding.id, MARKS[one.standing], one.finding.severity) for one in judged)
    assert scan_sheet(verdict(*reversed(judged)), scan(), now=NOW) == sheet


def sheet_of(mark: Mark, *lines: Line, **more: object) -> Sheet:
    return Sheet(title="t", tool="x", mark=mark, lines=lines, **more)  # type: ignore[arg-type]


def test_joined_sheets_have_the_worst_mark_and_say_whose_a_line_is() -> None:
    warned = Line(id="CVE-1", mark=Mark.WARN, severity=Severity.CRITICAL, place="usr/lib")
    less = Line(id="CVE-2", mark=Mark.FAIL, severity=Severity.LOW)
    failed = Line(id="CVE-3", mark=Mark.FAIL, severity=Severity.HIGH)
    both = joined(
        "all",
        "x",
        [
            ("one", sheet_of(Mark.WARN, warned, facts=(("image", "web"),))),
            ("two", sheet_of(Mark.FAIL, less, failed, remarks=(Remark(Mark.FAIL, "stale"),))),
        ],
    )
    assert both.mark is Mark.FAIL
    assert [(line.id, line.place) for line in both.lines] == [
        ("CVE-3", "two"),
        ("CVE-2", "two"),
        ("CVE-1", "one: usr/lib"),
    ]
    assert both.facts == (("one: image", "web"),)
    assert [remark.text for remark in both.remarks] == ["two: stale"]


def test_one_sheet_alone_stays_as_it_is() -> None:
    alone = sheet_of(Mark.PASS)
    assert joined("all", "x", [("one", alone)]) is alone


@pytest.mark.parametrize(
    ("length", "text"),
    [(timedelta(hours=71, minutes=59), "71 h"), (timedelta(days=3), "3 d"), (timedelta(0), "0 h")],
)
def test_how_long_ago(length: timedelta, text: str) -> None:
    assert ago(NOW - length, NOW) == f"{text} ago"
    assert moment_ago(NOW - length, NOW).endswith(f" UTC, {text} ago")


def test_what_is_to_come_and_what_is_not_known() -> None:
    assert ago(NOW + timedelta(days=9), NOW) == "in 9 d"
    assert moment_ago(None, NOW) == "not known"
