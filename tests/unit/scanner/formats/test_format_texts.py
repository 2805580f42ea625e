"""Sheets as text: what is shown, and that nothing in them is obeyed by whoever reads it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from tests.unit.scanner.formats.sarif_schema import validator
from tests.unit.scanner.formats.sheets import HOSTILE, OPENSSL, SHEET, anything, hostile

from pytrust.scanner.formats.form import Form, render
from pytrust.scanner.formats.sarif import RESULTS_MAX
from pytrust.scanner.formats.words import is_link
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Sheet

SETTINGS = settings(max_examples=60, deadline=None)
EMPTY = Sheet(title="nothing", tool="pytrust", mark=Mark.PASS)
_UPGRADE_ROWS = 10
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
    assert lines[at + 2].split()[:4] == ["critical", "openssl", "3.0.1-1", "3.0.2-1"]
    assert lines[at + 2].endswith("  CVE-2026-0001 (critical); CVE-2026-0002 (high)")
    assert lines[at + 3].split() == ["high", "openssl", "3.0.1-1", "3.0.9-1", "CVE-2026-0003"]
    assert lines[at + 4] == "  upgrade openssl to the latest of 3.0.2-1, 3.0.9-1 clears 3 of 3"
    assert any(line.split() == ["5.4", "web", "no", "added", "capabilities"] for line in lines)
    assert "      adds SYS_ADMIN" in lines
    at = lines.index("excepted: 1 critical")
    assert lines[at + 1].split() == ["critical", "CVE-2026-0005", "openssl"]
    assert lines[at + 2] == "      exception of alice"
    assert "passed: 1 low" in lines
    assert not any("CVE-2026-0006" in line for line in lines)


def test_a_table_says_what_excuses_and_until_when() -> None:
    """Also what nothing is affected by is listed, with the reason, and many with one reason once."""
    waived = replace(OPENSSL, mark=Mark.WAIVED, why="exception of alice until 2026-12-31")
    affected = replace(OPENSSL, mark=Mark.NOT_AFFECTED, why="not affected: code is not there")
    lines = lines_of(
        render(replace(SHEET, lines=(waived, replace(waived, id="CVE-2026-0009"), affected)), Form.TABLE, width=80)
    )
    at = lines.index("excepted: 2 critical")
    assert lines[at + 1 : at + 3] == [
        "  critical  CVE-2026-0001 openssl, CVE-2026-0009 openssl",
        "      exception of alice until 2026-12-31",
    ]
    at = lines.index("not affected, by VEX: 1 critical")
    assert lines[at + 2] == "      not affected: code is not there"


def test_a_narrow_table_cuts_cells_and_lists_ids_below() -> None:
    long = replace(OPENSSL, subject="org.springframework.boot:spring-boot-starter", version="5.3.15", fixed="5" * 30)
    lines = lines_of(render(replace(SHEET, lines=(long,)), Form.TABLE, width=80))
    at = next(number for number, line in enumerate(lines) if line.startswith("  critical"))
    assert len(lines[at]) <= 80
    assert "org.springframework.boot:sp..." in lines[at]
    assert lines[at + 1] == "      CVE-2026-0001"
    assert "55555" * 6 in "".join(lines[at + 2 :])


def test_a_table_breaks_no_digest() -> None:
    digest = f"sha256:{'ab' * 32}"
    assert digest in render(replace(SHEET, facts=(("configuration", digest),)), Form.TABLE, width=60)


COMMAND = re.compile(r"^\s*::.*::|##\w*\[", re.MULTILINE)


@pytest.mark.parametrize("form", [form for form in Form if form is not Form.GITHUB])
@pytest.mark.parametrize("text", ["::stop-commands::x", " ::add-mask::e", "##[error]x", "a ##vso[task.setvariable]b"])
def test_nothing_commands_a_build_server(form: Form, text: str) -> None:
    """Logs are read by machines: GitHub's runner and Azure's obey what they find in them."""
    for width in (None, 40, 80):
        assert COMMAND.search(render(hostile(text), form, width=width)) is None
    if form is Form.JSON:
        assert json.loads(render(hostile(text), form))["title"] == text


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


@SETTINGS
@given(anything)
def test_sarif_is_what_the_standard_says(text: str) -> None:
    value = json.loads(render(hostile(text), Form.SARIF))
    validator().validate(value)
    (run,) = value["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert result["ruleId"] in rules
        assert result["message"]["text"]
        assert rules[result["ruleIndex"]] == result["ruleId"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", uri)
        assert not uri.startswith("/")
        assert ".." not in uri.split("/")
    for rule in run["tool"]["driver"]["rules"]:
        assert is_link(rule.get("helpUri", "https://x"))
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10


def test_the_schema_of_sarif_refuses() -> None:
    value = json.loads(render(SHEET, Form.SARIF))
    value["runs"][0]["results"][0]["level"] = "bad"
    assert not validator().is_valid(value)


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
        found = re.fullmatch(r"::(?:error|warning|notice) (?:file=([^:,]+),)?title=[^:,]*::(?:[^%]|%25|%0A|%0D)*", line)
        assert found
        assert not (found[1] or "").startswith("/")
        assert ".." not in (found[1] or "").split("/")
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
    bare = re.sub(r"\\[^\n]|[@#]&#8203;", "", shown)  # without what is escaped
    bare = re.sub(r"^(<details><summary>[a-zA-Z0-9:, ]+</summary>|</details>)$", "", bare, flags=re.MULTILINE)
    assert not set(bare) & set("<>`@[]~!")
    rows = [line for line in bare.split("\n") if line.startswith("|")]
    assert {line.count("|") for line in rows} == {6}
    assert shown.count("<details>") == shown.count("</details>")


def test_markdown_calls_nobody() -> None:
    """GitHub looks for names after Markdown: a backslash is gone by then."""
    shown = render(replace(SHEET, title="ask @org/team about #12, me@example.com"), Form.MARKDOWN)
    assert re.search(r"[@#](?!&#8203;|8203;)\w", shown) is None


def test_markdown_closes_what_it_has_no_room_for() -> None:
    lines = tuple(replace(OPENSSL, mark=Mark.WARN, id=f"CVE-{number}", subject=f"p{number}") for number in range(3000))
    shown = render(replace(SHEET, lines=lines), Form.MARKDOWN)
    assert shown.count("<details>") == shown.count("</details>") == 1
    assert shown.index("</details>") < shown.index("rows more")


def test_markdown_fits_a_comment() -> None:
    lines = tuple(replace(OPENSSL, id=f"CVE-{number}", subject=f"p{number}") for number in range(3000))
    shown = render(replace(SHEET, lines=lines), Form.MARKDOWN)
    assert len(shown) < 65_536
    rows = sum(line.startswith("| critical") for line in lines_of(shown))
    assert f"... and {3000 + _UPGRADE_ROWS - rows} rows more, which a comment has no room for" in shown
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
    links = tuple(f"https://avd.example.com/nvd/{number}" for number in range(12))
    line = replace(
        OPENSSL, text="A long story. " * 60, links=links, why="fail_on severity high (policy.yaml:6); EPSS 1 %"
    )
    shown = render(replace(SHEET, lines=(line,) * 2000), Form.HTML)
    assert len(shown.encode()) < 1_000_000
    assert re.search(r"Of 1[0-9]{3} lines the description was left out", shown)
    cut = render(replace(SHEET, lines=(OPENSSL,) * 5_003), Form.HTML)
    assert "3 lines more were left out" in cut
    assert len(render(hostile("<" * 100_000), Form.HTML)) < 300_000


def test_a_page_has_no_columns_that_nothing_is_in() -> None:
    shown = render(replace(SHEET, lines=(Line(id="5.4", mark=Mark.WARN),)), Form.HTML)
    assert [word for word in ("severity</th>", "installed</th>", "verdict</th>") if word in shown] == ["verdict</th>"]


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
