"""``pytrust scan run``: an installed trivy looks at exactly what is signed, and its findings are signed in turn."""

from __future__ import annotations

from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
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
from pytrust.scanner.errors import OtherImage
from pytrust.scanner.severity import Severity
from pytrust.trust.errors import ExitCode, Refused
from pytrust.trust.names import Digest, ImageRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytrust.scanner.binding import Pushed
    from pytrust.scanner.making import Lists, Said
    from pytrust.scanner.program import Trivy
    from pytrust.scanner.scan import Scan


@click.command(
    epilog="""\b
examples:
  pytrust scan run foo/web:v2
  pytrust scan run foo/web:v1 foo/web:v2 foo/api:v7 --epss epss.csv.gz --kev kev.json
  pytrust scan run foo/web:v2 --platform linux/arm64 --trivy /opt/trivy/trivy
\b
every day, from a timer (the key scanner must open without a question: pytrust vault adopt)"""
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--trivy", type=click.Path(path_type=Path), metavar="FILE", help="This program [default: on PATH].")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="OS/ARCH",
    help="Of an index, this one (repeatable) [default: all].",
)
@signing_options
@click.pass_obj
def run(
    workspace: Workspace,
    images: tuple[str, ...],
    trivy: Path | None,
    platforms: tuple[str, ...],
    epss: str | None,
    kev: str | None,
    signers: tuple[str, ...],
    may: tuple[str, ...],
    threshold: int | None,
) -> int:
    """Let trivy look at what is signed as IMAGE, by its digest, and sign what it found.

    It looks for vulnerabilities and secrets of every severity, with and without a fix, with arguments that are signed
    with the result; files of the folder and settings of the environment change nothing. All images of one name are one
    publish.
    """
    from pytrust.scanner.program import find_trivy

    require_store(workspace)
    refs = sorted({ImageRef.parse(image) for image in images}, key=str)
    program, lists = find_trivy(trivy), read_lists(epss, kev)
    result: int = ExitCode.YES
    for name, some in groupby(refs, key=lambda ref: ref.collection):
        scans = _scans(workspace, list(some), program, lists, platforms)
        result = max(result, sign_scans(workspace, name, scans, speakers(workspace, signers), may, threshold))
    return result


def _scans(
    workspace: Workspace, refs: Sequence[ImageRef], trivy: Trivy, lists: Lists, platforms: tuple[str, ...]
) -> list[Scan]:
    """Every chosen platform of every image of one name, each once."""
    found: dict[Digest, Scan] = {}
    for ref in refs:
        with voice.working(f"looking up {ref}"):
            pushed = signed_platforms(workspace, ref)
        earlier = earlier_scans(workspace, ref.collection)
        for one in _chosen(ref, pushed, platforms):
            if one.manifest not in found:
                found[one.manifest] = _scan(workspace, one, trivy, lists, earlier)
    return list(found.values())


def _chosen(ref: ImageRef, pushed: list[Pushed], platforms: tuple[str, ...]) -> list[Pushed]:
    chosen = [one for one in pushed if not platforms or one.platform in platforms]
    if not chosen:
        there = ", ".join(one.platform for one in pushed)
        raise OtherImage(f"{ref} is for {there}", hint="name one of these: --platform OS/ARCH[/VARIANT]")
    return chosen


def _scan(workspace: Workspace, one: Pushed, trivy: Trivy, lists: Lists, earlier: Sequence[Scan]) -> Scan:
    from pytrust.scanner.binding import bind
    from pytrust.scanner.making import first_seen, make_scan
    from pytrust.scanner.program import arguments_for, scan_image
    from pytrust.scanner.scan import Source
    from pytrust.scanner.trivy.read import read_report

    reference = f"{one.name}@{one.manifest}"
    registry = one.name.partition("/")[0]
    arguments = arguments_for(reference, one.platform, insecure=registry in workspace.settings.insecure)
    with voice.working(f"trivy looks at {reference} ({one.platform})"):
        data = scan_image(trivy, arguments)
    report = read_report(data, what=f"the report of {trivy.path}")
    for remark in report.remarks:
        voice.note(f"note: {remark}")
    bind(report, [one], f"the report of {trivy.path}")
    digest = Digest(sha256(data).hexdigest())
    source = Source(digest=digest, length=len(data), id=report.id, created_at=report.created_at)
    said = _said(workspace, trivy, arguments, dated=report.created_at is not None)
    scan = make_scan(report, source, one.subject, said, lists=lists, history=first_seen(earlier), now=workspace.now())
    require_newer(scan, earlier)
    return scan


def _said(workspace: Workspace, trivy: Trivy, arguments: list[str], *, dated: bool) -> Said:
    """What this machine knows, since it ran the program itself."""
    from pytrust.scanner.making import Said
    from pytrust.scanner.program import KINDS, find_trivy

    after = find_trivy(trivy.path)  # it may have fetched a newer database for this scan
    if after.binary != trivy.binary:
        raise Refused(f"{trivy.path} was changed while it looked", hint="scan again")
    return Said(
        scanned_at=None if dated else workspace.now(),
        database_at=after.database_at,
        database_version=after.database_version,
        kinds=KINDS,
        severities=frozenset(Severity),
        unfixed=True,
        scanner=trivy.scanner(arguments),
        recorded=True,
    )
