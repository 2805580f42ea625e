"""A sheet as SARIF 2.1.0 (OASIS): a rule for each id, a result for each line that is not just passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from pytrust.scanner.formats.words import as_json, escaped, is_link, ranked, relative, shortened
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Sheet

RESULTS_MAX: Final = 5_000  # more are not shown by GitHub; the worst come first
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Mark.FAIL: "error", Mark.WARN: "warning", Mark.NOTE: "note"}
_KINDS: Final = {Mark.MANUAL: "review", Mark.SKIPPED: "notApplicable"}
_SUPPRESSED: Final = frozenset({Mark.WAIVED, Mark.NOT_AFFECTED})
_SCORES: Final = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
_TEXT_MAX_CHARS: Final = 1000  # GitHub shows no more of a description


def sarif(sheet: Sheet) -> str:
    """One run of one tool."""
    lines = [line for line in ranked(sheet.lines) if line.mark is not Mark.PASS]
    shown = lines[:RESULTS_MAX]
    rules = {_id(line): line for line in reversed(shown)}
    places = {name: place for place, name in enumerate(reversed(rules))}
    run = {
        "tool": {"driver": {"name": "pytrust", "rules": [_rule(line) for line in reversed(rules.values())]}},
        "results": [_result(line, places) for line in shown],
        "invocations": [_invocation(sheet, len(lines) - len(shown))],
        "properties": {"title": escaped(sheet.title), "facts": {escaped(k): escaped(v) for k, v in sheet.facts}},
    }
    return as_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _invocation(sheet: Sheet, left: int) -> dict[str, Any]:
    told = [(one.mark, f"{one.text}. {one.hint}" if one.hint else one.text) for one in sheet.remarks]
    if left:
        told.append((Mark.WARN, f"{left} results more were left out"))
    notes = [{"level": _LEVELS.get(mark, "none"), "message": {"text": escaped(text)}} for mark, text in told]
    return {"executionSuccessful": True, "commandLine": sheet.tool, "toolExecutionNotifications": notes}


def _rule(line: Line) -> dict[str, Any]:
    """With every text that GitHub asks of a rule (its documentation, "SARIF support for code scanning")."""
    name = shortened(line.title or line.id or "finding", _TEXT_MAX_CHARS)
    score = (
        f"{line.score / 10:.1f}" if line.score is not None else _SCORES.get(line.severity or Severity.UNKNOWN, "0.0")
    )
    tags = [tag for tag in ("security", line.kind) if tag]
    rule: dict[str, Any] = {
        "id": _id(line),
        "shortDescription": {"text": name},
        "fullDescription": {"text": shortened(line.text, _TEXT_MAX_CHARS) or name},
        "help": {"text": shortened(line.hint, _TEXT_MAX_CHARS) or name},
        "properties": {"security-severity": score, "tags": tags},
    }
    if link := next(filter(is_link, line.links), ""):
        rule["helpUri"] = link
    return rule


def _result(line: Line, places: Mapping[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": _id(line),
        "ruleIndex": places[_id(line)],
        "message": {"text": _message(line)},
        "locations": [_location(line.place or line.subject)],
        "partialFingerprints": {"pytrust/v1": _fingerprint((line.kind, line.id, line.subject, line.place))},
    }
    if line.mark in _KINDS:
        result |= {"kind": _KINDS[line.mark], "level": "none"}
    else:
        result["level"] = _LEVELS.get(line.mark, "note")
    if line.mark in _SUPPRESSED:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": escaped(line.why)}]
    return result


def _location(place: str) -> dict[str, Any]:
    """The first line stands for the whole file: GitHub takes no result without one."""
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(place)}, "region": {"startLine": 1}}}


def _id(line: Line) -> str:
    return escaped(line.id) or "finding"


def _message(line: Line) -> str:
    subject = " ".join(part for part in (line.subject, line.version) if part)
    fixed = f"fixed in {line.fixed}" if line.fixed else ""
    first = ": ".join(part for part in (subject, line.title or line.id) if part) or "a finding"
    return "; ".join(shortened(part, _TEXT_MAX_CHARS) for part in (first, fixed, line.why, line.hint) if part)


def _uri(place: str) -> str:
    """A relative reference (RFC 3986)."""
    return quote(relative(place) or "image", safe="/", errors="replace")


def _fingerprint(parts: Iterable[str]) -> str:
    """The same in every scan: versions play no part."""
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
