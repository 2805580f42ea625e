"""A sheet as annotations of a GitHub workflow: ``::error file=...,title=...::...``, the worst, and one that counts.

Source: GitHub's documentation, "Workflow commands": some ten of a kind are shown for a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytrust.scanner.formats.words import is_link, outcome, relative, shortened, totals
from pytrust.scanner.sheet import Line, Mark, Sheet

_SHOWN: Final = 9  # of a kind; the tenth counts
_COMMANDS: Final = {Mark.FAIL: "error", Mark.WARN: "warning"}
_TEXT_MAX_CHARS: Final = 1000
_TITLE_MAX_CHARS: Final = 200


def github(sheet: Sheet) -> str:
    """One command a line."""
    return "\n".join(_commands(sheet)) + "\n"


def _commands(sheet: Sheet) -> Iterator[str]:
    for mark, command in _COMMANDS.items():
        remarks = [remark for remark in sheet.remarks if remark.mark is mark]
        lines = [line for line in sheet.lines if line.mark is mark]
        told = [("", sheet.title, f"{one.text}. {one.hint}" if one.hint else one.text) for one in remarks]
        told += [(_file(line.place), _title(line), _text(line)) for line in lines]
        for file, title, text in told[:_SHOWN]:
            yield f"::{command} {file}title={_property(title)}::{_message(text)}"
        if len(told) > _SHOWN:
            yield f"::{command} title={_property(sheet.title)}::and {len(told) - _SHOWN} more ({totals(lines)})"
    counts = f"{outcome(sheet)}: {totals(line for line in sheet.lines if line.mark in _COMMANDS)}"
    yield f"::notice title={_property(sheet.title)}::{_message(counts)}"


def _file(place: str) -> str:
    path = relative(place)
    return f"file={_property(path)}," if path else ""


def _title(line: Line) -> str:
    return " ".join(part for part in (line.id, line.subject) if part)


def _text(line: Line) -> str:
    fixed = f"fixed in {line.fixed}" if line.fixed else ""
    version = f"installed {line.version}" if line.version else ""
    link = next(filter(is_link, line.links), "")
    return ". ".join(part for part in (line.title, version, fixed, line.why, line.hint, link) if part)


def _message(text: str) -> str:
    """Data of a command: GitHub reads ``%``, carriage returns and newlines (toolkit, ``escapeData``)."""
    return shortened(text, _TEXT_MAX_CHARS).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A property of a command ends with a comma or a colon (toolkit, ``escapeProperty``)."""
    return _message(shortened(text, _TITLE_MAX_CHARS)).replace(":", "%3A").replace(",", "%2C")
