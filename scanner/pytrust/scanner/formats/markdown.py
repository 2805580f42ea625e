"""A sheet for a comment on a pull request: GitHub's Markdown, within the length that a comment may have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pytrust.scanner.formats.words import TITLES, by_mark, grouped, ids, outcome, shortened, totals, upgrades
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Sheet

_MAX_CHARS: Final = 60_000  # GitHub takes 65,536
_CELL_MAX_CHARS: Final = 200
_ROW_IDS: Final = 20
_UPGRADES: Final = 10
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()+.!|<>~&:-])")
_NOTIFYING: Final = re.compile(r"([@#])")
_COUNTED: Final = frozenset({Mark.PASS, Mark.SKIPPED})
_HEADS: Final = ("| Severity |", "| --- |")
_FOLDED_END: Final = "\n</details>"


def markdown(sheet: Sheet) -> str:
    """Worst first; what has no place any more is counted."""
    text, left, folded = list[str](), _MAX_CHARS, False
    pieces = list(_pieces(sheet))
    for number, piece in enumerate(pieces):
        left -= len(piece) + 1
        if left < 0:
            text += [_FOLDED_END] * folded
            rows = sum(one.startswith(("| ", "- ")) and not one.startswith(_HEADS) for one in pieces[number:])
            text.append(f"\n... and {rows} rows more, which a comment has no room for")
            break
        folded = (folded or piece.startswith("<details>")) and piece != _FOLDED_END
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
        yield from _section(mark, lines)


def _section(mark: Mark, lines: Sequence[Line]) -> Iterator[str]:
    """What failed is seen at once, the rest when it is unfolded."""
    title = f"{TITLES[mark].capitalize()}: {totals(lines)}"
    if mark is Mark.FAIL or mark in _COUNTED:
        yield from ("", f"### {title}")
    else:
        yield from ("", f"<details><summary>{title}</summary>")
    if mark not in _COUNTED:
        packages, others = [line for line in lines if line.version], [line for line in lines if not line.version]
        if mark in {Mark.WAIVED, Mark.NOT_AFFECTED}:
            packages, others = [], list(lines)
        yield from _packages(packages)
        yield from _others(others)
    if not (mark is Mark.FAIL or mark in _COUNTED):
        yield _FOLDED_END


def _packages(lines: Sequence[Line]) -> Iterator[str]:
    if not lines:
        return
    yield from ("", "| Severity | Package | Installed | Fixed in | Ids |", "| --- | --- | --- | --- | --- |")
    for group in grouped(lines):
        severity = "" if group.severity is None else group.severity.word
        cells = (severity, *map(_plain, (group.subject, group.version, group.fixed)), _ids(ids(group)))
        yield f"| {' | '.join(cells)} |"
    yield ""
    for one in upgrades(lines)[:_UPGRADES]:
        yield f"- {_plain(one.text)} clears {one.cleared} of {len(lines)}"


def _others(lines: Sequence[Line]) -> Iterator[str]:
    if not lines:
        return
    yield from ("", "| Severity | Id | Subject | What | Why |", "| --- | --- | --- | --- | --- |")
    for line in lines:
        severity = "" if line.severity is None else line.severity.word
        cells = (severity, *map(_plain, (line.id, line.subject, line.title, line.why or line.hint)))
        yield f"| {' | '.join(cells)} |"


def _ids(found: Sequence[tuple[str, Severity | None]]) -> str:
    more = f" and {len(found) - _ROW_IDS} more" if len(found) > _ROW_IDS else ""
    return ", ".join(_id(*one) for one in found[:_ROW_IDS]) + more


def _id(name: str, severity: Severity | None) -> str:
    return _plain(name) if severity is None else f"{_plain(name)} ({severity.word})"


def _plain(text: str) -> str:
    """Text that Markdown reads as text: no markup, no link, no HTML; and that tells nobody.

    GitHub looks for mentions in what Markdown has made of the text, so that no backslash keeps them off: a space
    without width does.
    """
    return _NOTIFYING.sub("\\1&#8203;", _SPECIAL.sub(r"\\\1", shortened(text, _CELL_MAX_CHARS)))
