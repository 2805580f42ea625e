"""Several sheets as one: the platforms of a tag, the resources of a cluster. The worst mark is the whole's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytrust.scanner.finding_line import RANK
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Sheet


def joined(title: str, tool: str, parts: Sequence[tuple[str, Sheet]]) -> Sheet:
    """Facts, remarks and places begin with the name of their part; one part alone stays as it is.

    Raises:
        ValueError: there are no parts.
    """
    if len(parts) == 1:
        return parts[0][1]
    lines = [replace(line, place=_within(name, line.place)) for name, sheet in parts for line in sheet.lines]
    return Sheet(
        title=title,
        tool=tool,
        mark=min((sheet.mark for _, sheet in parts), key=RANK.__getitem__),
        facts=tuple((f"{name}: {word}", text) for name, sheet in parts for word, text in sheet.facts),
        remarks=tuple(
            replace(remark, text=f"{name}: {remark.text}") for name, sheet in parts for remark in sheet.remarks
        ),
        lines=tuple(sorted(lines, key=_rank)),
    )


def _within(name: str, place: str) -> str:
    return f"{name}: {place}" if place else name


def _rank(line: Line) -> tuple[int, int, bool, str, str]:
    severity = Severity.UNKNOWN if line.severity is None else line.severity
    return (RANK[line.mark], -severity, not line.fixed, line.subject, line.id)
