"""A sheet as one page that loads nothing, and in which nothing runs but its own script."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pytrust.scanner.formats.page_parts import SCRIPT, STYLE, TEMPLATE
from pytrust.scanner.formats.words import TITLES, by_mark, escaped, is_link, outcome, totals, upgrades
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Sheet

LINES_MAX: Final = 5_000  # a browser filters so many in a blink; the worst come first
_UPGRADES: Final = 10
_LINKS: Final = 5  # of one line; advisories have dozens
_TEXT_MAX_CHARS: Final = 600  # of a description
_WORK: Final = frozenset({Mark.FAIL, Mark.WARN})


def page(sheet: Sheet) -> str:
    """HTML; every text is text, whatever is in it."""
    lines = [_short(line) for line in sheet.lines[:LINES_MAX]]
    failed = [line for line in sheet.lines if line.mark in _WORK]
    return (
        _environment()
        .from_string(TEMPLATE)
        .render(
            sheet=sheet,
            outcome=outcome(sheet),
            marks=by_mark(sheet.lines),
            titles=TITLES,
            severities=[one.word for one in sorted(Severity, reverse=True)],
            kinds=sorted({line.kind for line in lines if line.kind}),
            lines=lines,
            left=len(sheet.lines) - len(lines),
            upgrades=upgrades(failed)[:_UPGRADES],
            failed=len(failed),
            security=_security(),
            style=Markup(STYLE),  # noqa: S704 - ours
            script=Markup(SCRIPT),  # noqa: S704 - ours
        )
    )


def _environment() -> Environment:
    made = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    made.filters |= {"shown": escaped, "totals": totals, "severity": _severity, "rank": _rank, "is_link": is_link}
    return made


def _security() -> str:
    """Nothing from anywhere; the page's own script and style by their hashes (Content Security Policy 3)."""
    script, style = (b64encode(sha256(text.encode()).digest()).decode() for text in (SCRIPT, STYLE))
    rules = [
        "default-src 'none'",
        f"script-src 'sha256-{script}'",
        f"style-src 'sha256-{style}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules)


def _short(line: Line) -> Line:
    text = line.text if len(line.text) <= _TEXT_MAX_CHARS else f"{line.text[:_TEXT_MAX_CHARS]}..."
    return replace(line, text=text, links=line.links[:_LINKS])


def _severity(line: Line) -> str:
    return "" if line.severity is None else line.severity.word


def _rank(line: Line) -> int:
    return 0 if line.severity is None else int(line.severity) + 1
