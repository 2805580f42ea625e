"""A sheet for a terminal: worst and fixable first, one line for a version of a package."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pytrust.scanner.formats.words import TITLES, by_mark, escaped, grouped, outcome, totals, upgrades
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Remark, Sheet

_GAP: Final = "  "
_QUIET: Final = frozenset({Mark.PASS, Mark.SKIPPED, Mark.NOT_AFFECTED})  # counted; lines of checks are listed
_UPGRADES: Final = 10
_CELL_MAX_CHARS: Final = 60
_UPGRADE_MAX_CHARS: Final = 200
_COLORS: Final = {
    Severity.CRITICAL: "1;31",
    Severity.HIGH: "31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.UNKNOWN: "35",
}
_OUTCOMES: Final = {"FAIL": "1;31", "WARN": "1;33", "PASS": "1;32"}


def table(sheet: Sheet, *, width: int | None = None, color: bool = False) -> str:
    """Plain text; ``color`` adds escape sequences of its own, and lets none through."""
    return "\n".join(_Painter(width, color=color).sheet(sheet)) + "\n"


class _Painter:
    """Lines of text for one terminal."""

    def __init__(self, width: int | None, *, color: bool) -> None:
        self._width, self._color = width, color

    def sheet(self, sheet: Sheet) -> Iterator[str]:
        word = outcome(sheet)
        yield f"{self._painted(word, _OUTCOMES.get(word, ''))} {escaped(sheet.title)}"
        yield from self._facts(sheet.facts)
        for remark in sheet.remarks:
            yield from self._remark(remark)
        for mark, lines in by_mark(sheet.lines).items():
            yield ""
            yield f"{TITLES[mark]}: {totals(lines)}"
            yield from self._section(mark, lines)

    def _facts(self, facts: Sequence[tuple[str, str]]) -> Iterator[str]:
        wide = max((len(escaped(name)) for name, _ in facts), default=0)
        for name, text in facts:
            yield from self._wrapped(escaped(text), f"{_GAP}{escaped(name):<{wide}}{_GAP}")

    def _remark(self, remark: Remark) -> Iterator[str]:
        yield from self._wrapped(escaped(remark.text), f"{_GAP}{remark.mark}: ")
        if remark.hint:
            yield from self._wrapped(escaped(remark.hint), f"{_GAP}  hint: ")

    def _section(self, mark: Mark, lines: Sequence[Line]) -> Iterator[str]:
        packages = [line for line in lines if line.version]
        others = [line for line in lines if not line.version]
        if packages and mark not in _QUIET:
            yield from self._packages(packages)
            yield from self._upgrades(packages)
        yield from self._others(mark, others)

    def _packages(self, lines: Sequence[Line]) -> Iterator[str]:
        groups = grouped(lines)
        rows = [(_word(one.severity), _cut(one.subject), _cut(one.version), _cut(one.fixed)) for one in groups]
        heads = ("SEVERITY", "PACKAGE", "INSTALLED", "FIXED IN")
        wide = [max(map(_cells, column)) for column in zip(heads, *rows, strict=True)]
        yield _GAP + _GAP.join(_padded(head, size) for head, size in zip(heads, wide, strict=True)) + f"{_GAP}IDS"
        for group, row in zip(groups, rows, strict=True):
            cells = [_padded(cell, size) for cell, size in zip(row, wide, strict=True)]
            start = _GAP + _GAP.join([self._severe(cells[0], group.severity), *cells[1:]]) + _GAP
            ids = ", ".join(dict.fromkeys(escaped(line.id) for line in group.lines))
            yield from self._wrapped(ids, start, indent=sum(wide) + len(_GAP) * (len(wide) + 1))

    def _upgrades(self, lines: Sequence[Line]) -> Iterator[str]:
        found = upgrades(lines)
        for one in found[:_UPGRADES]:
            yield from self._wrapped(f"{_cut(one.text, _UPGRADE_MAX_CHARS)} clears {one.cleared} of {len(lines)}", _GAP)
        if len(found) > _UPGRADES:
            yield f"{_GAP}and {len(found) - _UPGRADES} upgrades more"

    def _others(self, mark: Mark, lines: Sequence[Line]) -> Iterator[str]:
        for line in lines:
            severity = (
                self._severe(f"{_word(line.severity):<8}", line.severity) + _GAP if line.severity is not None else ""
            )
            about = " ".join(part for part in (_cut(line.subject), _cut(line.title)) if part)
            yield from self._wrapped(f"{escaped(line.id)}{_GAP}{about}", f"{_GAP}{severity}", indent=4)
            if mark is not Mark.PASS and line.why:
                yield from self._wrapped(escaped(line.why), f"{_GAP * 2}  ")
            if mark in {Mark.FAIL, Mark.WARN} and line.hint:
                yield from self._wrapped(escaped(line.hint), f"{_GAP * 2}  hint: ")

    def _severe(self, text: str, severity: Severity | None) -> str:
        return text if severity is None else self._painted(text, _COLORS[severity])

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code else text

    def _wrapped(self, text: str, start: str, *, indent: int | None = None) -> Iterable[str]:
        """``start`` and the text, which goes on below itself; escape sequences in ``start`` take no place."""
        hang = _cells(_unpainted(start)) if indent is None else indent
        if self._width is None or self._width - hang < 20:  # noqa: PLR2004 - no column to be read in
            return [f"{start}{text}".rstrip()]
        pieces = textwrap.wrap(text, self._width - hang, break_on_hyphens=False) or [""]
        return [f"{start}{pieces[0]}".rstrip(), *(" " * hang + piece for piece in pieces[1:])]


def _unpainted(text: str) -> str:
    """Without the escape sequences of this module, the only ones that there can be."""
    for code in (*_COLORS.values(), *_OUTCOMES.values()):
        text = text.replace(f"\x1b[{code}m", "")
    return text.replace("\x1b[0m", "")


def _word(severity: Severity | None) -> str:
    return "" if severity is None else severity.word


def _cut(text: str, most: int = _CELL_MAX_CHARS) -> str:
    shown = escaped(text)
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def _cells(text: str) -> int:
    """Columns: some characters take two, and some none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, size: int) -> str:
    return text + " " * (size - _cells(text))
