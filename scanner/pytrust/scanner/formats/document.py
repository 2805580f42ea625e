"""A sheet for machines: ``pytrust-sheet/1``, whole and in a stable order."""

from __future__ import annotations

from typing import Any, Final

from pytrust.scanner.formats.words import as_json, outcome, sound
from pytrust.scanner.sheet import Line, Sheet

FORMAT: Final = "pytrust-sheet/1"


def document(sheet: Sheet) -> str:
    """JSON, ASCII alone; texts are as they were found."""
    value = {
        "format": FORMAT,
        "tool": sound(sheet.tool),
        "title": sound(sheet.title),
        "outcome": outcome(sheet).lower(),
        "facts": [{"name": sound(name), "text": sound(text)} for name, text in sheet.facts],
        "remarks": [{"mark": one.mark, "text": sound(one.text), "hint": sound(one.hint)} for one in sheet.remarks],
        "lines": [_line(line) for line in sheet.lines],
    }
    return as_json(value)


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": sound(line.id),
        "mark": line.mark,
        "kind": sound(line.kind),
        "severity": None if line.severity is None else line.severity.word,
        "title": sound(line.title),
        "subject": sound(line.subject),
        "version": sound(line.version),
        "fixed": sound(line.fixed),
        "place": sound(line.place),
        "score": None if line.score is None else line.score / 10,
        "links": [sound(link) for link in line.links],
        "why": sound(line.why),
        "hint": sound(line.hint),
        "text": sound(line.text),
        "until": sound(line.until) or None,
    }
