"""Sheets as text: what is shown, and that nothing in them is obeyed by whoever reads it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from sarif_pydantic import Sarif
from tests.unit.scanner.formats.sheets import HOSTILE, OPENSSL, SHEET, anything, hostile

from pytrust.scanner.formats.form import Form, render
from pytrust.scanner.formats.sarif import RESULTS_MAX
from pytrust.scanner.formats.words import is_link
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Mark, Sheet

SETTINGS = settings(max_examples=60, deadline=None)
EMPTY = Sheet(title="nothing", tool="pytrust", mark=Mark.PASS)
_PAINT = re.compile(r"\x1b\[[0-9;]+m")


def lines_of(text: str) -> list[str]:
    assert text.endswith("\n")
    return text.removesuffix("\n").split("\n")


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("sheet", [SHEET, EMPTY], ids=["sheet", "empty"])
def test_every_form_is_utf_8_text(form: Form, sheet: Sheet) -> None:
    text = render(sheet, form)
    assert text.endswith("\n")
    assert text.encode().decode() == text
    assert sheet.title in text.replace("\\", "").replace("%3A", ":")


# -- table --------------------------------------------------------------------------------------------------------------


def test_a_table_has_the_worst_first_and_what_mends_it() -> None:
    lines = lines_of(render(SHEET, Form.TABLE))
    assert lines[0] == "FAIL scan of foo/web:v2"
    assert "  image    docker.io/foo/web:v2" in lines
    assert lines.index("  fail: the scan is old") + 1 == lines.index("    hint: scan again")
    assert "failed: 1 critical, 2 high" in lines
    at = lines.index("failed: 1 critical, 2 high")
    assert lines[at + 2].split() == ["critical", "openssl", "3.0.1-1", "3.0.2-1", "CVE-2026-0001,", "CVE-2026-0002"]
    assert lines[at + 3].split() == ["high", "openssl", "3.0.1-1", "3.0.9-1", "CVE-2026-0003"]
    assert lines[at + 4] == "  upgrade openssl to the latest of 3.0.2-1, 3.0.9-1 clears 3 of 3"
    assert any(line.split() == ["5.4", "web", "no", "added", "capabilities"] for line in lines)
    assert "      adds SYS_ADMIN" in lines
    at = lines.index("excepted: 1 critical")
    assert lines[at + 1].split() == ["critical", "CVE-2026-0005", "openssl", "openssl:", "a", "flaw"]
    assert lines[at + 2] == "      exception of alice"
    assert "passed: 1 low" in lines
    assert not any("CVE-2026-0006" in line for line in lines)


def test_a_table_fits_a_terminal_and_is_painted_there_alone() -> None:
    long = replace(SHEET, lines=tuple(replace(OPENSSL, id=f"CVE-2026-{number:04}") for number in range(40)))
    painted = render(long, Form.TABLE, width=80, color=True)
    plain = _PAINT.sub("", painted)
    assert painted != plain
    assert max(map(len, lines_of(plain))) <= 80
    assert all(f"CVE-2026-{number:04}" in plain for number in range(40))
    assert not _PAINT.search(render(long, Form.TABLE))


@SETTINGS
@given(anything)
def test_nothing_moves_the_cursor(text: str) -> None:
    for width in (None, 80):
        shown = _PAINT.sub("", render(hostile(text), Form.TABLE, width=width, color=True))
        assert all(line.isprintable() for line in shown.split("\n"))


# -- for machines -------------------------------------------------------------------------------------------------------


@SETTINGS
@given(anything)
def test_json_has_everything_and_is_ascii(text: str) -> None:
    shown = render(hostile(text), Form.JSON)
    assert shown.isascii()
    value = json.loads(shown)
    assert (value["format"], value["outcome"], len(value["lines"])) == ("pytrust-sheet/1", "fail", 2 * len(Mark))
    assert {line["mark"] for line in value["lines"]} == set(Mark)


def test_json_says_it_as_it_is() -> None:
    line = json.loads(render(SHEET, Form.JSON))["lines"][0]
    assert (line["id"], line["severity"], line["score"], line["fixed"]) == ("CVE-2026-0001", "critical", 9.8, "3.0.2-1")


@SETTINGS
@given(anything)
def test_junit_is_xml(text: str) -> None:
    top = ET.fromstring(render(hostile(text), Form.JUNIT))
    failed = [case for case in top.iter("testcase") if case.find("failure") is not None]
    assert len(failed) == 3  # two lines and a remark
    assert all(suite.get("tests") == str(len(suite.findall("testcase"))) for suite in top.iter("testsuite"))


def test_junit_counts_what_failed_and_what_is_excused() -> None:
    top = ET.fromstring(render(SHEET, Form.JUNIT))
    suite = next(one for one in top.iter("testsuite") if one.get("name") == "vulnerability usr/lib/libssl.so.3")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "3", "1")
    failure = next(top.iter("failure"))
    assert failure is not None


# The objects of SARIF 2.1.0 that are written here, and what each may have (OASIS standard, section 3).
SARIF = {
    "": {"$schema", "version", "runs"},
    "runs": {"tool", "results", "invocations", "properties"},
    "driver": {"name", "rules"},
    "rules": {"id", "shortDescription", "fullDescription", "helpUri", "properties"},
    "results": {"ruleId", "message", "locations", "partialFingerprints", "level", "kind", "suppressions"},
    "invocations": {"executionSuccessful", "commandLine", "toolExecutionNotifications"},
    "toolExecutionNotifications": {"level", "message"},
    "suppressions": {"kind", "status", "justification"},
    "artifactLocation": {"uri"},
}
LEVELS = {"none", "note", "warning", "error"}


def examine(name: str, value: object) -> None:
    if isinstance(value, list):
        for item in value:
            examine(name, item)
    elif isinstance(value, dict):
        if name in SARIF:
            assert value.keys() <= SARIF[name], name
        for key, item in value.items():
            if name != "properties":
                examine(key, item)


@SETTINGS
@given(anything)
def test_sarif_is_what_the_standard_says(text: str) -> None:
    value = json.loads(render(hostile(text), Form.SARIF))
    examine("", value)
    Sarif.model_validate(value)
    (run,) = value["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert result["ruleId"] in rules
        assert result["message"]["text"]
        assert result["level"] in LEVELS
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", uri)
        assert not uri.startswith("/")
        assert ".." not in uri.split("/")
    for rule in run["tool"]["driver"]["rules"]:
        assert is_link(rule.get("helpUri", "https://x"))
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10


def test_sarif_levels_scores_and_suppressions() -> None:
    (run,) = json.loads(render(SHEET, Form.SARIF))["runs"]
    results = {result["ruleId"]: result for result in run["results"]}
    assert "CVE-2026-0006" not in results
    assert [results[name]["level"] for name in ("CVE-2026-0001", "CVE-2026-0004", "5.4")] == [
        "error",
        "warning",
        "warning",
    ]
    assert results["CVE-2026-0005"]["suppressions"][0]["justification"] == "exception of alice"
    assert results["4.3"]["kind"] == "review"
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert rules["CVE-2026-0001"]["properties"]["security-severity"] == "9.8"
    assert run["invocations"][0]["toolExecutionNotifications"][0]["level"] == "error"


def test_sarif_fingerprints_outlive_a_version_and_results_are_bounded() -> None:
    again = replace(SHEET, lines=tuple(replace(line, version="9") for line in SHEET.lines))
    prints = [
        [result["partialFingerprints"] for result in json.loads(render(one, Form.SARIF))["runs"][0]["results"]]
        for one in (SHEET, again)
    ]
    assert prints[0] == prints[1]
    assert len({json.dumps(one) for one in prints[0]}) == len(prints[0])
    many = replace(SHEET, lines=(OPENSSL,) * (RESULTS_MAX + 7))
    (run,) = json.loads(render(many, Form.SARIF))["runs"]
    assert len(run["results"]) == RESULTS_MAX
    assert "7 results more" in json.dumps(run["invocations"])


# -- for pull requests --------------------------------------------------------------------------------------------------


@SETTINGS
@given(anything)
def test_annotations_are_one_command_a_line(text: str) -> None:
    for line in lines_of(render(hostile(text), Form.GITHUB)):
        assert re.fullmatch(r"::(error|warning|notice) title=[^:,]*::(?:[^%]|%25|%0A|%0D)*", line)
        assert line.isprintable()


def test_annotations_are_the_worst_and_a_count() -> None:
    many = replace(SHEET, lines=tuple(replace(OPENSSL, id=f"CVE-{number}") for number in range(30)))
    lines = lines_of(render(many, Form.GITHUB))
    assert sum(line.startswith("::error") for line in lines) == 10
    assert "and 22 more" in "\n".join(lines)
    assert lines[-1] == "::notice title=scan of foo/web%3Av2::FAIL: 30 critical"


@SETTINGS
@given(anything)
def test_markdown_has_no_markup_but_its_own(text: str) -> None:
    shown = render(hostile(text), Form.MARKDOWN)
    assert all(line.isprintable() for line in shown.split("\n"))
    bare = re.sub(r"\\[^\n]", "", shown)  # without what is escaped
    assert not set(bare) & set("<>`@[]~!")
    rows = [line for line in bare.split("\n") if line.startswith("|")]
    assert {line.count("|") for line in rows} == {6}


def test_markdown_fits_a_comment() -> None:
    lines = tuple(replace(OPENSSL, id=f"CVE-{number}", subject=f"p{number}") for number in range(3000))
    shown = render(replace(SHEET, lines=lines), Form.MARKDOWN)
    assert len(shown) < 65_536
    assert "lines more, which a comment has no room for" in shown
    assert "| critical | openssl | 3\\.0\\.1\\-1 | 3\\.0\\.2\\-1 |" in render(SHEET, Form.MARKDOWN)


# -- pages --------------------------------------------------------------------------------------------------------------


@SETTINGS
@given(anything)
def test_a_page_has_no_tags_but_its_own(text: str) -> None:
    shown = render(hostile(text), Form.HTML)
    assert shown.count("<script>") == shown.count("</script>") == 1
    assert shown.count("<style>") == 1
    assert "<img" not in shown
    for address in re.findall(r'(?:href|src)="([^"]*)"', shown):
        assert address.startswith("https://")
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_page_of_many_lines_is_bounded() -> None:
    shown = render(replace(SHEET, lines=(OPENSSL,) * 2000), Form.HTML)
    assert len(shown.encode()) < 1_500_000
    cut = render(replace(SHEET, lines=(OPENSSL,) * 5_003), Form.HTML)
    assert "3 lines more were left out" in cut


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("https://example.com/x", True),
        ("http://example.com", True),
        ("HTTPS://example.com", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("\\\\server\\share", False),
        ("//example.com", False),
        ("https://a b", False),
        ("https://<b>", False),
        ("https://", False),
        ("https://a/<b>", False),
        ("https://a/b?c=d#e", True),
        ("https://a:8443/%22", True),
        ("https://user@a/", False),
        ("https://a\u202e", False),
        (" https://a", False),
        ("", False),
    ],
)
def test_what_may_become_a_link(address: str, answer: bool) -> None:
    assert is_link(address) is answer


def test_every_severity_has_a_colour_and_a_score() -> None:
    for severity in Severity:
        one = replace(SHEET, lines=(replace(OPENSSL, severity=severity, score=None),))
        assert severity.word in render(one, Form.TABLE, color=True)
        assert "security-severity" in render(one, Form.SARIF)


def test_hostile_texts_are_many() -> None:
    assert len(set(HOSTILE)) > 10
