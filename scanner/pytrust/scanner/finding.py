"""One finding, of whatever kind, as everything after the parser knows it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

import msgspec

from pytrust.scanner.severity import Severity


class Kind(StrEnum):
    """What was looked for."""

    VULNERABILITY = "vulnerability"
    MISCONFIGURATION = "misconfiguration"
    SECRET = "secret"  # noqa: S105 - a word of reports
    LICENSE = "license"


class Key(NamedTuple):
    """What makes a finding the same in two scans; the version of the package is no part of it."""

    kind: Kind
    id: str
    package: str
    place: str


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A finding. Texts are as the report spells them (hostile until they are shown), empty where it has none.

    Attributes:
        id: of a vulnerability (``CVE-2024-1234``), a check, a rule, or the name of a licence.
        severity: ``UNKNOWN`` where the report has none.
        package: its name; empty where the finding is none of a package.
        version: of the package, as installed.
        fixed: versions that have a fix, separated by commas.
        status: Trivy's word: ``affected``, ``fixed``, ``will_not_fix``, ``end_of_life``, ...
        purl: of the package; empty where the report's is no valid one (package-url specification).
        path: the file within the image.
        family: the class of the result: ``os-pkgs``, ``lang-pkgs``, ``config``, ``secret``, ``license``, ...
        ecosystem: the type of the result: ``debian``, ``npm``, ``dockerfile``, ...
        target: what the report calls the place; display only.
        category: of a licence (``forbidden``, ``notice``, ...) or of a secret.
        cvss: the base score in tenths, 0 to 100.
        published: when the vulnerability became public.
        first_seen: when a signed scan of this image name had it first.
        epss: how likely it is exploited within 30 days (FIRST), in hundred-thousandths.
        kev: it is known to be exploited (CISA's catalogue).
        ransomware: and used by ransomware (the same).
    """

    kind: Kind = Kind.VULNERABILITY
    id: str = ""
    severity: Severity = Severity.UNKNOWN
    package: str = ""
    version: str = ""
    fixed: str = ""
    status: str = ""
    purl: str = ""
    path: str = ""
    family: str = ""
    ecosystem: str = ""
    target: str = ""
    category: str = ""
    cvss: int | None = None
    published: date | None = None
    first_seen: date | None = None
    epss: int | None = None
    kev: bool = False
    ransomware: bool = False

    @property
    def fixable(self) -> bool:
        """Whether a version with a fix is named; never of a status that says that there is none."""
        return bool(self.fixed)

    @property
    def key(self) -> Key:
        """The same in every scan."""
        return Key(self.kind, self.id, self.package, self.path or self.target if not self.package else self.path)


class Suppressed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A finding that the scanner left out, because a file told it to; ``source`` names that file."""

    finding: Finding
    status: str = ""
    source: str = ""
    statement: str = ""
