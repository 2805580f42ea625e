"""Every form that Trivy had, by hand: ``tests/vectors/trivy/make.py``."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.vectors.trivy import make

from pytrust.scanner import BadReport, Database, Finding, Kind, Report, Severity, read_model, read_report, read_reports

FOLDER = Path(make.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
SINGLE = [name for name in NAMES if not name.startswith("k8s")]


def data(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes()


def one(name: str, *, details: bool = False) -> Report:
    return read_report(data(name), details=details)


def test_the_files_are_what_the_script_makes() -> None:
    assert {name: (FOLDER / name).read_text(encoding="utf-8") for name in make.texts()} == make.texts()
    assert sorted(make.texts()) == sorted(f"{name}.json" for name in NAMES)


# Version, and of its findings of each kind how many, the results, the classes.
FORMS = [
    ("0.06-array", 1, 0, 0, 0, 2, {"os-pkgs"}),
    ("0.07-array", 1, 0, 0, 0, 1, {"os-pkgs"}),
    ("0.16-array", 2, 0, 0, 0, 2, {"os-pkgs", "lang-pkgs"}),
    ("0.20-object", 1, 0, 0, 0, 1, {"os-pkgs"}),
    ("0.20-object-empty", 0, 0, 0, 0, 0, set()),
    ("0.30-object", 1, 0, 0, 0, 1, {"os-pkgs"}),
    ("0.38-object", 1, 0, 1, 0, 2, {"os-pkgs", "secret"}),
    ("0.40-object", 0, 1, 1, 2, 4, {"os-pkgs", "config", "secret", "license"}),
    ("0.48-object", 1, 0, 0, 0, 1, {"os-pkgs"}),
    ("0.55-object", 1, 0, 0, 0, 1, {"os-pkgs"}),
    ("0.74-object", 1, 0, 0, 0, 2, {"os-pkgs", "custom"}),
]


@pytest.mark.parametrize(("name", "vulnerabilities", "checks", "secrets", "licenses", "results", "families"), FORMS)
def test_forms(
    name: str, vulnerabilities: int, checks: int, secrets: int, licenses: int, results: int, families: set[str]
) -> None:
    report = one(name)
    kinds = [finding.kind for finding in report.findings]
    assert [kinds.count(kind) for kind in Kind] == [vulnerabilities, checks, secrets, licenses]
    assert (report.results, set(report.families)) == (results, families)
    assert report.schema == (0 if name.endswith("array") else 2)


def test_the_oldest() -> None:
    assert one("0.06-array").findings == (
        Finding(
            id="CVE-2019-0001",
            severity=Severity.HIGH,
            package="openssl",
            version="1.1.1c-r0",
            fixed="1.1.1d-r0",
            family="os-pkgs",
            target="alpine:3.10 (alpine 3.10.2)",
        ),
    )


def test_the_newest() -> None:
    report = one("0.74-object")
    assert report.findings == (
        Finding(
            id="CVE-2019-0001",
            severity=Severity.HIGH,
            package="openssl",
            version="1.1.1c-r0",
            fixed="1.1.1d-r0",
            status="fixed",
            purl="pkg:apk/alpine/openssl@1.1.1c-r0?arch=x86_64",
            family="os-pkgs",
            ecosystem="alpine",
            target="foo/web:v2 (alpine 3.10.2)",
            cvss=75,
            published=date(2019, 9, 10),
        ),
    )
    assert report.created_at == datetime(2026, 8, 21, 10, 0, 0, 123456, tzinfo=UTC)
    assert (report.id, report.version) == ("018f8f0e-0000-7000-8000-000000000000", "0.74.0")
    assert report.database == Database(version=2, updated_at=datetime(2026, 8, 20, 18, 0, 0, 123456, tzinfo=UTC))
    assert report.system.ended
    assert report.image is not None
    assert str(report.image.config) == make.SHA["c"]
    assert [str(layer) for layer in report.image.layers] == [make.SHA["b"]]
    assert report.image.names == (f"registry.example.com:5000/foo/web@{make.SHA['d']}",)
    assert (report.image.tags, report.image.platform) == (("foo/web:v2",), "linux/arm64/v8")
    assert report.remarks == ()


def test_the_end_of_a_distribution_in_both_spellings() -> None:
    assert one("0.30-object").system.ended
    assert one("0.74-object").system.ended
    assert not one("0.20-object").system.ended


def test_passed_checks_are_no_findings() -> None:
    assert [finding.id for finding in one("0.40-object").findings if finding.kind is Kind.MISCONFIGURATION] == ["DS002"]
    assert one("0.40-object").remarks == ()


def test_a_moment_that_is_none() -> None:
    report = one("0.48-object")
    assert report.created_at is None
    assert report.remarks == ("it says that it was made at no time (at $.CreatedAt)",)


def test_what_was_suppressed() -> None:
    (suppressed,) = one("0.55-object").suppressed
    assert (suppressed.status, suppressed.source, suppressed.statement) == ("ignored", ".trivyignore.yaml", "not used")
    assert suppressed.finding.id == "CVE-2019-0002"
    assert suppressed.finding.purl == "pkg:apk/alpine/openssl@1.1.1c-r0?arch=x86_64"


def test_nothing_was_examined() -> None:
    report = one("0.20-object-empty")
    assert (report.results, report.families, report.findings) == (0, frozenset(), ())


def test_details() -> None:
    details = one("0.40-object", details=True).details
    check = details[Kind.MISCONFIGURATION, "DS002"]
    assert (check.title, check.text, check.hint) == ("Root", "Say who\n\nRuns as root", "Add USER")
    assert check.links == ("https://avd.example.com/ds002",)
    secret = details[Kind.SECRET, "github-pat"]
    assert (secret.title, secret.text) == ("GitHub token", "line 3")
    assert details[Kind.LICENSE, "AGPL-3.0-only"].links == ("https://spdx.example.org/agpl",)
    vulnerability = one("0.20-object", details=True).details[Kind.VULNERABILITY, "CVE-2019-0001"]
    assert (vulnerability.title, vulnerability.text) == ("openssl: a title", "A\ndescription")
    assert vulnerability.links == ("https://avd.example.com/1", "https://example.com/1", "https://example.com/2")
    assert one("0.20-object").details == {}


def test_a_cluster() -> None:
    web, gone, two = read_reports(data("k8s-resources"))
    assert (web.artifact, web.artifact_type, web.schema) == ("default/Deployment/web", "kubernetes", 2)
    assert [finding.kind for finding in web.findings] == [Kind.VULNERABILITY, Kind.MISCONFIGURATION]
    assert web.image is not None
    assert str(web.image.config) == make.SHA["c"]
    assert (gone.error, gone.results, gone.findings) == ("could not pull the image", 0, ())
    assert (two.artifact, two.image, len(two.findings)) == ("Pod/two", None, 2)
    assert two.remarks == ("a resource with 2 images (at $.Resources[2].Metadata)",)


def test_older_clusters() -> None:
    (web,) = read_reports(data("k8s-findings"))
    assert read_report(data("k8s-findings")) == web
    assert (web.schema, len(web.findings)) == (0, 1)
    scanned, gone, checked = read_reports(data("k8s-old"))
    assert scanned.image is not None
    assert [len(report.findings) for report in (scanned, gone, checked)] == [1, 0, 1]
    assert gone.error


def test_a_cluster_is_no_single_artefact() -> None:
    with pytest.raises(BadReport, match="about 3 resources of a cluster"):
        read_report(data("k8s-resources"), what="x.json")


@pytest.mark.parametrize("name", SINGLE)
def test_the_whole(name: str) -> None:
    whole, document = read_model(data(name)), json.loads(data(name))
    results = document if isinstance(document, list) else document.get("Results") or []
    assert [result.target for result in whole.results or ()] == [result["Target"] for result in results]
    assert whole.schema_version == one(name).schema


@pytest.mark.parametrize("name", NAMES)
def test_the_spelling_of_space_means_nothing(name: str) -> None:
    compact = json.dumps(json.loads(data(name)), separators=(",", ":")).encode()
    wide = json.dumps(json.loads(data(name)), indent="\t", separators=(" ,\r\n", "\t :\n")).encode()
    assert (
        read_reports(compact, details=True)
        == read_reports(wide, details=True)
        == read_reports(data(name), details=True)
    )
