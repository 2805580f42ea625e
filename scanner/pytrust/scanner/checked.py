"""A report that is only checked, and not signed: as a scan of what it says that it is of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from pytrust.scanner.finding import Finding
from pytrust.scanner.making import Lists, Said, make_scan
from pytrust.scanner.report import Image, Report
from pytrust.scanner.scan import Coverage, Scan, Source, Subject, order
from pytrust.scanner.scan_head import NO_DIGEST, UNDATED
from pytrust.trust.errors import InvalidName
from pytrust.trust.names import CollectionName, Digest, ImageRef

NO_LISTS: Final = Lists()
NAMELESS: Final = CollectionName("report")
"""Of a report that names no image, where nothing depends on the name."""


def checked_scan(  # noqa: PLR0913 - what a scan is made of
    report: Report,
    data: bytes,
    name: CollectionName,
    now: datetime,
    *,
    lists: Lists = NO_LISTS,
    database_at: datetime | None = None,
) -> Scan:
    """The scan that ``data``, from which ``report`` was read, amounts to; ``name`` is what it is judged as.

    When a finding was first seen is not known here.

    Raises:
        StaleScan: the scan, or its database, is from the future.
    """
    source = Source(
        digest=Digest(sha256(data).hexdigest()), length=len(data), id=report.id, created_at=report.created_at
    )
    said = Said(scanned_at=None if report.created_at else UNDATED, database_at=database_at)
    scan = make_scan(report, source, _subject(report.image or Image(), name), said, lists=lists, history={}, now=now)
    return replace(
        scan,
        findings=tuple(map(_undated, scan.findings)),
        suppressed=tuple(replace(one, finding=_undated(one.finding)) for one in scan.suppressed),
    )


def whole_scan(reports: Sequence[Report], data: bytes, now: datetime) -> Scan:
    """All reports of one file as one scan; of several, the path of a finding begins with its artefact."""
    first, *more = (checked_scan(report, data, _known_name(report), now) for report in reports)
    if not more:
        return first
    scans = zip(reports, (first, *more), strict=True)
    findings = [_within(report, finding) for report, scan in scans for finding in scan.findings]
    families = frozenset[str]().union(*(report.families for report in reports))
    subject = Subject(name=first.subject.name, digest=NO_DIGEST, config=NO_DIGEST, platform="")
    return replace(
        first,
        subject=subject,
        coverage=Coverage(families=families),
        findings=tuple(sorted(findings, key=order)),
        suppressed=tuple(one for scan in (first, *more) for one in scan.suppressed),
    )


def names_of(report: Report) -> tuple[CollectionName, ...]:
    """The image names under which the report knows what it is of, without tags; each once."""
    image = report.image or Image()
    refs = (_parsed(text) for text in (*image.names, *image.tags))
    return tuple(dict.fromkeys(ref.collection for ref in refs if ref))


def _known_name(report: Report) -> CollectionName:
    return next(iter(names_of(report)), NAMELESS)


def _undated(finding: Finding) -> Finding:
    return replace(finding, first_seen=None)


def _within(report: Report, finding: Finding) -> Finding:
    return replace(finding, path=": ".join(filter(None, (report.artifact, finding.path or finding.target))))


def _subject(image: Image, name: CollectionName) -> Subject:
    """With the digest of the manifest where the report knows exactly one; that it is true nobody says."""
    digests = {ref.digest for text in image.names if (ref := _parsed(text)) and ref.digest}
    digest = digests.pop() if len(digests) == 1 else NO_DIGEST
    return Subject(name=name, digest=digest, config=image.config or NO_DIGEST, platform=image.platform)


def _parsed(text: str) -> ImageRef | None:
    try:
        return ImageRef.parse(text)
    except InvalidName:
        return None
