"""Reports that are judged without being signed: each artefact of a file for itself, the worst decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pytrust.cli.scan_judging import Ruling, judged, overruled
from pytrust.cli.scan_reading import Unjudged
from pytrust.scanner.baseline import only_new, since_baseline
from pytrust.scanner.checked import NAMELESS, NO_LISTS, checked_scan, names_of
from pytrust.scanner.claim import Claims
from pytrust.scanner.gate.words import shown
from pytrust.scanner.rules import Action, Policed
from pytrust.scanner.scan_sheet import scan_sheet
from pytrust.scanner.sheet import Mark, Remark, Sheet
from pytrust.scanner.sheet_join import joined
from pytrust.scanner.verdict import Objection
from pytrust.scanner.vex.read import claims_for
from pytrust.scanner.vex.read import joined as joined_claims
from pytrust.trust.errors import UsageError

if TYPE_CHECKING:
    from pytrust.cli.scan_file import Read
    from pytrust.scanner.finding import Finding
    from pytrust.scanner.making import Lists
    from pytrust.scanner.report import Report
    from pytrust.scanner.scan import Scan, Subject
    from pytrust.scanner.verdict import Verdict
    from pytrust.scanner.vex.document import VexDocument
    from pytrust.trust.names import CollectionName

_NAME_IT: Final = "say as which image it is to be judged: --image NAME"


@dataclass(frozen=True)
class Checking:
    """By what reports are judged.

    Attributes:
        ruling: the rules.
        now: the clock.
        lists: what findings are looked up in.
        database_at: how old the scanner's database was, by who asks.
        vex: documents that say what does not affect the image, by their place; nobody signed them.
        name: the image that every report is judged as; None takes what each names.
        baseline: what is in it, too, passes.
        tool: the command that asks.
    """

    ruling: Ruling
    now: datetime
    lists: Lists = NO_LISTS
    database_at: datetime | None = None
    vex: Mapping[str, VexDocument] = field(default_factory=dict)
    name: CollectionName | None = None
    baseline: Read | None = None
    tool: str = "pytrust scan check"

    def check(self, read: Read) -> tuple[Sheet, tuple[Verdict, ...]]:
        """The sheet of a file, and what came of each artefact in it.

        Raises:
            UsageError: the rules depend on a name, and it is not known.
        """
        if len(read.reports) == 1 and self.ruling.by_name and self._name(read.reports[0]) is None:
            raise UsageError(f"{read.place} does not name one image", hint=_NAME_IT)
        done = [(report.artifact or read.place, *self._one(read, report)) for report in read.reports]
        sheet = joined(f"scan of {read.place}", self.tool, [(name, sheet) for name, sheet, _ in done])
        return sheet, tuple(verdict for _, _, verdict in done)

    def _one(self, read: Read, report: Report) -> tuple[Sheet, Verdict]:
        name, now = self._name(report), self.now
        subject_name = name or NAMELESS
        scan = checked_scan(report, read.data, subject_name, now, lists=self.lists, database_at=self.database_at)
        said = {place: _said(document, scan.subject) for place, document in self.vex.items()}
        claims = joined_claims(one for one in said.values() if one)
        verdict = self._verdict(scan, claims, report, name, alone=len(read.reports) == 1)
        remarks = (*self._remarks(report, name), *_vex_remarks(said))
        image = name or report.artifact or read.place
        return scan_sheet(verdict, scan, report.details, now=now, image=image, remarks=remarks, tool=self.tool), verdict

    def _name(self, report: Report) -> CollectionName | None:
        if self.name is not None:
            return self.name
        names = names_of(report)
        return names[0] if len(names) == 1 else None

    def _verdict(
        self, scan: Scan, claims: Claims, report: Report, name: CollectionName | None, *, alone: bool
    ) -> Verdict:
        policed = self._policed(name)
        if self.baseline is not None and isinstance(policed, Policed):
            today = self.now.date()
            scan = since_baseline(scan, _same(self.baseline, report, alone=alone), today)
            policed = replace(policed, rules=only_new(policed.rules, today))
        verdict = judged(scan, policed, claims, self.now)
        if not report.error:
            return verdict
        required = isinstance(policed, Policed) and policed.rules.required
        action = Action.DENY if required else Action.WARN
        return overruled(verdict, Objection("not-scanned", action, f"it was not scanned: {shown(report.error)}"))

    def _policed(self, name: CollectionName | None) -> Policed | Unjudged:
        if name is None and self.ruling.by_name:
            return Unjudged("it does not name one image", refused=True, hint=_NAME_IT)
        return self.ruling.policed(name or NAMELESS)

    def _remarks(self, report: Report, name: CollectionName | None) -> Iterator[Remark]:
        yield from (Remark(Mark.NOTE, text) for text in report.remarks)
        if self.name is not None and (others := [other for other in names_of(report) if other != name]):
            yield Remark(Mark.NOTE, f"judged as {name}; the report names {', '.join(others)}")
        if self.baseline is not None:
            yield Remark(Mark.NOTE, f"what {self.baseline.place} has, too, passes")


def _same(baseline: Read, report: Report, *, alone: bool) -> tuple[Finding, ...]:
    """What the baseline has of the same artefact: of two files with one report each, whatever they are called."""
    if alone and len(baseline.reports) == 1:
        return baseline.reports[0].findings
    return next((one.findings for one in baseline.reports if one.artifact == report.artifact), ())


def _said(document: VexDocument, subject: Subject) -> Claims | None:
    try:
        return claims_for(document, subject)
    except UsageError:  # of a cluster, or of all images of a house, most documents are about others
        return None


def _vex_remarks(said: Mapping[str, Claims | None]) -> Iterator[Remark]:
    for place, claims in said.items():
        if claims is None:
            yield Remark(Mark.NOTE, f"{place} says nothing of this image")
        else:
            yield Remark(Mark.NOTE, f"{place} is unsigned: it counts for this check, and on no host")
