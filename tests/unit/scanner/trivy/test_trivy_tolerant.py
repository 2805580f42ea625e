"""What is odd and let pass: a finding never disappears, and what was odd is said."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vectors.trivy import make

from pytrust.scanner import Finding, Kind, Report, Severity, read_model, read_report
from pytrust.scanner.limits import REMARKS_MAX

VULNERABILITY = "$.Results[0].Vulnerabilities[0]"


def read(document: object, **options: Any) -> Report:
    return read_report(make.encode(document).encode(), **options)


def found(**more: Any) -> tuple[Finding, tuple[str, ...]]:
    """A vulnerability, and the remarks."""
    item = {name: value for name, value in make.vulnerability(**more).items() if value is not ...}
    report = read(make.report([make.os_result(item)]))
    (finding,) = report.findings
    return finding, report.remarks


SEVERITIES = [
    ("UNKNOWN", Severity.UNKNOWN, ""),
    ("LOW", Severity.LOW, ""),
    ("MEDIUM", Severity.MEDIUM, ""),
    ("HIGH", Severity.HIGH, ""),
    ("CRITICAL", Severity.CRITICAL, ""),
    ("", Severity.UNKNOWN, ""),
    ("high", Severity.UNKNOWN, "the severity 'high' is none of Trivy's, so it counts as unknown"),
    ("CRITICAL ", Severity.UNKNOWN, "the severity 'CRITICAL ' is none of Trivy's, so it counts as unknown"),
    ("NEGLIGIBLE", Severity.UNKNOWN, "the severity 'NEGLIGIBLE' is none of Trivy's, so it counts as unknown"),
    ("\x1b[2J", Severity.UNKNOWN, "the severity '\\x1b[2J' is none of Trivy's, so it counts as unknown"),
    (None, Severity.UNKNOWN, "a finding without a severity"),
    (..., Severity.UNKNOWN, "a finding without a severity"),
]


@pytest.mark.parametrize(("word", "severity", "remark"), SEVERITIES)
@pytest.mark.parametrize("kind", ["Vulnerabilities", "Misconfigurations", "Secrets", "Licenses"])
def test_severities(kind: str, word: object, severity: Severity, remark: str) -> None:
    item: dict[str, object] = {
        "VulnerabilityID": "CVE-1",
        "PkgName": "a",
        "ID": "a",
        "RuleID": "a",
        "Name": "a",
        "Status": "FAIL",
    }
    item |= {} if word is ... else {"Severity": word}
    item = {name: value for name, value in item.items() if kind == "Misconfigurations" or name != "Status"}
    item = {name: value for name, value in item.items() if kind == "Licenses" or name != "Name"}
    item = {name: value for name, value in item.items() if kind != "Licenses" or name != "PkgName"}
    report = read(make.report([{"Target": "a", kind: [item]}]))
    assert [finding.severity for finding in report.findings] == [severity]
    assert report.remarks == ((f"{remark} (at $.Results[0].{kind}[0])",) if remark else ())


NO_NUMBER = f"a severity of a vendor that is none of Trivy's numbers (at {VULNERABILITY})"
NO_SEVERITY = f"a finding without a severity (at {VULNERABILITY})"
VENDORS: list[tuple[object, str | None, Severity, tuple[str, ...]]] = [
    ({"nvd": 4, "redhat": 2}, "redhat", Severity.MEDIUM, ()),
    ({"nvd": 4, "redhat": 2}, "alpine", Severity.CRITICAL, ()),
    ({"nvd": 1, "redhat": 2.0}, None, Severity.MEDIUM, ()),
    ({"nvd": 0}, "nvd", Severity.UNKNOWN, ()),
    ({"nvd": 9, "redhat": 2}, "nvd", Severity.MEDIUM, (NO_NUMBER,)),
    ({"nvd": "high"}, "nvd", Severity.UNKNOWN, (NO_NUMBER, NO_SEVERITY)),
    ({"nvd": True, "a": -1, "b": 2.5, "c": None, "d": [4]}, "nvd", Severity.UNKNOWN, (NO_NUMBER, NO_SEVERITY)),
    ({}, "nvd", Severity.UNKNOWN, (NO_SEVERITY,)),
    (None, "nvd", Severity.UNKNOWN, (NO_SEVERITY,)),
]


@pytest.mark.parametrize(("vendors", "source", "severity", "remarks"), VENDORS)
def test_severities_of_vendors(
    vendors: object, source: str | None, severity: Severity, remarks: tuple[str, ...]
) -> None:
    finding, said = found(Severity=..., VendorSeverity=vendors, SeveritySource=source)
    assert (finding.severity, said) == (severity, remarks)
    assert found(VendorSeverity=vendors, SeveritySource=source)[0].severity is Severity.HIGH


def no_score(name: str) -> tuple[str, ...]:
    return (f"a {name} that CVSS does not have (at {VULNERABILITY})",)


SCORES: list[tuple[object, int | None, tuple[str, ...]]] = [
    (None, None, ()),
    ({}, None, ()),
    ({"nvd": None, "a": {}}, None, ()),
    ({"nvd": {"V3Score": 9.8}}, 98, ()),
    ({"nvd": {"V3Score": 10}}, 100, ()),
    ({"nvd": {"V3Score": 10.0, "V3Vector": "garbage, that nobody reads"}}, 100, ()),
    ({"nvd": {"V3Score": 7.1, "V40Score": 8.7}}, 87, ()),
    ({"nvd": {"V3Score": 7.1}, "ghsa": {"V3Score": 9.8}}, 71, ()),
    ({"redhat": {"V3Score": 5.9}, "nvd": {"V3Score": 9.8}}, 59, ()),
    ({"redhat": {"V2Score": 9.0}, "nvd": {"V3Score": 4.0}}, 40, ()),
    ({"redhat": {"V2Score": 9.0}, "nvd": {"V2Score": 4.0}}, 90, ()),
    ({"a": {"V3Score": 4.0}, "b": {"V40Score": 6.0}, "c": {"V2Score": 9}}, 60, ()),
    ({"nvd": {"V3Score": 0, "V2Score": 5}}, 50, ()),
    ({"nvd": {"V3Score": 0.05}}, 0, ()),
    ({"nvd": {"V3Score": -1}}, None, no_score("V3Score")),
    ({"nvd": {"V3Score": 11}, "a": {"V3Score": 5}}, 50, no_score("V3Score")),
    ({"nvd": {"V40Score": "9.8"}}, None, no_score("V40Score")),
    ({"nvd": {"V2Score": True}}, None, no_score("V2Score")),
    ({"nvd": {"V3Score": [9.8]}}, None, no_score("V3Score")),
    ({"nvd": {"V3Score": 1e300}}, None, no_score("V3Score")),
]


@pytest.mark.parametrize(("scores", "tenths", "remarks"), SCORES)
def test_scores(scores: object, tenths: int | None, remarks: tuple[str, ...]) -> None:
    finding, said = found(CVSS=scores, SeveritySource="redhat")
    assert (finding.cvss or None, said) == (tenths or None, remarks)


NO_DAY = f"a day of publication that is none, so it counts as long ago (at {VULNERABILITY})"
DAYS = [
    ("2019-09-10T17:15:11Z", date(2019, 9, 10), ()),
    ("2019-09-10T17:15:11.123456789+09:00", date(2019, 9, 10), ()),
    (None, None, ()),
    ("", None, ()),
    (..., None, ()),
    ("yesterday", None, (NO_DAY,)),
    ("0001-01-01T00:00:00Z", None, (NO_DAY,)),
    ("9999-01-01T00:00:00Z", None, (NO_DAY,)),
    ("2019-02-30T00:00:00Z", None, (NO_DAY,)),
    ("2019-W01-1T00:00:00Z", None, (NO_DAY,)),
    ("20190910T171511Z", None, (NO_DAY,)),
    ("2019-09-10", None, (NO_DAY,)),
    ("２０１９-09-10T17:15:11Z", None, (NO_DAY,)),
]


@pytest.mark.parametrize(("written", "day", "remarks"), DAYS)
def test_days(written: object, day: date | None, remarks: tuple[str, ...]) -> None:
    finding, said = found(PublishedDate=written)
    assert (finding.published, said) == (day, remarks)


NO_PURL = f"a package URL that is none, so no exception for one can apply (at {VULNERABILITY})"
PURLS = [
    ("pkg:deb/debian/openssl@1.1.1?arch=amd64", "pkg:deb/debian/openssl@1.1.1?arch=amd64", ()),
    ("pkg:DEB/debian/openssl@1.1.1?distro=a&arch=amd64", "pkg:deb/debian/openssl@1.1.1?arch=amd64&distro=a", ()),
    ("", "", ()),
    (None, "", ()),
    ("openssl", "", (NO_PURL,)),
    ("pkg:deb/debian/openssl\n@1", "", (NO_PURL,)),
    ("pkg:deb/debian/" + "a" * 1_000_000, "", (NO_PURL,)),
    (5, "", (NO_PURL,)),
]


@pytest.mark.parametrize(("written", "purl", "remarks"), PURLS)
def test_purls(written: object, purl: str, remarks: tuple[str, ...]) -> None:
    finding, said = found(PkgIdentifier={"PURL": written, "UID": "1", "New": [1, {"a": 2}]})
    assert (finding.purl, said) == (purl, remarks)


@pytest.mark.parametrize("missing", ["VulnerabilityID", "PkgName"])
@pytest.mark.parametrize("value", [None, "", ...])
def test_a_vulnerability_without_a_name_stays(missing: str, value: object) -> None:
    finding, said = found(**{missing: value})
    assert finding.severity is Severity.HIGH
    assert said == (f"a vulnerability without an id or without a package (at {VULNERABILITY})",)


@pytest.mark.parametrize(
    "identity", ["CVE-2019-0001\u202e", "СVE-2019-0001", "cve-2019-0001", " CVE-2019-0001", "CVE\x00"]
)
def test_ids_are_as_they_stand(identity: str) -> None:
    assert found(VulnerabilityID=identity)[0].id == identity


def test_things_without_an_id_stay() -> None:
    lists = {"Misconfigurations": [{"Status": "FAIL", "Severity": "LOW"}], "Secrets": [{"Severity": "LOW"}]}
    report = read(make.report([{**lists, "Target": "a", "Licenses": [{"Severity": "LOW"}]}]))
    assert [(finding.kind, finding.id) for finding in report.findings] == [
        (Kind.MISCONFIGURATION, ""),
        (Kind.SECRET, ""),
        (Kind.LICENSE, ""),
    ]
    assert [remark.partition(" (")[0] for remark in report.remarks] == [
        "a misconfiguration without an id",
        "a secret without an id",
        "a license without an id",
    ]


STATUSES = [
    ("PASS", 0, 0),
    ("EXCEPTION", 0, 0),
    ("FAIL", 1, 0),
    ("pass", 1, 1),
    ("", 1, 1),
    (None, 1, 1),
    ("NEW", 1, 1),
]


@pytest.mark.parametrize(("status", "findings", "remarks"), STATUSES)
def test_checks_by_status(status: str | None, findings: int, remarks: int) -> None:
    item = {**make.MISCONFIGURATION, "Status": status}
    report = read(make.report([{"Target": "Dockerfile", "Class": "config", "Misconfigurations": [item]}]))
    assert (len(report.findings), len(report.remarks)) == (findings, remarks)


def test_a_passed_check_is_not_suppressed_either() -> None:
    passed = {"Type": "misconfiguration", "Finding": {**make.MISCONFIGURATION, "Status": "PASS"}}
    failed = {"Type": "misconfiguration", "Finding": make.MISCONFIGURATION}
    secret = {"Type": "secret", "Status": "ignored", "Source": "", "Finding": make.SECRET}
    items = {"ExperimentalModifiedFindings": [passed, failed, secret]}
    report = read(make.report([{"Target": "a", **items}]), details=True)
    assert [suppressed.finding.id for suppressed in report.suppressed] == ["DS002", "github-pat"]
    assert report.suppressed[1].finding.severity is Severity.CRITICAL
    assert set(report.details) == {(Kind.MISCONFIGURATION, "DS002"), (Kind.SECRET, "github-pat")}


def test_an_older_name_of_a_check() -> None:
    item = {"AVDID": "AVD-DS-0002", "Status": "FAIL", "Severity": "LOW"}
    (finding,) = read(make.report([{"Target": "Dockerfile", "Misconfigurations": [item]}])).findings
    assert (finding.id, finding.path, finding.status) == ("AVD-DS-0002", "Dockerfile", "FAIL")


SUMMARIES = [
    ({"Failures": 1}, ()),
    ({"Failures": 1.0}, ()),
    (None, ()),
    ({"Failures": 0}, (0,)),
    ({}, (0,)),
    ({"Failures": "x"}, (0,)),
]


@pytest.mark.parametrize(("summary", "odd"), SUMMARIES)
def test_the_list_counts_and_not_the_summary(summary: object, odd: tuple[int, ...]) -> None:
    result = {"Target": "Dockerfile", "MisconfSummary": summary, "Misconfigurations": [make.MISCONFIGURATION]}
    report = read(make.report([result]))
    assert len(report.findings) == 1
    remark = "a summary that does not count 1 failed checks (at $.Results[0].MisconfSummary)"
    assert report.remarks == (remark,) * len(odd)


def test_a_summary_without_its_list() -> None:
    report = read(make.report([{"Target": "Dockerfile", "MisconfSummary": {"Failures": 3}}]))
    assert report.remarks == ("a summary that does not count 0 failed checks (at $.Results[0].MisconfSummary)",)


def test_where_things_are() -> None:
    config = {"Target": "../../etc/passwd", "Class": "config", "Misconfigurations": [make.MISCONFIGURATION]}
    secret = {"Target": "/app/.env", "Class": "secret", "Secrets": [make.SECRET]}
    file = {
        "Target": "Loose File License(s)",
        "Class": "license-file",
        "Licenses": [{**make.LICENSE, "FilePath": "/a"}],
    }
    paths = [(finding.package, finding.path) for finding in read(make.report([config, secret, file])).findings]
    assert paths == [("", "../../etc/passwd"), ("", "/app/.env"), ("ghost", "/a")]


def test_the_same_finding_counts_as_often_as_it_stands_there() -> None:
    report = read(make.report([make.os_result(*[make.vulnerability()] * 1_000)]))
    assert len(report.findings) == 1_000


def test_a_remark_says_how_often_and_where_first() -> None:
    report = read(make.report([make.os_result(make.vulnerability(), *[make.vulnerability(Severity="high")] * 3)]))
    (remark,) = report.remarks
    assert remark.endswith("so it counts as unknown (3 times, first at $.Results[0].Vulnerabilities[1])")


def test_remarks_are_bounded() -> None:
    report = read(make.report([make.os_result(*(make.vulnerability(Severity=str(n)) for n in range(1_000)))]))
    assert (len(report.findings), len(report.remarks)) == (1_000, REMARKS_MAX)


@pytest.mark.parametrize("kind", ["Vulnerabilities", "Misconfigurations", "Secrets", "Licenses", "Packages"])
def test_null_is_an_empty_list(kind: str) -> None:
    report = read(make.report([{"Target": "a", "Class": "os-pkgs", kind: None}]))
    assert (report.results, len(report.findings), list(report.families)) == (1, 0, ["os-pkgs"])


@pytest.mark.parametrize("results", [None, []])
def test_nothing_was_examined(results: object) -> None:
    report = read({**make.report(None), "Results": results})
    assert (report.results, report.families) == (0, frozenset())


NAMES = [
    (None, (), 0),
    ([], (), 0),
    ([""], (), 0),
    ([f"a@{make.SHA['a']}", f"b@{make.SHA['b']}"], (f"a@{make.SHA['a']}", f"b@{make.SHA['b']}"), 0),
    ([f"a@{make.SHA['a'].upper()}"], (), 1),
    (["a@sha256:" + "A" * 64], (), 1),
    (["a@sha512:" + "a" * 128], (), 1),
    (["a:tag"], (), 1),
    ([make.SHA["a"]], (), 1),
    ([f"a@{make.SHA['a']} ", f"a\n@{make.SHA['a']}", f"@{make.SHA['a']}", f"a@b@{make.SHA['a']}"], (), 1),
]


@pytest.mark.parametrize(("written", "names", "remarks"), NAMES)
def test_names_with_digests(written: object, names: tuple[str, ...], remarks: int) -> None:
    report = read(make.report([], metadata={"ImageID": make.SHA["c"], "RepoDigests": written}))
    assert report.image is not None
    assert (report.image.names, len(report.remarks)) == (names, remarks)


@pytest.mark.parametrize("written", ["", None, "sha256:" + "A" * 64, "sha512:" + "a" * 128, "a" * 64, "sha256:abc"])
def test_an_id_that_is_none(written: str | None) -> None:
    report = read(make.report([], metadata={"ImageID": written, "DiffIDs": [make.SHA["a"], written or make.SHA["b"]]}))
    assert report.image is not None
    assert report.image.config is None
    assert len(report.image.layers) == (0 if written else 2)
    assert len(report.remarks) == bool(written)


def test_unknown_keys_and_words_everywhere() -> None:
    maps = {"CVSS", "VendorSeverity"}  # there, whatever is new is a source

    def odd(value: Any) -> Any:
        if isinstance(value, list):
            return [odd(item) for item in value]
        if isinstance(value, dict):
            more = {"Foo": [1, {"Severity": "LOW", "severity": 1}], "Bar": {"a": None}, "Baz": 1.5, "é": True}
            return {**{name: item if name in maps else odd(item) for name, item in value.items()}, **more}
        return value

    for name, document in {**make.arrays(), **make.objects()}.items():
        assert read(document, details=True) == read(odd(document), details=True), name
    assert read_model(make.encode(odd(make.objects()["0.40-object"])).encode()).results


WORDS = st.none() | st.text(max_size=5)


@given(st.lists(st.fixed_dictionaries({}, optional={"VulnerabilityID": WORDS, "PkgName": WORDS, "Severity": WORDS, "FixedVersion": WORDS, "Status": WORDS, "PkgPath": WORDS, "PublishedDate": WORDS, "Foo": WORDS}), max_size=5))  # fmt: skip
def test_a_finding_never_disappears(items: list[dict[str, str | None]]) -> None:
    report = read_report(json.dumps(make.report([make.os_result(*items)])).encode())
    assert [finding.id for finding in report.findings] == [item.get("VulnerabilityID") or "" for item in items]
    assert [finding.path for finding in report.findings] == [item.get("PkgPath") or "" for item in items]
