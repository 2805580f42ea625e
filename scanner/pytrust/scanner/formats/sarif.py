"""A sheet as SARIF 2.1.0 (OASIS): a rule for each id, a result for each line that is not just passed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from pytrust.scanner.formats.words import escaped, is_link
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Sheet

RESULTS_MAX: Final = 5_000  # more are not shown by GitHub; the worst come first
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Mark.FAIL: "error", Mark.WARN: "warning", Mark.NOTE: "note"}
_KINDS: Final = {Mark.MANUAL: "review", Mark.SKIPPED: "notApplicable"}
_SUPPRESSED: Final = frozenset({Mark.WAIVED, Mark.NOT_AFFECTED})
_SCORES: Final = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
_FULL_NAME_MAX_CHARS: Final = 1000


def sarif(sheet: Sheet) -> str:
    """One run of one tool."""
    lines = [line for line in sheet.lines if line.mark is not Mark.PASS]
    shown = lines[:RESULTS_MAX]
    rules = {line.id: line for line in reversed(shown)}
    run = {
        "tool": {"driver": {"name": "pytrust", "rules": [_rule(line) for line in reversed(rules.values())]}},
        "results": [_result(line) for line in shown],
        "invocations": [_invocation(sheet, len(lines) - len(shown))],
        "properties": {"title": escaped(sheet.title), "facts": {escaped(k): escaped(v) for k, v in sheet.facts}},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _invocation(sheet: Sheet, left: int) -> dict[str, Any]:
    told = [(one.mark, f"{one.text}. {one.hint}" if one.hint else one.text) for one in sheet.remarks]
    if left:
        told.append((Mark.WARN, f"{left} results more were left out"))
    notes = [{"level": _LEVELS.get(mark, "none"), "message": {"text": escaped(text)}} for mark, text in told]
    return {"executionSuccessful": True, "commandLine": sheet.tool, "toolExecutionNotifications": notes}


def _rule(line: Line) -> dict[str, Any]:
    name = escaped(line.title or line.id or "finding")[:_FULL_NAME_MAX_CHARS]
    score = (
        f"{line.score / 10:.1f}" if line.score is not None else _SCORES.get(line.severity or Severity.UNKNOWN, "0.0")
    )
    tags = [tag for tag in ("security", line.kind) if tag]
    rule: dict[str, Any] = {
        "id": _id(line),
        "shortDescription": {"text": name},
        "properties": {"security-severity": score, "tags": tags},
    }
    if line.text:
        rule["fullDescription"] = {"text": escaped(line.text)[:_FULL_NAME_MAX_CHARS]}
    if link := next(filter(is_link, line.links), ""):
        rule["helpUri"] = link
    return rule


def _result(line: Line) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": _id(line),
        "message": {"text": _message(line)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(line.place or line.subject)}}}],
        "partialFingerprints": {"pytrust/v1": _fingerprint((line.kind, line.id, line.subject, line.place))},
    }
    if line.mark in _KINDS:
        result |= {"kind": _KINDS[line.mark], "level": "none"}
    else:
        result["level"] = _LEVELS.get(line.mark, "note")
    if line.mark in _SUPPRESSED:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": escaped(line.why)}]
    return result


def _id(line: Line) -> str:
    return escaped(line.id) or "finding"


def _message(line: Line) -> str:
    subject = " ".join(part for part in (line.subject, line.version) if part)
    fixed = f"fixed in {line.fixed}" if line.fixed else ""
    first = ": ".join(part for part in (subject, line.title or line.id) if part) or "a finding"
    return "; ".join(escaped(part) for part in (first, fixed, line.why, line.hint) if part)


def _uri(place: str) -> str:
    """A relative reference that leads nowhere else (RFC 3986): each part spelled, none of them ``..``."""
    parts = [part for part in place.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return quote("/".join(parts) or "image", safe="/", errors="replace")


def _fingerprint(parts: Iterable[str]) -> str:
    """The same in every scan: versions play no part."""
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
