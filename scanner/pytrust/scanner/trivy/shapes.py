"""Those parts of Trivy's findings that pytrust judges by, and behind ``At length`` those that it shows.

Everything is optional: Trivy leaves out what is empty, and came to most fields over the years (``model`` has all
of them). What is not named here is not decoded. Texts that end up in a ``Finding`` have a limit.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Raw

from pytrust.scanner.limits import TEXT_MAX_CHARS
from pytrust.scanner.trivy.keys import Spellings

Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX_CHARS)] | None
Loose = str | int | float | bool | list[Raw] | dict[str, Raw] | None
"""Anything, where a value that is no good is remarked on and not refused."""
NOTHING: Final = Raw(b"null")


class _Shape(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """A part of a report."""


class Vulnerability(_Shape, frozen=True, gc=False, rename="pascal"):
    """Trivy's ``DetectedVulnerability``."""

    id: Text = msgspec.field(name="VulnerabilityID", default=None)
    pkg_name: Text = None
    installed_version: Text = None
    fixed_version: Text = None
    status: Text = None
    severity: Text = None
    severity_source: Text = None
    vendor_severity: Raw = NOTHING
    scores: Raw = msgspec.field(name="CVSS", default=NOTHING)
    identifier: Raw = msgspec.field(name="PkgIdentifier", default=NOTHING)
    pkg_path: Text = None
    published_date: Text = None


class VulnerabilityAtLength(Vulnerability, frozen=True, gc=False, rename="pascal"):
    """With what people read."""

    title: str | None = None
    description: str | None = None
    primary_url: str | None = msgspec.field(name="PrimaryURL", default=None)
    references: list[str] | None = None


class Misconfiguration(_Shape, frozen=True, gc=False, rename="pascal"):
    """Trivy's ``DetectedMisconfiguration``; ``AVDID`` is its older name for the id."""

    id: Text = msgspec.field(name="ID", default=None)
    avd_id: Text = msgspec.field(name="AVDID", default=None)
    severity: Text = None
    status: Text = None


class MisconfigurationAtLength(Misconfiguration, frozen=True, gc=False, rename="pascal"):
    """With what people read."""

    title: str | None = None
    description: str | None = None
    message: str | None = None
    resolution: str | None = None
    primary_url: str | None = msgspec.field(name="PrimaryURL", default=None)
    references: list[str] | None = None


class Secret(_Shape, frozen=True, gc=False, rename="pascal"):
    """Trivy's ``DetectedSecret``; what was found is not read, its neighbours may be secrets that nobody masked."""

    id: Text = msgspec.field(name="RuleID", default=None)
    category: Text = None
    severity: Text = None


class SecretAtLength(Secret, frozen=True, gc=False, rename="pascal"):
    """With what people read."""

    title: str | None = None
    start_line: int | float | None = None


class License(_Shape, frozen=True, gc=False, rename="pascal"):
    """Trivy's ``DetectedLicense``."""

    id: Text = msgspec.field(name="Name", default=None)
    category: Text = None
    severity: Text = None
    pkg_name: Text = None
    file_path: Text = None


class LicenseAtLength(License, frozen=True, gc=False, rename="pascal"):
    """With what people read."""

    link: str | None = None


class Modified(_Shape, frozen=True, gc=False, rename="pascal"):
    """Trivy's ``ModifiedFinding``: one that was left out of the others; ``type`` says what ``finding`` is."""

    type: Text = None
    status: Text = None
    statement: str | None = None
    source: str | None = None
    finding: Raw = NOTHING


def spellings(shape: type[msgspec.Struct]) -> Spellings:
    """The names that are read of an object of this shape."""
    return Spellings(*(field.encode_name for field in msgspec.structs.fields(shape)))


SCORE: Final = Spellings("V2Score", "V3Score", "V40Score")
IDENTIFIER: Final = Spellings("PURL")
SOURCES: Final = Spellings()  # of CVSS and VendorSeverity: names of sources, of which none is special
