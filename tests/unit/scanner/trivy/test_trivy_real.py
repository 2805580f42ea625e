"""Real reports: what pytrust finds in them is what jq finds in them.

The tables were made with jq 1.6 on the files, without pytrust: severities with
``[.Results[]|(.Vulnerabilities,.Misconfigurations,.Secrets,.Licenses)[]?|.Severity]|group_by(.)``, vulnerabilities with
``.Results[].Vulnerabilities[]?|[.VulnerabilityID,.PkgName,.Severity,.FixedVersion//"",.PublishedDate[0:10], SCORE]``
where SCORE is ``V3Score`` or ``V40Score`` of ``.CVSS[.SeveritySource]``, else of ``.CVSS.nvd``, else the highest.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from tests.shared_data import shared_data

from pytrust.scanner import BadReport, Finding, Kind, Report, Severity, read_model, read_report

VULNERABILITIES = [
    ("alpine-310-registry-v0.40", "CVE-2019-1549 libcrypto1.1 MEDIUM 1.1.1d-r0 2019-09-10 5.3"),
    ("alpine-310-registry-v0.40", "CVE-2019-1551 libcrypto1.1 MEDIUM 1.1.1d-r2 2019-12-06 5.3"),
    ("alpine-310-registry-v0.40", "CVE-2019-1549 libssl1.1 MEDIUM 1.1.1d-r0 2019-09-10 5.3"),
    ("alpine-310-registry-v0.40", "CVE-2019-1551 libssl1.1 MEDIUM 1.1.1d-r2 2019-12-06 5.3"),
    ("alpine-310-v1array-v0.18.3", "CVE-2019-1549 libcrypto1.1 MEDIUM 1.1.1d-r0 2019-09-10 4.8"),
    ("alpine-310-v1array-v0.18.3", "CVE-2019-1551 libcrypto1.1 MEDIUM 1.1.1d-r2 2019-12-06 4.8"),
    ("alpine-310-v1array-v0.18.3", "CVE-2019-1563 libcrypto1.1 MEDIUM 1.1.1d-r0 2019-09-10 3.7"),
    ("alpine-310-v1array-v0.18.3", "CVE-2019-1547 libcrypto1.1 LOW 1.1.1d-r0 2019-09-10 5.5"),
    ("alpine-310-v1array-v0.18.3", "CVE-2019-1549 libssl1.1 MEDIUM 1.1.1d-r0 2019-09-10 4.8"),
    ("alpine-310-v1array-v0.18.3", "CVE-2019-1551 libssl1.1 MEDIUM 1.1.1d-r2 2019-12-06 4.8"),
    ("alpine-310-v1array-v0.18.3", "CVE-2019-1563 libssl1.1 MEDIUM 1.1.1d-r0 2019-09-10 3.7"),
    ("alpine-310-v1array-v0.18.3", "CVE-2019-1547 libssl1.1 LOW 1.1.1d-r0 2019-09-10 5.5"),
    ("alpine-39", "CVE-2019-1549 libcrypto1.1 MEDIUM 1.1.1d-r0 2019-09-10 5.3"),
    ("alpine-39", "CVE-2019-1551 libcrypto1.1 MEDIUM 1.1.1d-r2 2019-12-06 5.3"),
    ("alpine-39", "CVE-2019-1549 libssl1.1 MEDIUM 1.1.1d-r0 2019-09-10 5.3"),
    ("alpine-39", "CVE-2019-1551 libssl1.1 MEDIUM 1.1.1d-r2 2019-12-06 5.3"),
    ("alpine-39", "CVE-2019-14697 musl CRITICAL 1.1.20-r5 2019-08-06 9.8"),
    ("alpine-39", "CVE-2019-14697 musl-utils CRITICAL 1.1.20-r5 2019-08-06 9.8"),
    ("distroless-base", "CVE-2019-1551 libssl1.1 MEDIUM  2019-12-06 5.3"),
    ("distroless-base", "CVE-2019-1563 libssl1.1 LOW 1.1.0l-1~deb9u1 2019-09-10 3.7"),
    ("distroless-base", "CVE-2019-1551 openssl MEDIUM  2019-12-06 5.3"),
    ("distroless-base", "CVE-2019-1563 openssl LOW 1.1.0l-1~deb9u1 2019-09-10 3.7"),
    ("npm-suppressed", "CVE-2017-20165 debug HIGH 3.1.0, 2.6.9 2023-01-09 7.5"),
    ("npm", "CVE-2019-11358 jquery MEDIUM 3.4.0 2019-04-20 6.1"),
    ("poetry", "CVE-2019-14806 werkzeug HIGH 0.15.3 2019-08-09 7.5"),
    ("sbom-scan-fluentd", "CVE-2019-18276 bash LOW  2019-11-28 7.8"),
    ("sbom-scan-fluentd", "CVE-2019-18224 libidn2-0 CRITICAL 2.0.5-1+deb10u1 2019-10-21 9.8"),
    ("sbom-scan-fluentd", "CVE-2020-8165 activesupport HIGH 6.0.3.1, 5.2.4.3 2020-06-19 9.8"),
    ("spring4shell-jre11", "CVE-2022-22965 org.springframework:spring-beans CRITICAL 5.3.18 2022-04-01 9.8"),
    ("ubuntu-1804", "CVE-2019-18276 bash LOW  2019-11-28 7.8"),
    ("ubuntu-1804", "CVE-2019-5094 e2fsprogs MEDIUM 1.44.1-1ubuntu1.2 2019-09-24 6.7"),
    ("ubuntu-1804", "CVE-2019-5094 libcom-err2 MEDIUM 1.44.1-1ubuntu1.2 2019-09-24 6.7"),
    ("ubuntu-1804", "CVE-2019-5094 libext2fs2 MEDIUM 1.44.1-1ubuntu1.2 2019-09-24 6.7"),
    ("ubuntu-1804", "CVE-2019-5094 libss2 MEDIUM 1.44.1-1ubuntu1.2 2019-09-24 6.7"),
]

# File, results, classes, findings by kind and severity, suppressed, findings with a package URL.
COUNTS = [
    ("alpine-310-registry-v0.40", 1, "os-pkgs", "vulnerability:MEDIUM=4", 0, 0),
    ("alpine-310-v1array-v0.18.3", 1, "os-pkgs", "vulnerability:MEDIUM=6 vulnerability:LOW=2", 0, 0),
    ("alpine-39", 1, "os-pkgs", "vulnerability:CRITICAL=2 vulnerability:MEDIUM=4", 0, 6),
    ("distroless-base", 1, "os-pkgs", "vulnerability:LOW=2 vulnerability:MEDIUM=2", 0, 4),
    ("dockerfile", 1, "config", "misconfiguration:HIGH=1", 0, 0),
    ("license-cyclonedx", 1, "license", "license:LOW=2 license:MEDIUM=1", 0, 0),
    ("no-vulns-v2", 1, "os-pkgs", "", 0, 0),
    ("npm-suppressed", 1, "lang-pkgs", "vulnerability:HIGH=1", 1, 1),
    ("npm", 1, "lang-pkgs", "vulnerability:MEDIUM=1", 0, 1),
    ("poetry", 1, "lang-pkgs", "vulnerability:HIGH=1", 0, 1),
    (
        "sbom-scan-fluentd",
        2,
        "lang-pkgs os-pkgs",
        "vulnerability:CRITICAL=1 vulnerability:HIGH=1 vulnerability:LOW=1",
        0,
        3,
    ),
    ("secrets", 1, "secret", "secret:CRITICAL=1 secret:HIGH=1", 0, 0),
    ("spring4shell-jre11", 3, "custom lang-pkgs os-pkgs", "vulnerability:CRITICAL=1", 0, 1),
    ("ubuntu-1804", 1, "os-pkgs", "vulnerability:LOW=1 vulnerability:MEDIUM=4", 0, 5),
]
GOLDEN = "2021-08-25 12:20:30.000000"

# File, family and name of the distribution, whether its time is over, CreatedAt in UTC, ArtifactType, ImageID's begin,
# how many DiffIDs.
HEADS = [
    ("alpine-310-registry-v0.40", "alpine", "3.10.2", True, "", "container_image", "961769676411", 1),
    ("alpine-310-v1array-v0.18.3", "", "", False, "", "", "", 0),
    ("alpine-39", "alpine", "3.9.4", True, GOLDEN, "container_image", "055936d39205", 1),
    ("distroless-base", "debian", "9.9", False, GOLDEN, "container_image", "7f04a8d24717", 2),
    ("dockerfile", "", "", False, GOLDEN, "repository", "", 0),
    ("license-cyclonedx", "", "", False, GOLDEN, "cyclonedx", "", 0),
    ("no-vulns-v2", "alpine", "3.14.0", False, "", "container_image", "", 0),
    ("npm-suppressed", "", "", False, "2024-09-09 07:21:09.230231", "filesystem", "", 0),
    ("npm", "", "", False, GOLDEN, "repository", "", 0),
    ("poetry", "", "", False, GOLDEN, "repository", "", 0),
    ("sbom-scan-fluentd", "debian", "10.2", False, GOLDEN, "cyclonedx", "5a992077baba", 6),
    ("secrets", "", "", False, GOLDEN, "repository", "", 0),
    ("spring4shell-jre11", "debian", "11.3", False, GOLDEN, "container_image", "ed8f0747d483", 9),
    ("ubuntu-1804", "ubuntu", "18.04", False, GOLDEN, "container_image", "a2a15febcdf3", 4),
]
NAMES = [name for name, *_ in COUNTS]


def data(name: str) -> bytes:
    return (shared_data("trivy") / f"{name}.json").read_bytes()


def real(name: str, *, details: bool = False) -> Report:
    return read_report(data(name), details=details)


def row(finding: Finding) -> str:
    score = finding.cvss and f"{finding.cvss / 10:g}"
    return " ".join(
        map(str, (finding.id, finding.package, finding.severity.name, finding.fixed, finding.published, score))
    )


@pytest.mark.parametrize("name", NAMES)
def test_vulnerabilities(name: str) -> None:
    found = [row(finding) for finding in real(name).findings if finding.kind is Kind.VULNERABILITY]
    assert found == [words for file, words in VULNERABILITIES if file == name]


@pytest.mark.parametrize(("name", "results", "classes", "findings", "suppressed", "purls"), COUNTS)
def test_counts(name: str, results: int, classes: str, findings: str, suppressed: int, purls: int) -> None:
    report = real(name)
    counted = Counter(f"{finding.kind}:{finding.severity.name}" for finding in report.findings)
    assert sorted(f"{words}={count}" for words, count in counted.items()) == sorted(findings.split())
    assert (report.results, " ".join(sorted(report.families)), len(report.suppressed)) == (results, classes, suppressed)
    assert sum(bool(finding.purl) for finding in report.findings) == purls
    assert report.remarks == ()


@pytest.mark.parametrize(("name", "family", "system", "ended", "created", "kind", "config", "layers"), HEADS)
def test_heads(
    name: str, family: str, system: str, ended: bool, created: str, kind: str, config: str, layers: int
) -> None:
    report = real(name)
    assert (report.system.family, report.system.name, report.system.ended) == (family, system, ended)
    assert report.created_at == (datetime.fromisoformat(created).replace(tzinfo=UTC) if created else None)
    assert report.artifact_type == kind
    image = report.image
    assert ((image and image.config and image.config.hex[:12]) or "", len(image.layers) if image else 0) == (
        config,
        layers,
    )


def test_details_change_nothing_else() -> None:
    for name in NAMES:
        short, long = real(name), real(name, details=True)
        assert short.findings == long.findings
        assert {(finding.kind, finding.id) for finding in long.findings} <= set(long.details)


def test_the_array_has_schema_0() -> None:
    assert real("alpine-310-v1array-v0.18.3").schema == 0
    assert real("alpine-39").schema == 2


def test_the_name_with_its_digest() -> None:
    image = real("alpine-310-registry-v0.40").image
    assert image is not None
    assert image.names == (
        "localhost:63577/alpine@sha256:d9b1a0d4fab413443a22e550cb8720de487295cebca3f9b2fcbf8882192a9bf9",
    )
    assert image.platform == "linux/amd64"


def test_what_was_suppressed() -> None:
    (suppressed,) = real("npm-suppressed").suppressed
    assert (suppressed.status, suppressed.source) == ("not_affected", "./vex.json")
    assert suppressed.statement == "vulnerable_code_not_in_execute_path"
    finding = suppressed.finding
    assert (finding.id, finding.package, finding.severity) == ("CVE-2017-16137", "debug", Severity.LOW)


def test_no_secret_is_read() -> None:
    report = real("secrets", details=True)
    assert b"ghp_0123456789" in data("secrets")  # an unmasked neighbour
    assert "ghp_" not in repr(report)


def test_a_foreign_document_is_named() -> None:
    with pytest.raises(BadReport, match="CycloneDX"):
        real("sbom-npm.cdx")


@pytest.mark.parametrize(("name", "packages"), [("npm", 12), ("poetry", 3), ("npm-suppressed", 2), ("alpine-39", 0)])
def test_packages_of_the_whole(name: str, packages: int) -> None:
    whole = read_model(data(name))
    assert sum(len(result.packages or ()) for result in whole.results or ()) == packages
