"""A sheet for a comment on a pull request: GitHub's Markdown, within the length that a comment may have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pytrust.scanner.formats.words import TITLES, by_mark, escaped, grouped, outcome, totals, upgrades
from pytrust.scanner.sheet import Line, Mark, Sheet

_MAX_CHARS: Final = 60_000  # GitHub takes 65,536
_CELL_MAX_CHARS: Final = 200
_UPGRADES: Final = 10
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+.!|<>~@&:-])")
_SHOWN: Final = frozenset({Mark.FAIL, Mark.WARN, Mark.NOTE, Mark.WAIVED, Mark.MANUAL})


def markdown(sheet: Sheet) -> str:
    """Worst first; what has no place any more is counted."""
    text, left = [], _MAX_CHARS
    pieces = list(_pieces(sheet))
    for number, piece in enumerate(pieces):
        left -= len(piece) + 1
        if left < 0:
            text.append(f"\n... and {len(pieces) - number} lines more, which a comment has no room for")
            break
        text.append(piece)
    return "\n".join(text) + "\n"


def _pieces(sheet: Sheet) -> Iterator[str]:
    yield f"## {outcome(sheet)}: {_plain(sheet.title)}"
    yield ""
    yield from (f"- {_plain(name)}: {_plain(text)}" for name, text in sheet.facts)
    for remark in sheet.remarks:
        hint = f" ({_plain(remark.hint)})" if remark.hint else ""
        yield f"- **{remark.mark}**: {_plain(remark.text)}{hint}"
    for mark, lines in by_mark(sheet.lines).items():
        yield ""
        yield f"### {TITLES[mark].capitalize()}: {totals(lines)}"
        if mark in _SHOWN:
            yield from _section(lines)


def _section(lines: Sequence[Line]) -> Iterator[str]:
    packages, others = [line for line in lines if line.version], [line for line in lines if not line.version]
    if packages:
        yield from ("", "| Severity | Package | Installed | Fixed in | Ids |", "| --- | --- | --- | --- | --- |")
        for group in grouped(packages):
            severity = "" if group.severity is None else group.severity.word
            ids = ", ".join(dict.fromkeys(_plain(line.id) for line in group.lines))
            cells = (severity, *map(_plain, (group.subject, group.version, group.fixed)), ids)
            yield f"| {' | '.join(cells)} |"
        yield ""
        for one in upgrades(packages)[:_UPGRADES]:
            yield f"- {_plain(one.text)} clears {one.cleared} of {len(packages)}"
    if others:
        yield from ("", "| Severity | Id | Subject | What | Why |", "| --- | --- | --- | --- | --- |")
        for line in others:
            severity = "" if line.severity is None else line.severity.word
            cells = (severity, *map(_plain, (line.id, line.subject, line.title, line.why or line.hint)))
            yield f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text that Markdown reads as text: no markup, no mention, no link, no HTML."""
    cut = text if len(text) <= _CELL_MAX_CHARS else f"{text[:_CELL_MAX_CHARS]}..."
    return _SPECIAL.sub(r"\\\1", escaped(cut))
