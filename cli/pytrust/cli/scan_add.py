"""``pytrust scan add``: what a report says becomes part of what is signed about an image."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.scan_file import STDIN, parse_moment, read_file
from pytrust.cli.scan_signing import (
    earlier_scans,
    read_lists,
    require_newer,
    require_store,
    sign_scans,
    signed_platforms,
    signing_options,
    speakers,
)
from pytrust.cli.workspace import Workspace
from pytrust.scanner.finding import Kind
from pytrust.scanner.severity import Severity
from pytrust.trust.errors import UsageError
from pytrust.trust.names import Digest, ImageRef

if TYPE_CHECKING:
    from pytrust.scanner.binding import Pushed
    from pytrust.scanner.report import Report

_SCANNERS: Final = {
    "vuln": Kind.VULNERABILITY,
    "misconfig": Kind.MISCONFIGURATION,
    "secret": Kind.SECRET,
    "license": Kind.LICENSE,
}
"""Trivy's words."""


@click.command(
    epilog="""\b
examples:
  pytrust scan add foo/web:v2 report.json
  pytrust scan add foo/web:v2 report.json --db-updated 2026-11-30T06:00Z --scanners vuln,secret
  pytrust scan add foo/web@sha256:4f5a... report.json --epss epss.csv.gz --kev kev.json"""
)
@click.argument("image")
@click.argument("report", metavar="REPORT")
@click.option("--scanned-at", metavar="TIME", help="When the scan was made, for a report that does not say.")
@click.option("--db-updated", metavar="TIME", help="When the scanner's database was made, by your word.")
@click.option(
    "--scanners", metavar="LIST", help="What the scanner looked for, by your word: vuln, misconfig, secret, license."
)
@click.option("--severities", metavar="LIST", help="The severities that it was asked for, by your word.")
@click.option(
    "--unfixed/--no-unfixed", default=None, help="Whether findings without a fix are in the report, by your word."
)
@click.option("--assert-image", is_flag=True, help="Answer for it that a report without an image id is of IMAGE.")
@click.option("--platform", metavar="OS/ARCH", help="Of which platform the report has to be.")
@click.option("--legacy", is_flag=True, help="An empty list is what trivy before 0.20 wrote where it found nothing.")
@signing_options
@click.pass_obj
def add(
    workspace: Workspace,
    image: str,
    report: str,
    scanned_at: str | None,
    db_updated: str | None,
    scanners: str | None,
    severities: str | None,
    unfixed: bool | None,
    assert_image: bool,
    platform: str | None,
    legacy: bool,
    epss: str | None,
    kev: str | None,
    signers: tuple[str, ...],
    may: tuple[str, ...],
    threshold: int | None,
) -> int:
    """Sign what REPORT, written by trivy, says about the image that is signed as IMAGE.

    The report has to be of that very image: its image id and layers are compared with the registry's. Moments are UTC
    (2026-11-30T06:00Z). What you say for the report is signed as your word. REPORT may be - for stdin.
    """
    from pytrust.scanner.limits import REPORT_MAX_BYTES
    from pytrust.scanner.making import Said, first_seen, make_scan
    from pytrust.scanner.scan import Source
    from pytrust.scanner.trivy.read import read_report

    ref = ImageRef.parse(image)
    require_store(workspace)
    said = Said(
        scanned_at=None if scanned_at is None else parse_moment(scanned_at),
        database_at=None if db_updated is None else parse_moment(db_updated),
        kinds=None if scanners is None else frozenset(_kinds(scanners)),
        severities=None if severities is None else frozenset(_severities(severities)),
        unfixed=unfixed,
    )
    lists, data = read_lists(epss, kev), read_file(report, REPORT_MAX_BYTES)
    what = "stdin" if report == STDIN else report
    with voice.working(f"reading {what}"):
        found = read_report(data, what=what, legacy=legacy)
    for remark in found.remarks:
        voice.note(f"note: {remark}")
    with voice.working(f"looking up {ref.collection}"):
        pushed = signed_platforms(workspace, ref)
    bound, of = _bound(found, pushed, what, platform, asserted=assert_image)
    source = Source(digest=Digest(sha256(data).hexdigest()), length=len(data), id=found.id, created_at=found.created_at)
    earlier = earlier_scans(workspace, ref.collection)
    scan = make_scan(
        found,
        source,
        of.subject,
        said,
        lists=lists,
        history=first_seen(earlier),
        now=workspace.now(),
        bound=bound,
    )
    require_newer(scan, earlier)
    if scan.database.updated_at is None:
        voice.note("note: it is not known how old the scanner's database was; rules with max_age will refuse this scan")
        voice.note("hint: --db-updated TIME, as `trivy version` shows it")
    return sign_scans(workspace, ref.collection, [scan], speakers(workspace, signers), may, threshold)


def _bound(
    report: Report, pushed: list[Pushed], what: str, platform: str | None, *, asserted: bool
) -> tuple[bool, Pushed]:
    """Whether the report itself says of which image it is, and that image."""
    from pytrust.scanner.binding import assert_bound, bind
    from pytrust.scanner.errors import OtherImage

    if asserted and (report.image is None or report.image.config is None):
        return False, assert_bound(pushed, platform)
    of = bind(report, pushed, what)
    if platform not in {None, of.platform}:
        raise OtherImage(f"{what} is of the image for {of.platform}, and not of that for {platform}")
    return True, of


def _kinds(text: str) -> list[Kind]:
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in _SCANNERS]:
        raise UsageError(f"{unknown[0][:60]!r} is none of trivy's scanners", hint=f"known: {', '.join(_SCANNERS)}")
    return [_SCANNERS[word] for word in words]


def _severities(text: str) -> list[Severity]:
    words = [word.strip().upper() for word in text.split(",")]
    if unknown := [word for word in words if word not in Severity.__members__]:
        known = ", ".join(one.name for one in Severity)
        raise UsageError(f"{unknown[0][:60]!r} is no severity", hint=f"known: {known}")
    return [Severity[word] for word in words]
