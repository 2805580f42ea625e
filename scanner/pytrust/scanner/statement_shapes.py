"""The shape of the signed document ``pytrust-scan/1``. Pure.

It is an object; findings stand in it by place and package, so that one takes some 60 bytes:

    "places": [[family, ecosystem, target, [[package, version, purl, path, [finding, ...]], ...]], ...]
    finding:  [id, kind, severity, fixed, status, category, cvss, published, first seen, epss, flags]

Kinds, severities and flags (1: known to be exploited, 2: by ransomware) are numbers, days are counted as by
``date.toordinal``, what is not known is null.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from pytrust.scanner.finding import Kind
from pytrust.scanner.limits import DATABASE_VERSION_MAX, REPORT_MAX_BYTES

KINDS: Final = (Kind.VULNERABILITY, Kind.MISCONFIGURATION, Kind.SECRET, Kind.LICENSE)
KEV, RANSOMWARE = 1, 2
_Day = Annotated[int, Meta(ge=1, le=date.max.toordinal())]
_Moment = Annotated[datetime, Meta(tz=True)]


class Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One finding of a package."""

    id: str
    kind: Annotated[int, Meta(ge=0, lt=len(KINDS))]
    severity: Annotated[int, Meta(ge=0, le=4)]
    fixed: str
    status: str
    category: str
    cvss: Annotated[int, Meta(ge=0, le=100)] | None
    published: _Day | None
    first_seen: _Day | None
    epss: Annotated[int, Meta(ge=0, le=100_000)] | None
    flags: Annotated[int, Meta(ge=0, le=KEV | RANSOMWARE)]


class Package(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One version of a package at one place, with what was found in it; or what is found in no package."""

    name: str
    version: str
    purl: str
    path: str
    findings: tuple[Row, ...]


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One result of the report: its class, its type and its target."""

    family: str
    ecosystem: str
    target: str
    packages: tuple[Package, ...]


class LeftOut(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A suppressed finding, alone in its place."""

    place: Place
    status: str
    source: str
    statement: str


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object of the document: what is as usual is left out."""


class SubjectPart(_Part, frozen=True, kw_only=True):
    """``scan.Subject``; ``manifest`` and ``config`` are digests."""

    name: str
    manifest: str
    config: str
    platform: str


class ScannerPart(_Part, frozen=True, kw_only=True):
    """``scan.Scanner``."""

    name: str
    version: str = ""
    arguments: tuple[str, ...] | None = None
    binary: str | None = None


class DatabasePart(_Part, frozen=True, kw_only=True):
    """``scan.Database``."""

    version: Annotated[int, Meta(ge=0, le=DATABASE_VERSION_MAX)] = 0
    updated_at: _Moment | None = None
    asserted: bool = False


class CoveragePart(_Part, frozen=True, kw_only=True):
    """``scan.Coverage``; everything sorted."""

    kinds: tuple[Kind, ...] | None = None
    severities: tuple[Annotated[int, Meta(ge=0, le=4)], ...] | None = None
    unfixed: bool | None = None
    classes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    asserted: bool = False


class SourcePart(_Part, frozen=True, kw_only=True):
    """``scan.Source``."""

    digest: str
    length: Annotated[int, Meta(ge=0, le=REPORT_MAX_BYTES)]
    id: str = ""
    created_at: _Moment | None = None


class Document(_Part, frozen=True, kw_only=True):
    """The whole. ``system`` is family, name, and whether its time is over."""

    format: Literal["pytrust-scan/1"]
    subject: SubjectPart
    scanned_at: _Moment
    source: SourcePart
    scanner: ScannerPart
    database: DatabasePart = DatabasePart()
    coverage: CoveragePart = CoveragePart()
    system: tuple[str, str, bool] = ("", "", False)
    epss: _Day | None = None
    kev: _Day | None = None
    bound: bool = True
    places: tuple[Place, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
