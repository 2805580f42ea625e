"""Two scans side by side, and a baseline: what is new or worse is told apart from what was there before."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.fakes.scans import CLEAN, FINDING, SCANNED

from pytrust.scanner.baseline import only_new, since_baseline
from pytrust.scanner.changes import changes
from pytrust.scanner.checked import NAMELESS, checked_scan, names_of, whole_scan
from pytrust.scanner.claim import Claims
from pytrust.scanner.diff_sheet import Side, diff_sheet
from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.gate.judge import judge
from pytrust.scanner.report import Detail, Image, Report
from pytrust.scanner.rules import GateRule, Policed, ScanRules
from pytrust.scanner.scan import Coverage, Scan, Scanner
from pytrust.scanner.scan_head import NO_DIGEST, UNDATED
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Mark, Sheet
from pytrust.scanner.verdict import Standing
from pytrust.trust.names import CollectionName, Digest

NOW = SCANNED + timedelta(days=1)
TODAY = NOW.date()
UNFIXED = replace(FINDING, fixed="", severity=Severity.MEDIUM)
OTHER = replace(FINDING, id="CVE-2026-0002", severity=Severity.LOW)


def scan(*findings: Finding) -> Scan:
    return replace(CLEAN, findings=findings)


def sheet(old: Scan, new: Scan) -> Sheet:
    return diff_sheet(changes(old.findings, new.findings), Side("old.json", old), Side("new.json", new), NOW)


def rows(old: Scan, new: Scan) -> list[tuple[str, Mark, str]]:
    return [(line.id, line.mark, line.why) for line in sheet(old, new).lines]


def test_nothing_changed() -> None:
    same = sheet(scan(FINDING), scan(replace(FINDING, version="9.9")))
    assert (same.mark, same.lines, dict(same.facts)["changes"]) == (Mark.PASS, (), "none")
    assert same.title == "from old.json to new.json"
    assert dict(same.facts)["old digest"] == str(CLEAN.subject.digest)


@pytest.mark.parametrize(
    ("old", "new", "row", "whole"),
    [
        ([], [FINDING], (FINDING.id, Mark.FAIL, "new"), Mark.FAIL),
        ([FINDING], [], (FINDING.id, Mark.NOTE, "gone"), Mark.PASS),
        ([OTHER], [replace(OTHER, severity=Severity.HIGH)], (OTHER.id, Mark.FAIL, "worse, was low"), Mark.FAIL),
        (
            [FINDING],
            [replace(FINDING, severity=Severity.LOW)],
            (FINDING.id, Mark.NOTE, "better, was critical"),
            Mark.PASS,
        ),
        ([UNFIXED], [replace(UNFIXED, fixed="2")], (FINDING.id, Mark.NOTE, "a fix appeared"), Mark.PASS),
        ([UNFIXED], [FINDING], (FINDING.id, Mark.FAIL, "worse, was medium; a fix appeared"), Mark.FAIL),
    ],
)
def test_every_change_once(old: list[Finding], new: list[Finding], row: tuple[str, Mark, str], whole: Mark) -> None:
    assert rows(scan(*old), scan(*new)) == [row]
    assert sheet(scan(*old), scan(*new)).mark is whole


def test_one_more_of_the_same_is_new() -> None:
    assert rows(scan(FINDING), scan(FINDING, FINDING)) == [(FINDING.id, Mark.FAIL, "new")]


def test_the_version_stands_with_the_package() -> None:
    (line,) = sheet(scan(OTHER), scan(replace(OTHER, severity=Severity.HIGH, version="3.0.2"))).lines
    assert (line.subject, line.version) == ("openssl 3.0.1-1 -> 3.0.2", "")
    (line,) = sheet(scan(), scan(OTHER)).lines
    assert (line.subject, line.version) == ("openssl 3.0.1-1", "")


def test_worst_first_within_a_mark() -> None:
    found = rows(scan(), scan(OTHER, FINDING))
    assert [row[0] for row in found] == [FINDING.id, OTHER.id]


def test_details_of_both_are_used() -> None:
    before = Side("a", scan(FINDING), {(Kind.VULNERABILITY, FINDING.id): Detail(title="was")})
    after = Side("b", scan(OTHER), {(Kind.VULNERABILITY, OTHER.id): Detail(title="is")})
    lines = diff_sheet(changes(before.scan.findings, after.scan.findings), before, after, NOW).lines
    assert {line.id: line.title for line in lines} == {FINDING.id: "was", OTHER.id: "is"}


def test_what_may_be_gone_though_it_was_not_mended_is_told() -> None:
    less = replace(
        scan(),
        subject=replace(CLEAN.subject, platform="linux/arm64"),
        coverage=Coverage(kinds=frozenset({Kind.SECRET}), families=frozenset({"secret"})),
        scanner=Scanner(version="0.1"),
    )
    texts = [remark.text for remark in sheet(scan(FINDING), less).remarks]
    assert texts == [
        "they are of linux/amd64 and of linux/arm64",
        "the new one has no results of: os-pkgs; what is gone may not be mended",
        "the new one did not look for: vulnerability",
        "scanned by trivy 0.74.0 and by trivy 0.1",
    ]
    assert sheet(scan(FINDING), scan()).remarks == ()


def report(*findings: Finding, artifact: str = "web", **more: object) -> Report:
    given: dict[str, object] = {"families": frozenset({"os-pkgs"}), "created_at": SCANNED, "results": 1}
    return Report(schema=2, artifact=artifact, findings=findings, **{**given, **more})  # type: ignore[arg-type]


def test_a_report_is_of_what_it_says() -> None:
    digest = f"sha256:{'a' * 64}"
    image = Image(
        config=Digest("b" * 64), names=(f"foo/web@{digest}",), tags=("foo/web:v1", "no name:"), platform="linux/arm64"
    )
    one = report(FINDING, image=image, version="0.74.0", id="x")
    assert names_of(one) == (CollectionName("docker.io/foo/web"),)
    made = checked_scan(one, b"data", NAMELESS, NOW)
    assert (str(made.subject.digest), made.subject.config, made.subject.platform) == (
        digest,
        Digest("b" * 64),
        "linux/arm64",
    )
    assert (made.scanned_at, made.source.length, made.scanner.version) == (SCANNED, 4, "0.74.0")
    assert made.findings == (FINDING,)


def test_a_report_that_names_two_digests_or_none_has_none() -> None:
    names = tuple(f"foo/web@sha256:{letter * 64}" for letter in "ab")
    assert checked_scan(report(image=Image(names=names)), b"", NAMELESS, NOW).subject.digest == NO_DIGEST
    assert checked_scan(report(created_at=None), b"", NAMELESS, NOW).scanned_at == UNDATED


def test_artefacts_of_one_file_stay_apart() -> None:
    both = [report(FINDING, artifact="web"), report(FINDING, artifact="api", families=frozenset({"config"}))]
    whole = whole_scan(both, b"data", NOW)
    assert [one.path for one in whole.findings] == ["api", "web"]
    assert len({one.key for one in whole.findings}) == 2
    assert whole.coverage.families == {"os-pkgs", "config"}
    assert whole_scan(both[:1], b"data", NOW) == checked_scan(both[0], b"data", NAMELESS, NOW)


RULES = ScanRules(gates=(GateRule(),), incomplete=None)


def denied(new: Scan, old: tuple[Finding, ...]) -> list[str]:
    judged = judge(
        since_baseline(new, old, TODAY), Policed(image=NAMELESS, rules=only_new(RULES, TODAY)), Claims(), NOW
    )
    return sorted(one.finding.id for one in judged.judged if one.standing is Standing.DENIED)


def test_only_what_the_baseline_lacks_is_judged() -> None:
    assert denied(scan(FINDING, OTHER), (FINDING,)) == [OTHER.id]
    assert denied(scan(FINDING, FINDING), (FINDING,)) == [FINDING.id]
    assert denied(scan(FINDING), (replace(FINDING, severity=Severity.LOW),)) == [FINDING.id]
    assert denied(scan(FINDING), (FINDING, OTHER)) == []


def test_a_later_baseline_of_the_policy_holds() -> None:
    later = date(2027, 1, 1)
    assert only_new(replace(RULES, since=later), TODAY).since == later
    assert only_new(replace(RULES, since=date(2020, 1, 1)), TODAY).since == TODAY


findings = st.lists(
    st.builds(
        lambda number, severity, fixed: replace(FINDING, id=f"CVE-{number}", severity=severity, fixed=fixed),
        st.integers(0, 5),
        st.sampled_from(Severity),
        st.sampled_from(["", "2.0"]),
    ),
    max_size=12,
)


@given(findings, findings)
def test_a_baseline_lets_pass_only_what_was_there(old: list[Finding], new: list[Finding]) -> None:
    """As often as it was there, and no worse."""
    known = {one.id: sorted((other.severity for other in old if other.id == one.id), reverse=True) for one in new}
    passed: dict[str, list[Severity]] = {}
    dated = since_baseline(scan(*new), tuple(old), TODAY)
    assert [replace(one, first_seen=None) for one in dated.findings] == list(new)
    for one in dated.findings:
        if one.first_seen != TODAY:
            passed.setdefault(one.id, []).append(one.severity)
    for name, severities in passed.items():
        allowed = known[name]
        assert len(severities) <= len(allowed)
        assert all(mine <= theirs for mine, theirs in zip(sorted(severities, reverse=True), allowed, strict=False))


@given(findings, findings)
def test_nothing_that_came_or_went_is_left_out(old: list[Finding], new: list[Finding]) -> None:
    words = [line.why for line in sheet(scan(*old), scan(*new)).lines]
    assert words.count("new") - words.count("gone") == len(new) - len(old)
