"""From a report to the scan that is signed: which moments and which coverage it may claim, and what is added. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from msgspec.structs import replace

from pytrust.scanner.errors import BadReport, StaleScan
from pytrust.scanner.feeds import Epss, Exploited
from pytrust.scanner.finding import Finding, Key, Kind
from pytrust.scanner.report import Report
from pytrust.scanner.scan import Coverage, Database, Feeds, Scan, Scanner, Source, Subject, order
from pytrust.scanner.severity import Severity
from pytrust.trust.limits import CLOCK_TOLERANCE


@dataclass(frozen=True, slots=True)
class Said:
    """What the report does not say: by the operator, or, with ``recorded``, by whoever ran the scanner here.

    Moments are UTC; None leaves it to the report, and ``kinds`` and ``severities`` unknown.
    """

    scanned_at: datetime | None = None
    database_at: datetime | None = None
    database_version: int = 0
    kinds: frozenset[Kind] | None = None
    severities: frozenset[Severity] | None = None
    unfixed: bool | None = None
    scanner: Scanner | None = None
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Lists:
    """What findings are looked up in; None where it is not at hand."""

    epss: Epss | None = None
    exploited: Exploited | None = None


def make_scan(  # noqa: PLR0913 - everything that a scan is made of
    report: Report,
    source: Source,
    subject: Subject,
    said: Said,
    *,
    lists: Lists,
    history: Mapping[Key, date],
    now: datetime,
    bound: bool = True,
) -> Scan:
    """The scan of ``subject``; ``history`` is when signed scans of this image name had each finding first.

    Raises:
        BadReport: nobody says when the scan was made.
        StaleScan: it, or its database, is from the future; or a moment is given that the report contradicts.
    """
    scanned_at = _moment(report, said, now)
    today = scanned_at.date()
    return Scan(
        subject=subject,
        scanned_at=scanned_at,
        source=source,
        scanner=said.scanner or Scanner(version=report.version),
        database=_database(report, said, now),
        coverage=_coverage(report, said),
        system=report.system,
        feeds=Feeds(epss=lists.epss.day if lists.epss else None, kev=lists.exploited.day if lists.exploited else None),
        bound=bound,
        findings=tuple(sorted((_joined(one, lists, history, today) for one in report.findings), key=order)),
        suppressed=tuple(
            replace(one, finding=_joined(one.finding, lists, history, today)) for one in report.suppressed
        ),
    )


def first_seen(scans: Iterable[Scan]) -> dict[Key, date]:
    """When each finding was seen first, by the scans of one image name."""
    found: dict[Key, date] = {}
    for scan in scans:
        for finding in (*scan.findings, *(one.finding for one in scan.suppressed)):
            day = finding.first_seen or scan.scanned_at.date()
            found[finding.key] = min(day, found.get(finding.key, day))
    return found


def _moment(report: Report, said: Said, now: datetime) -> datetime:
    """Never later than the report says; without a word of either there is no scan."""
    told, given = report.created_at, said.scanned_at
    if told is None and given is None:
        raise BadReport(
            "the report does not say when the scan was made (Trivy does since 0.48)",
            hint="say it: pytrust scan add --scanned-at 2026-11-30T06:00Z",
        )
    if told and given and given > told:
        raise StaleScan(f"the scan was made at {told:%Y-%m-%d %H:%M} UTC, by the report, and not later")
    moment = min(at for at in (told, given) if at)
    return _past(moment, "the scan", now)


def _database(report: Report, said: Said, now: datetime) -> Database:
    """The older of what both say."""
    told = report.database
    if said.database_at is None:
        if told.updated_at is not None:
            _past(told.updated_at, "the scanner's database", now)
        return told
    given = _past(said.database_at, "the scanner's database", now)
    if told.updated_at is not None and told.updated_at <= given:
        return told
    return Database(version=said.database_version or told.version, updated_at=given, asserted=not said.recorded)


def _past(moment: datetime, thing: str, now: datetime) -> datetime:
    if moment > now + CLOCK_TOLERANCE:
        raise StaleScan(
            f"{thing} is from the future: {moment:%Y-%m-%d %H:%M} UTC",
            hint="set the clock of this machine, or of the one that scanned",
        )
    return moment


def _coverage(report: Report, said: Said) -> Coverage:
    told = (said.kinds, said.severities, said.unfixed)
    return Coverage(
        kinds=said.kinds,
        severities=said.severities,
        unfixed=said.unfixed,
        families=report.families,
        asserted=not said.recorded and any(one is not None for one in told),
    )


def _joined(finding: Finding, lists: Lists, history: Mapping[Key, date], today: date) -> Finding:
    exploited = lists.exploited
    published = finding.published
    return replace(
        finding,
        published=published if published and published <= today else None,  # from the future: as if it were not known
        first_seen=min(history.get(finding.key, today), today),
        epss=lists.epss.chance(finding.id) if lists.epss else None,
        kev=exploited is not None and finding.id in exploited.ids,
        ransomware=exploited is not None and finding.id in exploited.ransomware,
    )
