"""What is signed of one scan: the image, how it was looked at, and everything that was found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import msgspec

from pytrust.scanner.finding import Finding, Kind, Suppressed
from pytrust.scanner.severity import Severity
from pytrust.trust.names import CollectionName, Digest


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of ``Scan``. Moments are UTC."""


class Subject(_Part, frozen=True, kw_only=True):
    """One image of one platform: ``digest`` of its manifest, ``config`` of its configuration; ``linux/arm64/v8``."""

    name: CollectionName
    digest: Digest
    config: Digest
    platform: str


class Scanner(_Part, frozen=True, kw_only=True):
    """The program: ``arguments`` as it was called, None where that is not known; ``binary`` is the file's sha256."""

    name: str = "trivy"
    version: str = ""
    arguments: tuple[str, ...] | None = None
    binary: Digest | None = None


class Database(_Part, frozen=True, kw_only=True):
    """The vulnerability database; ``asserted``: the operator says so, and not the scanner."""

    version: int = 0
    updated_at: datetime | None = None
    asserted: bool = False


class Coverage(_Part, frozen=True, kw_only=True):
    """What was looked for. None means that it is not known.

    ``severities``: the only ones that the report may have; ``unfixed``: whether findings without a fix are in it;
    ``families`` are the classes of its results; ``files``: the sha256 of ignore files and the like that were in force;
    ``asserted``: the operator says so.
    """

    kinds: frozenset[Kind] | None = None
    severities: frozenset[Severity] | None = None
    unfixed: bool | None = None
    families: frozenset[str] = frozenset()
    files: tuple[Digest, ...] = ()
    asserted: bool = False


class System(_Part, frozen=True, kw_only=True):
    """The distribution in the image; ``ended``: nobody looks after that release any more."""

    family: str = ""
    name: str = ""
    ended: bool = False


class Source(_Part, frozen=True, kw_only=True):
    """The report itself: sha256 and length in bytes of what was read, its own id, and the moment that it claims."""

    digest: Digest
    length: int
    id: str = ""
    created_at: datetime | None = None


class Feeds(_Part, frozen=True, kw_only=True):
    """The days of the lists that findings were looked up in; None where they were not."""

    epss: date | None = None
    kev: date | None = None


class Scan(_Part, frozen=True, kw_only=True):
    """A scan. ``findings`` are sorted worst first (``order``); ``scanned_at`` is never later than the report says.

    ``bound``: False where only the operator says that the report is of this image.
    """

    subject: Subject
    scanned_at: datetime
    source: Source
    scanner: Scanner = Scanner()
    database: Database = Database()
    coverage: Coverage = Coverage()
    system: System = System()
    feeds: Feeds = Feeds()
    bound: bool = True
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()

    def counts(self) -> Mapping[Severity, int]:
        """How many findings of each severity, worst first."""
        return {
            severity: sum(finding.severity is severity for finding in self.findings)
            for severity in sorted(Severity, reverse=True)
        }


def order(finding: Finding) -> tuple[object, ...]:
    """Sort key: worst first, fixable first, then by what it is in; the same for no two that differ in what is shown."""
    what = (finding.kind, finding.package, finding.version, finding.id, finding.path, finding.target)
    return (-finding.severity, not finding.fixable, *what, finding.fixed, finding.purl)
