"""A sheet as JUnit XML: a suite for each kind and place, a failure for each line that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from pytrust.scanner.formats.words import escaped, ranked
from pytrust.scanner.sheet import Line, Mark, Sheet

_SKIPPED: Final = frozenset({Mark.WAIVED, Mark.NOT_AFFECTED, Mark.MANUAL, Mark.SKIPPED})


def junit(sheet: Sheet) -> str:
    """One document, UTF-8; escaped texts hold nothing that XML 1.0 cannot."""
    top = ET.Element("testsuites", name=escaped(sheet.title))
    suites: dict[str, list[Line]] = {}
    for line in ranked(sheet.lines):
        suites.setdefault(f"{line.kind} {line.place}".strip() or sheet.title, []).append(line)
    failed = [remark.text for remark in sheet.remarks if remark.mark is Mark.FAIL]
    if failed:
        suite = _suite(top, sheet.title, tests=len(failed), failures=len(failed))
        for text in failed:
            case = ET.SubElement(suite, "testcase", classname=escaped(sheet.tool), name=escaped(text))
            ET.SubElement(case, "failure", message=escaped(text))
    for name, lines in suites.items():
        _lines(top, name, lines)
    ET.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def _lines(top: ET.Element, name: str, lines: Sequence[Line]) -> None:
    failures = sum(line.mark is Mark.FAIL for line in lines)
    suite = _suite(top, name, tests=len(lines), failures=failures)
    suite.set("skipped", str(sum(line.mark in _SKIPPED for line in lines)))
    for line in lines:
        _case(suite, line)


def _suite(top: ET.Element, name: str, *, tests: int, failures: int) -> ET.Element:
    return ET.SubElement(top, "testsuite", name=escaped(name), tests=str(tests), failures=str(failures))


def _case(suite: ET.Element, line: Line) -> None:
    named = " ".join(part for part in (line.id, line.subject, line.version) if part)
    case = ET.SubElement(suite, "testcase", classname=escaped(line.kind or "check"), name=escaped(named))
    if line.mark is Mark.FAIL:
        severity = line.severity.word if line.severity is not None else ""
        failure = ET.SubElement(case, "failure", message=escaped(line.title or line.why or line.id), type=severity)
        failure.text = "\n".join(map(escaped, _told(line)))
    elif line.mark in _SKIPPED:
        ET.SubElement(case, "skipped", message=escaped(f"{line.mark}: {line.why}"))
    elif line.why:
        ET.SubElement(case, "system-out").text = escaped(f"{line.mark}: {line.why}")


def _told(line: Line) -> list[str]:
    """Each after a word of ours: a line of a log that begins with a text of the report might be a command."""
    parts = (("what", line.title), ("fixed in", line.fixed), ("why", line.why), ("hint", line.hint))
    return [f"{word}: {text}" for word, text in (*parts, *(("see", link) for link in line.links)) if text]
