"""``pytrust scan show``: what was found in an image, and what the policy says of it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.scan_file import Read, is_file, read_scans
from pytrust.cli.sheet_output import put, sheet_options
from pytrust.scanner.errors import OtherImage
from pytrust.trust.errors import ExitCode, NotFound, UsageError
from pytrust.trust.names import ImageRef

if TYPE_CHECKING:
    from datetime import datetime

    from pytrust.cli.scan_reading import Reading, Unjudged
    from pytrust.cli.sheet_output import Output
    from pytrust.cli.workspace import Workspace
    from pytrust.scanner.finding_line import Details
    from pytrust.scanner.rules import Policed
    from pytrust.scanner.sheet import Remark, Sheet

_TOOL: Final = "pytrust scan show"


@click.command(
    epilog="""\b
examples:
  pytrust scan show foo/web:v2
  pytrust scan show foo/web:v2 --platform linux/arm64 --format html -o web.html
  pytrust scan show foo/web:v2 --report report.json
  pytrust scan show report.json
\b
Exit code 0 whatever was found; pytrust scan check and pytrust policy test answer yes or no."""
)
@click.argument("what", metavar="IMAGE|FILE")
@click.option("--platform", metavar="OS/ARCH", help="Of a tag with several platforms, this one [default: all].")
@click.option("--report", metavar="FILE", help="The report that was signed, for titles and links.")
@sheet_options
@click.pass_obj
def show(workspace: Workspace, what: str, platform: str | None, report: str | None, output: Output) -> int:
    """The signed scan of IMAGE, judged by the policy of today; or what a report says, judged by nothing.

    Signed VEX counts. What is signed has no titles and no links: --report adds them, if it is the very report.
    """
    if is_file(what):
        if platform or report:
            raise UsageError("--platform and --report belong to an image", hint="pytrust scan show IMAGE --report FILE")
        sheet = _of_file(read_scans(what), workspace.now())
    else:
        sheet = _of_image(workspace, ImageRef.parse(what), platform, read_scans(report) if report else None)
    put(sheet, output)
    return ExitCode.YES


def _of_file(read: Read, now: datetime) -> Sheet:

    from pytrust.cli.scan_checking import Checking
    from pytrust.cli.scan_judging import Ruling, no_ruling

    sheet, _ = Checking(ruling=Ruling(no_ruling, by_name=False), now=now, tool=_TOOL).check(read)
    return sheet


def _of_image(workspace: Workspace, ref: ImageRef, platform: str | None, report: Read | None) -> Sheet:
    from pytrust.cli.scan_judging import ruling
    from pytrust.cli.scan_reading import load_policy, readings
    from pytrust.scanner.sheet_join import joined

    with voice.working(f"looking up {ref.collection}"):
        found = readings(workspace.client(), ref)
    chosen = [one for one in found if platform in {None, one.scan.subject.platform}]
    if not chosen:
        there = f"; there are those of {', '.join(one.scan.subject.platform for one in found)}" if found else ""
        raise NotFound(f"{ref} has no signed scan{there}", hint=f"have it scanned: pytrust scan run {ref}")
    policed, now = ruling(load_policy(workspace)).policed(ref.collection), workspace.now()
    details = [_details(one, report) for one in chosen]
    if report is not None and all(one is None for one in details):
        raise OtherImage(f"{report.place} is not the report that was signed for {ref}", hint="leave --report out")
    parts = [
        (one.scan.subject.platform, _sheet(ref, one, policed, detail, now))
        for one, detail in zip(chosen, details, strict=True)
    ]
    return joined(f"scan of {ref}", _TOOL, parts)


def _details(reading: Reading, report: Read | None) -> Details | None:
    """Of the very bytes that were signed."""
    if report is None or sha256(report.data).hexdigest() != reading.scan.source.digest.hex:
        return None
    return report.reports[0].details


def _sheet(
    ref: ImageRef, reading: Reading, policed: Policed | Unjudged, details: Details | None, now: datetime
) -> Sheet:
    from pytrust.cli.scan_judging import judged
    from pytrust.scanner.finding_line import NO_DETAILS
    from pytrust.scanner.scan_sheet import scan_sheet
    from pytrust.scanner.spans import moment_ago

    facts = (
        ("signed by", reading.signed_by),
        ("signed until", moment_ago(reading.expires, now)),
        ("statement", str(reading.statement)),
    )
    return scan_sheet(
        judged(reading.scan, policed, reading.claims, now),
        reading.scan,
        details or NO_DETAILS,
        now=now,
        image=str(ref),
        facts=facts,
        remarks=tuple(_vex_remarks(reading)),
        tool=_TOOL,
    )


def _vex_remarks(reading: Reading) -> Iterator[Remark]:
    from pytrust.scanner.sheet import Mark, Remark

    if reading.disbelieved is not None:
        why = reading.disbelieved
        yield Remark(Mark.WARN, f"what is signed of what does not affect it does not count: {why}", why.hint)
    if reading.claims.claims:
        authors = ", ".join(reading.claims.authors) or "nobody in particular"
        yield Remark(
            Mark.NOTE, f"signed VEX counts: {voice.plural(len(reading.claims.claims), 'claim')}, written by {authors}"
        )
