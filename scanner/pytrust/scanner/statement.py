"""A scan as bytes: what is signed about an image. One canonical spelling, strict JSON in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Final

import msgspec

from pytrust.scanner.finding import Finding, Suppressed
from pytrust.scanner.scan import (
    Coverage,
    Database,
    Feeds,
    Scan,
    Scanner,
    Source,
    Subject,
    System,
    order,
)
from pytrust.scanner.severity import Severity
from pytrust.scanner.statement_shapes import (
    KEV,
    KINDS,
    RANSOMWARE,
    CoveragePart,
    DatabasePart,
    Document,
    LeftOut,
    Package,
    Place,
    Row,
    ScannerPart,
    SourcePart,
    SubjectPart,
)
from pytrust.trust.errors import BadContent, InvalidName, UsageError
from pytrust.trust.limits import STATEMENT_MAX_BYTES
from pytrust.trust.names import Digest, parse_collection

FORMAT: Final = "pytrust-scan/1"
_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Document)


def encode_scan(scan: Scan) -> bytes:
    """The document.

    Raises:
        UsageError: it has more bytes than may be signed.
    """
    data = _spell(scan)
    if len(data) > STATEMENT_MAX_BYTES:
        count = len(scan.findings) + len(scan.suppressed)
        raise UsageError(
            f"a scan with {count} findings takes {len(data)} bytes, of {STATEMENT_MAX_BYTES} that may be signed",
            hint="scan for less, and let the policy ask for no more: pytrust scan add --scanners vuln",
        )
    return data


def decode_scan(data: bytes, what: str) -> Scan:
    """Read a document; ``what`` names it in errors.

    Raises:
        BadContent: it is none, or is spelled otherwise than ``encode_scan`` does.
    """
    if len(data) > STATEMENT_MAX_BYTES:
        raise _no_scan(what, f"it is larger than {STATEMENT_MAX_BYTES} bytes")
    try:
        scan = _scan(_decoder.decode(data))
        same = _spell(scan) == data
    except (msgspec.MsgspecError, InvalidName, RecursionError, UnicodeError, OverflowError) as error:
        raise _no_scan(what, str(error).partition("\n")[0][:200]) from error
    if not same:
        raise _no_scan(what, "it is not in the one spelling that is signed")
    return scan


def _no_scan(what: str, reason: str) -> BadContent:
    shown = reason if reason.isprintable() else repr(reason)[1:-1]
    return BadContent(f"{what} is no {FORMAT}: {shown}", hint="scan again: pytrust scan run IMAGE")


def _spell(scan: Scan) -> bytes:
    try:
        return _encoder.encode(_document(scan))
    except UnicodeEncodeError as error:
        raise BadContent("a scan holds half a character", hint="mend the report") from error


def _document(scan: Scan) -> Document:
    subject, scanner, source = scan.subject, scan.scanner, scan.source
    return Document(
        format=FORMAT,
        subject=SubjectPart(
            name=subject.name, manifest=str(subject.digest), config=str(subject.config), platform=subject.platform
        ),
        scanned_at=scan.scanned_at.astimezone(UTC),
        source=SourcePart(
            digest=str(source.digest), length=source.length, id=source.id, created_at=_utc(source.created_at)
        ),
        scanner=ScannerPart(
            name=scanner.name,
            version=scanner.version,
            arguments=scanner.arguments,
            binary=str(scanner.binary) if scanner.binary else None,
        ),
        database=DatabasePart(
            version=scan.database.version,
            updated_at=_utc(scan.database.updated_at),
            asserted=scan.database.asserted,
        ),
        coverage=_coverage(scan.coverage),
        system=(scan.system.family, scan.system.name, scan.system.ended),
        epss=_ordinal(scan.feeds.epss),
        kev=_ordinal(scan.feeds.kev),
        bound=scan.bound,
        places=tuple(_places(scan.findings)),
        left_out=tuple(_left_out(one) for one in scan.suppressed),
    )


def _coverage(coverage: Coverage) -> CoveragePart:
    return CoveragePart(
        kinds=None if coverage.kinds is None else tuple(sorted(coverage.kinds)),
        severities=None if coverage.severities is None else tuple(sorted(map(int, coverage.severities))),
        unfixed=coverage.unfixed,
        classes=tuple(sorted(coverage.families)),
        files=tuple(map(str, coverage.files)),
        asserted=coverage.asserted,
    )


def _places(findings: Iterable[Finding]) -> Iterator[Place]:
    """Sorted by place and package, and within one in the order of ``scan.order``."""
    ordered = sorted(sorted(findings, key=order), key=lambda one: (_place_of(one), _package_of(one)))
    for place, rest in groupby(ordered, key=_place_of):
        packages = groupby(rest, key=_package_of)
        yield Place(*place, tuple(Package(*package, tuple(map(_row, found))) for package, found in packages))


def _place_of(finding: Finding) -> tuple[str, str, str]:
    return finding.family, finding.ecosystem, finding.target


def _package_of(finding: Finding) -> tuple[str, str, str, str]:
    return finding.package, finding.version, finding.purl, finding.path


def _row(finding: Finding) -> Row:
    return Row(
        finding.id,
        KINDS.index(finding.kind),
        int(finding.severity),
        finding.fixed,
        finding.status,
        finding.category,
        finding.cvss,
        _ordinal(finding.published),
        _ordinal(finding.first_seen),
        finding.epss,
        KEV * finding.kev + RANSOMWARE * finding.ransomware,
    )


def _left_out(one: Suppressed) -> LeftOut:
    return LeftOut(next(_places([one.finding])), one.status, one.source, one.statement)


def _scan(document: Document) -> Scan:
    subject, scanner, source, coverage = document.subject, document.scanner, document.source, document.coverage
    family, name, ended = document.system
    return Scan(
        subject=Subject(
            name=parse_collection(subject.name),
            digest=Digest.parse(subject.manifest),
            config=Digest.parse(subject.config),
            platform=subject.platform,
        ),
        scanned_at=document.scanned_at,
        source=Source(
            digest=Digest.parse(source.digest), length=source.length, id=source.id, created_at=source.created_at
        ),
        scanner=Scanner(
            name=scanner.name,
            version=scanner.version,
            arguments=scanner.arguments,
            binary=Digest.parse(scanner.binary) if scanner.binary is not None else None,
        ),
        database=Database(
            version=document.database.version,
            updated_at=document.database.updated_at,
            asserted=document.database.asserted,
        ),
        coverage=Coverage(
            kinds=None if coverage.kinds is None else frozenset(coverage.kinds),
            severities=None if coverage.severities is None else frozenset(map(Severity, coverage.severities)),
            unfixed=coverage.unfixed,
            families=frozenset(coverage.classes),
            files=tuple(map(Digest.parse, coverage.files)),
            asserted=coverage.asserted,
        ),
        system=System(family=family, name=name, ended=ended),
        feeds=Feeds(epss=_day(document.epss), kev=_day(document.kev)),
        bound=document.bound,
        findings=tuple(sorted(_findings(document.places), key=order)),
        suppressed=tuple(_suppressed(document.left_out)),
    )


def _findings(places: Iterable[Place]) -> Iterator[Finding]:
    for place in places:
        for package in place.packages:
            for row in package.findings:
                yield _finding(place, package, row)


def _finding(place: Place, package: Package, row: Row) -> Finding:
    return Finding(
        kind=KINDS[row.kind],
        id=row.id,
        severity=Severity(row.severity),
        package=package.name,
        version=package.version,
        fixed=row.fixed,
        status=row.status,
        purl=package.purl,
        path=package.path,
        family=place.family,
        ecosystem=place.ecosystem,
        target=place.target,
        category=row.category,
        cvss=row.cvss,
        published=_day(row.published),
        first_seen=_day(row.first_seen),
        epss=row.epss,
        kev=bool(row.flags & KEV),
        ransomware=bool(row.flags & RANSOMWARE),
    )


def _suppressed(left_out: Iterable[LeftOut]) -> Iterator[Suppressed]:
    for one in left_out:
        for finding in _findings([one.place]):
            yield Suppressed(finding=finding, status=one.status, source=one.source, statement=one.statement)


def _ordinal(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def _day(ordinal: int | None) -> date | None:
    return None if ordinal is None else date.fromordinal(ordinal)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
