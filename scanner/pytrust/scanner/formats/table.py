"""A sheet for a terminal: worst and fixable first, one line for a version of a package."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from pytrust.scanner.formats.words import TITLES, by_mark, escaped, grouped, ids, outcome, shortened, totals, upgrades
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Remark, Sheet

_GAP: Final = "  "
_QUIET: Final = frozenset({Mark.PASS, Mark.SKIPPED})  # packages are counted; lines of checks are listed
_EXCUSED: Final = frozenset({Mark.WAIVED, Mark.NOT_AFFECTED})
_UPGRADES: Final = 10
_CELL_MAX_CHARS: Final = 60
_NARROW: Final = (8, 30, 16, 16)  # columns of cells, with which a row fits 80
_UPGRADE_MAX_CHARS: Final = 200
_TEXT_MAX_CHARS: Final = 2000
_READABLE: Final = 20  # columns
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
    return "\n".join(map(_data, _Painter(width, color=color).sheet(sheet))) + "\n"


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
            yield from self._wrapped(_cut(text, _TEXT_MAX_CHARS), f"{_GAP}{escaped(name):<{wide}}{_GAP}")

    def _remark(self, remark: Remark) -> Iterator[str]:
        yield from self._wrapped(_cut(remark.text, _TEXT_MAX_CHARS), f"{_GAP}{remark.mark}: ")
        if remark.hint:
            yield from self._wrapped(_cut(remark.hint, _TEXT_MAX_CHARS), f"{_GAP}  hint: ")

    def _section(self, mark: Mark, lines: Sequence[Line]) -> Iterator[str]:
        packages = [line for line in lines if line.version]
        if mark in _EXCUSED:
            yield from self._excused(packages)
        elif packages and mark not in _QUIET:
            yield from self._packages(packages)
            yield from self._upgrades(packages)
        yield from self._others(mark, [line for line in lines if not line.version])

    def _excused(self, lines: Iterable[Line]) -> Iterator[str]:
        """By what excuses them: a list of exceptions may excuse hundreds."""
        found: dict[tuple[Severity | None, str], list[Line]] = {}
        for line in lines:
            found.setdefault((line.severity, line.why), []).append(line)
        for (severity, why), some in found.items():
            listed = dict.fromkeys(f"{_cut(line.id)} {_cut(line.subject)}" for line in some)
            yield from self._wrapped(
                ", ".join(listed), f"{_GAP}{self._severe(f'{_word(severity):<8}', severity)}{_GAP}"
            )
            yield from self._wrapped(_cut(why, _TEXT_MAX_CHARS), f"{_GAP * 2}  ")

    def _packages(self, lines: Sequence[Line]) -> Iterator[str]:
        groups = grouped(lines)
        rows = [(_word(one.severity), _cut(one.subject), _cut(one.version), _cut(one.fixed)) for one in groups]
        heads = ("SEVERITY", "PACKAGE", "INSTALLED", "FIXED IN")
        wide = self._sizes([heads, *rows])
        yield _GAP + _GAP.join(_padded(head, size) for head, size in zip(heads, wide, strict=True)) + f"{_GAP}IDS"
        for group, row in zip(groups, rows, strict=True):
            cells = [_padded(_fit(cell, size), size) for cell, size in zip(row, wide, strict=True)]
            start = _GAP + _GAP.join([self._severe(cells[0], group.severity), *cells[1:]]) + _GAP
            yield from self._wrapped(_listed(ids(group)), start, indent=sum(wide) + len(_GAP) * (len(wide) + 1))

    def _sizes(self, rows: Sequence[Sequence[str]]) -> list[int]:
        """Columns of each cell; where a row does not fit the terminal, long cells are cut."""
        wide = [max(map(_cells, column)) for column in zip(*rows, strict=True)]
        room = self._width and self._width - len(_GAP) * (len(wide) + 1)
        return [min(pair) for pair in zip(wide, _NARROW, strict=True)] if room and sum(wide) > room else wide

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
                yield from self._wrapped(_cut(line.why, _TEXT_MAX_CHARS), f"{_GAP * 2}  ")
            if mark in {Mark.FAIL, Mark.WARN} and line.hint:
                yield from self._wrapped(_cut(line.hint, _TEXT_MAX_CHARS), f"{_GAP * 2}  hint: ")

    def _severe(self, text: str, severity: Severity | None) -> str:
        return text if severity is None else self._painted(text, _COLORS[severity])

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code else text

    def _wrapped(self, text: str, start: str, *, indent: int | None = None) -> Iterable[str]:
        """``start`` and the text, which goes on below itself; escape sequences in ``start`` take no place."""
        hang = _cells(_unpainted(start)) if indent is None else indent
        if self._width is None:
            return [f"{start}{text}".rstrip()]
        if self._width - hang < _READABLE:  # below, then, where there is room
            return [start.rstrip(), *(_GAP * 3 + piece for piece in _pieces(text, self._width - len(_GAP) * 3))]
        first, *rest = _pieces(text, self._width - hang)
        return [f"{start}{first}".rstrip(), *(" " * hang + piece for piece in rest)]


def _pieces(text: str, width: int) -> list[str]:
    """No word is broken: a digest stays one, to be copied."""
    return textwrap.wrap(text, max(width, 1), break_on_hyphens=False, break_long_words=False) or [""]


def _data(line: str) -> str:
    """A line that GitHub's runner does not take for a command: it looks past spaces (``ActionCommand.TryParseV2``)."""
    bare = line.lstrip()
    return f"{line[: len(line) - len(bare)]}\\x3a{bare[1:]}" if bare.startswith("::") else line


def _listed(found: Iterable[tuple[str, Severity | None]]) -> str:
    """``CVE-1, CVE-2 (high); CVE-3 (low)``."""
    parts = []
    for severity, some in groupby(found, key=itemgetter(1)):
        names = ", ".join(_cut(name) for name, _ in some)
        parts.append(names if severity is None else f"{names} ({severity.word})")
    return "; ".join(parts)


def _unpainted(text: str) -> str:
    """Without the escape sequences of this module, the only ones that there can be."""
    for code in (*_COLORS.values(), *_OUTCOMES.values()):
        text = text.replace(f"\x1b[{code}m", "")
    return text.replace("\x1b[0m", "")


def _word(severity: Severity | None) -> str:
    return "" if severity is None else severity.word


def _cut(text: str, most: int = _CELL_MAX_CHARS) -> str:
    return shortened(text, most)


def _cells(text: str) -> int:
    """Columns: some characters take two, and some none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _fit(text: str, size: int) -> str:
    while _cells(text) > size:
        text = f"{text[:-4]}..."
    return text


def _padded(text: str, size: int) -> str:
    return text + " " * (size - _cells(text))
