"""What is refused, and that it is said what it is, where, and what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.vectors.trivy import make

from pytrust.scanner import BadReport, limits, read_model, read_report, read_reports
from pytrust.scanner.trivy import document as document_module
from pytrust.scanner.trivy import envelope as envelope_module
from pytrust.scanner.trivy import keys as keys_module
from pytrust.scanner.trivy import results as results_module

ESC = "\x1b[2J\u202e"


def refused(data: bytes | object, **options: Any) -> str:
    """What is said of ``data``; of the file as of the whole model."""
    data = data if isinstance(data, bytes) else make.encode(data).encode()
    with pytest.raises(BadReport) as caught:
        read_reports(data, what="x.json", **options)
    assert str(caught.value).startswith("x.json: ")
    assert f"{caught.value}{caught.value.hint}".isprintable()
    assert len(str(caught.value)) < 400
    return str(caught.value).removeprefix("x.json: ")


def vulnerable(**more: Any) -> dict[str, Any]:
    return make.report([make.os_result(make.vulnerability(**more))])


def with_result(**more: Any) -> dict[str, Any]:
    return make.report([{**make.os_result(), **more}])


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("report.json", "{}")
    return buffer.getvalue()


REPORT = make.encode(vulnerable()).encode()

NO_JSON = [
    (b"", "it is empty"),
    (b" \n\t", "it is empty"),
    (b" " * 70_000 + b"{}", "it begins with nothing but space"),
    (b"\xef\xbb\xbf" + REPORT, "byte order mark"),
    (REPORT.decode().encode("utf-16"), "UTF-16"),
    (REPORT.decode().encode("utf-16-le"), "UTF-16"),
    (REPORT.decode().encode("utf-16-be"), "UTF-16"),
    (REPORT.decode().encode("utf-32"), "UTF-32"),
    (REPORT.decode().encode("utf-32-be"), "UTF-32"),
    (gzip.compress(REPORT), "compressed by gzip"),
    (gzip.compress(b" " * 10_000_000), "compressed by gzip"),
    (bz2.compress(REPORT), "compressed by bzip2"),
    (lzma.compress(REPORT), "compressed by xz"),
    (b"\x28\xb5\x2f\xfd\x24\x00", "compressed by zstd"),
    (zipped(), "a zip archive"),
    (b"<html>", "HTML or XML"),
    (
        b"2026-08-21T10:00:00Z\tINFO\tNeed to update DB\n" + REPORT,
        "other output before the JSON, which begins at byte 44",
    ),
    (b"[INFO] scanning\n" + REPORT, "other output before the JSON, which begins at byte 16"),
    (b"+---------+\n| LIBRARY |\n", "it is text, and no JSON"),
    (REPORT[:-10], "it ends in the middle of the JSON"),
    (REPORT + b"x", f"trailing characters (byte {len(REPORT) + 1})"),
    (REPORT + REPORT, f"trailing characters (byte {len(REPORT) + 1})"),
    (b'{"SchemaVersion":2}\n{"SchemaVersion":2}\n', "trailing characters (byte 21)"),
    (REPORT.replace(b"A\\ndescription", b"A\ndescription"), "it is no JSON: invalid character"),
    (REPORT.replace(b"A\\ndescription", b"A \\x"), "it is no JSON: invalid escaped character"),
    (REPORT.replace(b'"HIGH"', b"NaN"), "it is no JSON"),
    (REPORT.replace(b'"HIGH"', b"-Infinity"), "it is no JSON"),
    (b"{'SchemaVersion': 2}", "it is no JSON"),
    (b'{"SchemaVersion": 02}', "it is no JSON"),
    (b'{"SchemaVersion": 2,}', "it is no JSON"),
]


@pytest.mark.parametrize(("data", "words"), NO_JSON)
def test_no_json(data: bytes, words: str) -> None:
    assert words in refused(data)


BAD_TEXT = [b"\xff", b"caf\xe9", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82"]


@pytest.mark.parametrize("bad", BAD_TEXT)
@pytest.mark.parametrize("where", [b"A\\ndescription", b"openssl: a title", b"CVE-2019-0001", b"alpine"])
def test_no_utf8_anywhere(bad: bytes, where: bytes) -> None:
    position = REPORT.index(where)
    said = refused(REPORT.replace(where, bad, 1))
    assert said.startswith("it is not UTF-8 (near byte ")
    assert position <= int(said.rpartition(" ")[2].rstrip(")")) < position + len(bad)


def test_no_utf8_behind_the_first_piece() -> None:
    data = make.encode(vulnerable(Description="é" * 200_001)).encode()
    assert read_report(data).findings
    position = data.rindex("é".encode()) + 1
    assert refused(data[:position] + b"x" + data[position + 1 :]) == f"it is not UTF-8 (near byte {position - 1})"


@pytest.mark.parametrize("bad", ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\udfff x", "\\ud83d\\u0041"])
@pytest.mark.parametrize("where", ["openssl: a title", "1.1.1c-r0", "https://example.com/1"])
def test_half_of_a_pair_anywhere(bad: str, where: str) -> None:
    assert "it is no JSON" in refused(REPORT.replace(where.encode(), bad.encode(), 1))


def test_whole_pairs_and_control_characters_are_text() -> None:
    (finding,) = read_report(make.encode(vulnerable(PkgName="\U0001f600\x00\x1b")).encode()).findings
    assert finding.package == "\U0001f600\x00\x1b"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("where", [b"%s", b'{"SchemaVersion":2,"Results":%s', b'{"SchemaVersion":2,"Foo":%s'])
def test_nested_too_deeply(where: bytes, opening: bytes) -> None:
    assert refused(where % (opening * 100_000)) == "it is nested too deeply"


@pytest.mark.parametrize("odd", [{}, {"name": 1}])
@pytest.mark.parametrize("reader", [read_report, read_model])
def test_whatever_is_nested_as_deeply_as_the_reader_goes(
    reader: Callable[[bytes], object], odd: dict[str, int]
) -> None:
    data = make.encode(vulnerable(Foo=0, **odd)).encode()
    for depth in range(200, 1_100, 3):
        with suppress(BadReport):
            reader(data.replace(b'"Foo": 0', b'"Foo": ' + b'{"a":' * depth + b"0" + b"}" * depth))


DIGITS = "1" * 5_000


@pytest.mark.parametrize("number", ["1e999", "-1e999", DIGITS, f"{DIGITS}.5"])
def test_numbers_that_are_none(number: str) -> None:
    data = make.encode(vulnerable(CVSS={"nvd": {"V3Score": 0.125}}))
    assert "out of range (at $.Results[0].Vulnerabilities[0]" in refused(data.replace("0.125", number).encode())
    ignored = make.encode(vulnerable(Foo=0.125)).replace("0.125", number).encode()
    assert len(read_report(ignored).findings) == 1


SCHEMAS = [
    (1, "1"),
    (3, "3"),
    (0, "0"),
    (-2, "-2"),
    ("2", "the text '2'"),
    (2.0, "2.0"),
    (True, "true"),
    (None, "null"),
    ([], "a list"),
    ({}, "an object"),
    (ESC, "the text '\\x1b[2J\\u202e'"),
    ("x" * 500, "the text 'x"),
    (2**64, "18446744073709551616"),
]


@pytest.mark.parametrize(("version", "words"), SCHEMAS)
def test_schemas(version: object, words: str) -> None:
    said = refused({**vulnerable(), "SchemaVersion": version})
    assert said.startswith(f"its SchemaVersion is {words}") or (version == 2**64 and "out of range" in said)


def test_no_schema() -> None:
    report = vulnerable()
    del report["SchemaVersion"]
    assert refused(report) == "it has no SchemaVersion, so it is no report of Trivy"
    assert "no SchemaVersion" in refused(b"{}")
    assert "keyed by target" in refused({"alpine:3.9 (alpine 3.9.2)": None, "Gemfile.lock": []})


FOREIGN = [
    ({"bomFormat": "CycloneDX", "specVersion": "1.6"}, "a CycloneDX document"),
    ({"bomFormat": "CycloneDX", **vulnerable()}, "a CycloneDX document"),
    ({"spdxVersion": "SPDX-2.3"}, "an SPDX document"),
    ({"@context": "x", "@graph": []}, "SPDX 3"),
    ({"version": "2.1.0", "$schema": "x", "runs": []}, "a SARIF log"),
    ({"matches": [], "source": {}, "descriptor": {}}, "a report of Grype"),
    ({"payload": "", "payloadType": "application/vnd.in-toto+json", "signatures": []}, "a DSSE envelope"),
    ({"_type": "https://in-toto.io/Statement/v1", "predicateType": "x", "predicate": {}}, "an in-toto statement"),
    ({"invocation": {}, "scanner": {"result": vulnerable()}, "metadata": {}}, "predicate of cosign"),
    ({"scanner": {"result": []}, "metadata": {}}, "predicate of in-toto"),
    ({"apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "VulnerabilityReport"}, "an object of Kubernetes"),
    ({"@context": "https://openvex.dev/ns/v0.2.0", "statements": []}, "an OpenVEX document"),
    ({"signed": {}, "signatures": []}, "TUF metadata"),
    ({"schemaVersion": 2, "mediaType": "x", "config": {}}, "an image manifest"),
    ({"document": {}, "product_tree": {}}, "a CSAF document"),
    ({"vulnerabilities": [], "misconfigurations": []}, "a summary of a cluster"),
    ([{"Id": "sha256:1", "RepoTags": []}], "an array of something else than results"),
    ([vulnerable()], "an array of reports"),
    ([{"Target": "a"}, {"target": "a"}], "something else than results, and no report of Trivy (at $[1])"),
    ([1], "expected an object, got 1 (at $[0])"),
    (["a"], "expected an object, got the text 'a' (at $[0])"),
    ([None], "expected an object, got null (at $[0])"),
    (42, "it is 42, and no report"),
    (-1, "it is -1, and no report"),
    (1.5, "it is 1.5, and no report"),
    (True, "it is true, and no report"),
    (f"a text {ESC}", "it is the text 'a text \\x1b[2J\\u202e', and no report"),
    ({"ClusterName": "dev"}, "of which nothing was looked at"),
    ({"ClusterName": "dev", "Resources": [], "Vulnerabilities": None}, "of which nothing was looked at"),
    ({"ClusterName": "dev", "SchemaVersion": 3, "Resources": [{}]}, "its SchemaVersion is 3"),
    ({"ClusterName": "dev", "Resources": {}}, "expected a list, got an object (at $.Resources)"),
    ({"ClusterName": "dev", "Resources": [{"Results": {}}]}, "expected a list"),
    (
        {"ClusterName": "dev", "Resources": [{"Results": [1]}]},
        "expected `object`, got `int` (at $.Resources[0].Results[0])",
    ),
]


@pytest.mark.parametrize(("document", "words"), FOREIGN)
def test_foreign(document: object, words: str) -> None:
    assert words in refused(document)


@pytest.mark.parametrize(("data", "words"), [(b"null", "it is null"), (b"[]", "it is an empty array")])
def test_nothing_at_all_is_a_report_only_where_somebody_says_so(data: bytes, words: str) -> None:
    assert refused(data) == words
    report = read_report(data, legacy=True)
    assert (report.schema, report.results, report.findings) == (0, 0, ())
    for other in (b"{}", b"42", b"", b"[1]"):
        refused(other, legacy=True)


WRONG = [
    ({**make.report(None), "Results": {}}, "expected a list, got an object (at $.Results)"),
    ({**make.report(None), "Results": "x"}, "expected a list, got the text 'x' (at $.Results)"),
    (make.report([None]), "expected an object, got null (at $.Results[0])"),
    (with_result(Vulnerabilities={}), "expected a list (at $.Results[0].Vulnerabilities)"),
    (with_result(Vulnerabilities="x"), "expected a list (at $.Results[0].Vulnerabilities)"),
    (with_result(Vulnerabilities=[None]), "expected `object`, got `null` (at $.Results[0].Vulnerabilities[0])"),
    (with_result(Vulnerabilities=["x"]), "expected `object`, got `str` (at $.Results[0].Vulnerabilities[0])"),
    (with_result(Secrets=[[]]), "expected `object`, got `array` (at $.Results[0].Secrets[0])"),
    (with_result(Target=5), "expected a text of at most 8192 characters (at $.Results[0].Target)"),
    (with_result(Class="x" * 9_000), "expected a text of at most 8192 characters (at $.Results[0].Class)"),
    (with_result(MisconfSummary=[]), "expected an object (at $.Results[0].MisconfSummary)"),
    (vulnerable(Severity=3), "expected `str | null`, got `int` (at $.Results[0].Vulnerabilities[0].Severity)"),
    (vulnerable(VulnerabilityID=["a"]), "got `array` (at $.Results[0].Vulnerabilities[0].VulnerabilityID)"),
    (vulnerable(PkgName="x" * 9_000), "of length <= 8192 (at $.Results[0].Vulnerabilities[0].PkgName)"),
    (vulnerable(CVSS=[]), "(at $.Results[0].Vulnerabilities[0]"),
    (vulnerable(PkgIdentifier="x"), "(at $.Results[0].Vulnerabilities[0]"),
    (
        with_result(ExperimentalModifiedFindings=[{"Type": f"x{ESC}", "Finding": {}}]),
        "the unknown type 'x\\x1b[2J\\u202e'",
    ),
    (with_result(ExperimentalModifiedFindings=[{"Type": "vulnerability"}]), "ExperimentalModifiedFindings[0].Finding"),
    (make.report([], CreatedAt="yesterday"), "'yesterday' is no moment with a time zone (RFC 3339) (at $.CreatedAt)"),
    (make.report([], CreatedAt="2026-08-21T10:00:00"), "is no moment with a time zone"),
    (make.report([], CreatedAt="2026-08-21"), "is no moment with a time zone"),
    (make.report([], CreatedAt="9999-12-31T23:59:59-12:00"), "is no moment with a time zone"),
    (make.report([], CreatedAt=5), "expected a text"),
    (make.report([], ArtifactName={}), "expected a text"),
    (make.report([], metadata={"ImageID": 5}), "(at $.Metadata.ImageID)"),
    (make.report([], metadata={"OS": []}), "(at $.Metadata.OS)"),
    (make.report([], metadata={"OS": {"EOSL": "yes"}}), "(at $.Metadata.OS.EOSL)"),
    ({**make.report([]), "Metadata": [1]}, "expected an object (at $.Metadata)"),
    ({**make.report([]), "Trivy": "0.74"}, "expected an object (at $.Trivy)"),
]


@pytest.mark.parametrize(("document", "words"), WRONG)
def test_parts_of_the_wrong_kind(document: object, words: str) -> None:
    assert words in refused(document)


@pytest.mark.parametrize("details", [False, True])
def test_hostile_text_is_never_quoted(details: bool) -> None:
    for name in ("Severity", "PkgName", "Status", "PublishedDate", "Title", "References"):
        if details or name not in {"Title", "References"}:
            assert "\x1b" not in refused(vulnerable(**{name: {ESC: ESC}}), details=details)


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_module, "REPORT_MAX_BYTES", 1024 * 1024)
    assert refused(b" " * (1024 * 1024 + 1)) == "it is larger than 1 MiB"
    monkeypatch.setattr(document_module, "REPORT_VALUES_MAX", 1_000)
    assert refused(b"[" + b"0," * 1_001 + b"0]") == "it holds more than 1,000 values"
    monkeypatch.setattr(keys_module, "MEMBERS_MAX", 100)
    members = {f"a{number}": 1 for number in range(101)}
    cluster = {"ClusterName": "dev", "Resources": [{"Results": [{**make.os_result(), **members}]}]}
    config = make.report([], metadata={"ImageID": "", "ImageConfig": members})
    for document in (
        {"SchemaVersion": 2, **members},
        with_result(**members),
        with_result(Foo=members),
        cluster,
        config,
    ):
        assert refused(document) == "its outer objects have more than 100 members"
    assert "longer than 65,536 bytes (at $.Results[0].Vulnerabilities[0].CVSS)" in refused(
        vulnerable(CVSS={"nvd": {"V3Vector": "x" * 65_536}})
    )
    monkeypatch.setattr(envelope_module, "RESULTS_MAX", 10)
    assert refused(make.report([{}] * 11)) == "it has more than 10 results (at $.Results)"
    monkeypatch.setattr(results_module, "FINDINGS_MAX", 10)
    assert refused(with_result(Secrets=[{}] * 11)) == "it has more than 10 findings (at $.Results[0].Secrets)"
    assert refused(make.report([{"Secrets": [{}] * 6}] * 2)) == "it has more than 10 findings (at $.Results[1].Secrets)"
    assert refused(with_result(ExperimentalModifiedFindings=[{}] * 11)).startswith("it has more than 10 findings")


def test_a_part_of_the_wrong_kind_in_the_model() -> None:
    with pytest.raises(BadReport, match=r"got `int` \(at \$.Results\[0\].Vulnerabilities\[0\].Title\)"):
        read_model(make.encode(vulnerable(Title=5)).encode())


def test_two_million_findings() -> None:
    data = make.encode(with_result(Vulnerabilities=[5])).replace("5\n", ",".join(["{}"] * 2_000_000)).encode()
    assert refused(data) == f"it has more than {limits.FINDINGS_MAX:,} findings (at $.Results[0].Vulnerabilities)"


def test_the_model_is_as_strict() -> None:
    for data in (b"", b"null", b"{}", REPORT + b"x", REPORT.replace(b'"HIGH"', b'"HIGH", "Severity": "LOW"')):
        with pytest.raises(BadReport):
            read_model(data)
    with pytest.raises(BadReport, match="no single artefact"):
        read_model(json.dumps(make.clusters()["k8s-resources"]).encode())
