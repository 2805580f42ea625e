"""A scan and what came of judging it, as a sheet: every finding is on it, also those that are excused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pytrust.scanner.finding_line import NO_DETAILS, RANK, Details, finding_line
from pytrust.scanner.rules import Action, Waiver
from pytrust.scanner.scan import Scan, order
from pytrust.scanner.scan_head import head, oddities
from pytrust.scanner.sheet import Line, Mark, Remark, Sheet
from pytrust.scanner.verdict import Judged, Objection, Standing, Verdict

MARKS: Final[Mapping[Standing, Mark]] = MappingProxyType(
    {
        Standing.DENIED: Mark.FAIL,
        Standing.WARNED: Mark.WARN,
        Standing.AUDITED: Mark.NOTE,
        Standing.WAIVED: Mark.WAIVED,
        Standing.NOT_AFFECTED: Mark.NOT_AFFECTED,
        Standing.PASSED: Mark.PASS,
    }
)
ACTIONS: Final[Mapping[Action | None, Mark]] = MappingProxyType(
    {Action.DENY: Mark.FAIL, Action.WARN: Mark.WARN, Action.AUDIT: Mark.NOTE, None: Mark.PASS}
)


def scan_sheet(  # noqa: PLR0913 - what a sheet is made of
    verdict: Verdict,
    scan: Scan,
    details: Details = NO_DETAILS,
    *,
    now: datetime,
    image: str = "",
    facts: tuple[tuple[str, str], ...] = (),
    remarks: tuple[Remark, ...] = (),
    tool: str = "pytrust scan show",
) -> Sheet:
    """The sheet of one scan.

    Args:
        verdict: with ``judged``, that is of ``judge`` and not of ``decide``.
        scan: what was judged.
        details: titles, texts and links, of a report that was read with them.
        now: what ages are counted from.
        image: how to call the image; else by the name in the scan.
        facts: more pairs for the head: by whom it is signed, until when.
        remarks: more of them; they come last.
        tool: the command that makes the sheet.
    """
    name, told = image or scan.subject.name, frozenset(one.code for one in verdict.objections)
    return Sheet(
        title=f"scan of {name}",
        tool=tool,
        mark=ACTIONS[verdict.action],
        facts=(*head(scan, now, image), *facts),
        remarks=(*map(_objection, verdict.objections), *_waivers(verdict), *oddities(scan, told), *remarks),
        lines=tuple(_line(one, details) for one in sorted(verdict.judged, key=_place)),
    )


def _line(judged: Judged, details: Details) -> Line:
    line = finding_line(judged.finding, MARKS[judged.standing], judged.rule, details)
    return replace(line, until=judged.until.isoformat()) if judged.until else line


def _place(judged: Judged) -> tuple[object, ...]:
    return (RANK[MARKS[judged.standing]], *order(judged.finding))


def _objection(objection: Objection) -> Remark:
    text = f"{objection.text} ({objection.rule})" if objection.rule else objection.text
    return Remark(ACTIONS[objection.action], text, objection.hint)


def _waivers(verdict: Verdict) -> Iterator[Remark]:
    for waiver in verdict.ended:
        hint = "fix it, or let its owner renew the exception"
        yield Remark(Mark.WARN, f"the exception for {_named(waiver)} ended with {waiver.expires:%Y-%m-%d}", hint)
    for waiver in verdict.unused:
        yield Remark(Mark.NOTE, f"the exception for {_named(waiver)} fits nothing in this scan", "remove it")


def _named(waiver: Waiver) -> str:
    place = f", {waiver.where}" if waiver.where else ""
    return f"{', '.join(waiver.ids)} ({waiver.owner}: {waiver.reason}{place})"
