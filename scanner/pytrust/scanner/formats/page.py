"""A sheet as one page that loads nothing, and in which nothing runs but its own script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pytrust.scanner.formats.page_parts import SCRIPT, STYLE, TEMPLATE
from pytrust.scanner.formats.words import TITLES, by_mark, is_link, outcome, ranked, shortened, totals, upgrades
from pytrust.scanner.sheet import Line, Mark, Sheet

LINES_MAX: Final = 5_000  # a browser filters so many in a blink; the worst come first
_UPGRADES: Final = 10
_LINKS: Final = 3  # of one line; advisories have dozens
_TEXT_MAX_CHARS: Final = 600  # of a description
_TEXTS_MAX_CHARS: Final = 100_000  # of all of them, with links: 2,000 lines stay under a megabyte
_CELL_MAX_CHARS: Final = 300
_TOLD_MAX_CHARS: Final = 2000
_WORK: Final = frozenset({Mark.FAIL, Mark.WARN})


def page(sheet: Sheet) -> str:
    """HTML; every text is text, whatever is in it."""
    lines, untold = _short(ranked(sheet.lines)[:LINES_MAX])
    failed = [line for line in sheet.lines if line.mark in _WORK]
    severe = {line.severity for line in lines if line.severity is not None}
    return (
        _environment()
        .from_string(TEMPLATE)
        .render(
            sheet=sheet,
            outcome=outcome(sheet),
            marks=by_mark(sheet.lines),
            titles=TITLES,
            severities=[one.word for one in sorted(severe, reverse=True)],
            versions=any(line.version for line in lines),
            kinds=sorted({line.kind for line in lines if line.kind}),
            lines=lines,
            left=len(sheet.lines) - len(lines),
            untold=untold,
            upgrades=upgrades(failed)[:_UPGRADES],
            failed=len(failed),
            security=_security(),
            style=Markup(STYLE),  # noqa: S704 - ours
            script=Markup(SCRIPT),  # noqa: S704 - ours
        )
    )


def _environment() -> Environment:
    made = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    made.filters |= {"totals": totals, "severity": _severity}
    made.filters["is_link"] = made.tests["is_link"] = is_link
    made.filters |= {
        "shown": lambda text: shortened(text, _CELL_MAX_CHARS),
        "told": lambda text: shortened(text, _TOLD_MAX_CHARS),
    }
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


def _short(lines: Sequence[Line]) -> tuple[list[Line], int]:
    """The lines with as much of their texts as there is room for, worst first; and how many lost theirs."""
    made, left = list[Line](), _TEXTS_MAX_CHARS
    for line in lines:
        text = shortened(line.text, _TEXT_MAX_CHARS)
        links = line.links[:_LINKS]
        left -= len(text) + 2 * sum(map(len, links[1:]))
        made.append(replace(line, text=text, links=links) if left >= 0 else replace(line, text="", links=links[:1]))
    return made, sum(bool(line.text) and not short.text for line, short in zip(lines, made, strict=True))


def _severity(line: Line) -> str:
    return "" if line.severity is None else line.severity.word
