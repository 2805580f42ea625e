"""``pytrust scan diff``: two scans held against each other, signed ones or reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.scan_file import Read, is_file, read_scans
from pytrust.cli.sheet_output import put, sheet_options
from pytrust.trust.errors import ExitCode, NotFound, UsageError
from pytrust.trust.names import ImageRef

if TYPE_CHECKING:
    from datetime import datetime

    from pytrust.cli.sheet_output import Output
    from pytrust.cli.workspace import Workspace
    from pytrust.scanner.diff_sheet import Side


@click.command(
    epilog="""\b
examples:
  pytrust scan diff main.json branch.json
  pytrust scan diff foo/web:v1 foo/web:v2
  pytrust scan diff foo/web:v2 report.json --format markdown
\b
Exit code 0: nothing is new or worse, 1: something is."""
)
@click.argument("old")
@click.argument("new")
@click.option("--platform", metavar="OS/ARCH", help="Of a tag with several platforms, this one.")
@sheet_options
@click.pass_obj
def diff(workspace: Workspace, old: str, new: str, platform: str | None, output: Output) -> int:
    """What NEW has that OLD has not, what is worse or better, what got a fix, and what is gone.

    Each is a report, or an image, of which the signed scan counts. A package in another version is the same package;
    nothing is judged.
    """
    from pytrust.scanner.changes import changes
    from pytrust.scanner.diff_sheet import diff_sheet

    before, after = (_side(workspace, place, platform) for place in (old, new))
    found = changes(before.scan.findings, after.scan.findings)
    put(diff_sheet(found, before, after, workspace.now()), output)
    return ExitCode.NO if found.new or found.worse else ExitCode.YES


def _side(workspace: Workspace, place: str, platform: str | None) -> Side:
    if is_file(place):
        return _of_file(read_scans(place), workspace.now())
    from pytrust.cli.scan_reading import readings
    from pytrust.scanner.diff_sheet import Side

    ref = ImageRef.parse(place)
    with voice.working(f"looking up {ref.collection}"):
        found = readings(workspace.client(), ref)
    chosen = [one.scan for one in found if platform in {None, one.scan.subject.platform}]
    if not chosen:
        raise NotFound(f"{ref} has no signed scan", hint=f"have it scanned: pytrust scan run {ref}")
    if len(chosen) > 1:
        there = ", ".join(scan.subject.platform for scan in chosen)
        raise UsageError(f"{ref} has scans of several platforms", hint=f"choose one with --platform: {there}")
    return Side(str(ref), chosen[0])


def _of_file(read: Read, now: datetime) -> Side:
    from pytrust.scanner.checked import whole_scan
    from pytrust.scanner.diff_sheet import Side

    details = {key: detail for report in read.reports for key, detail in report.details.items()}
    return Side(read.place, whole_scan(read.reports, read.data, now), details)
