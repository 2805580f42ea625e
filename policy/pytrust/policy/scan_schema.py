"""The shapes of ``images[].scan`` and of ``exceptions`` in the policy file. Pure.

What a shape cannot say (patterns, dates that there are, fields that go with a kind) is checked by ``scan_rules``.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pytrust.scanner.finding import Kind
from pytrust.scanner.rules import Fix

RULES_MAX: Final = 64  # of one action of one image rule; each is held against every finding
WORDS_MAX: Final = 256  # values of one key
ID_MAX_CHARS: Final = 256  # the longest of Trivy's are names of licences
WILDCARDS_MAX: Final = 8  # of one pattern; the gate's time grows with their number
REASON_MAX_CHARS: Final = 1000  # shown on one line of a table
OWNER_MAX_CHARS: Final = 200  # an address
OVER_MAX: Final = 1_000_000  # findings

_PATTERN: Final = "an image name in full, without tag: * stands for a part between slashes, ** for any rest"
Texts = str | Annotated[list[str], Meta(min_length=1, max_length=WORDS_MAX)]
_Families = Literal["os-pkgs", "lang-pkgs", "config", "secret", "license", "license-file", "custom"]
_END: Final = r"$(?!\n)"  # in Python, $ also stands before a newline at the end
_AGE: Final = f"^([1-9][0-9]{{0,2}}d|[1-9][0-9]{{0,3}}h){_END}"
_DAYS: Final = f"^[1-9][0-9]{{0,3}}d{_END}"
_DATE: Final = f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_END}"
_CVSS: Final = rf"^(10(\.0)?|[0-9](\.[0-9])?){_END}"
_EPSS: Final = rf"^(1(\.0{{1,5}})?|0(\.[0-9]{{1,5}})?){_END}"
_DIGEST: Final = f"^sha256:[0-9a-f]{{64}}{_END}"
# Not only spaces; no control characters, other ends of lines, or marks that turn the direction of writing.
_LINE: Final = rf"^(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*{_END}"
Outcome = Literal["deny", "warn", "note", "ignore"]


class _Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping whose keys are all known."""


class GateEntry(_Shape, frozen=True, kw_only=True):
    """What a finding has to have, all of it, for a rule to fit."""

    kind: Annotated[Kind, Meta(description="what was looked for")] = Kind.VULNERABILITY
    severity: (
        Annotated[Literal["low", "medium", "high", "critical"], Meta(description="this one, or worse")] | UnsetType
    ) = UNSET
    fix: Annotated[Fix, Meta(description="whether a version with a fix is named")] = Fix.ANY
    cvss: (
        Annotated[float, Meta(ge=0, le=10, description="the base score, at least; one decimal")]
        | Annotated[str, Meta(pattern=_CVSS, description="a score from 0 to 10, as 7.5")]
        | UnsetType
    ) = UNSET
    age: Annotated[str, Meta(pattern=_DAYS, description="published this long ago, in days: 90d")] | UnsetType = UNSET
    seen: Annotated[str, Meta(pattern=_DAYS, description="first seen here this long ago, in days: 14d")] | UnsetType = (
        UNSET
    )
    epss: (
        Annotated[float, Meta(ge=0, le=1, description="how likely it is exploited, at least; five decimals")]
        | Annotated[str, Meta(pattern=_EPSS, description="a share from 0 to 1, as 0.25")]
        | UnsetType
    ) = UNSET
    kev: Annotated[bool, Meta(description="only what is known to be exploited")] = False
    ransomware: Annotated[bool, Meta(description="only what ransomware is known to use")] = False
    id: Annotated[Texts, Meta(description="exactly one of these")] | UnsetType = UNSET
    classes: Annotated[
        _Families | Annotated[list[_Families], Meta(min_length=1, max_length=WORDS_MAX)] | UnsetType,
        Meta(description="the class of the result: exactly one of these"),
    ] = msgspec.field(name="class", default=UNSET)
    type: Annotated[Texts, Meta(description="the type of the result: exactly one of these")] | UnsetType = UNSET
    package: Annotated[Texts, Meta(description="patterns for names of packages")] | UnsetType = UNSET
    path: Annotated[Texts, Meta(description="patterns for paths within the image")] | UnsetType = UNSET
    purl: Annotated[Texts, Meta(description="package URLs; what is left out may be anything")] | UnsetType = UNSET
    category: Annotated[Texts, Meta(description="of a licence or a secret: exactly one of these")] | UnsetType = UNSET
    over: Annotated[
        int, Meta(ge=0, le=OVER_MAX, description="the rule has an effect where more findings than this fit")
    ] = 0


Gates = GateEntry | Annotated[list[GateEntry], Meta(min_length=1, max_length=RULES_MAX)]


class ScanSection(_Shape, frozen=True, kw_only=True):
    """What holds for the signed scan of an image."""

    required: Annotated[bool, Meta(description="an image without a scan is denied")] = True
    max_age: Annotated[str, Meta(pattern=_AGE, description="of the scan and its database: 7d, or 36h")] | UnsetType = (
        UNSET
    )
    max_database_age: (
        Annotated[str, Meta(pattern=_AGE, description="of its database alone: 3d, or 36h")] | UnsetType
    ) = UNSET
    fail_on: Annotated[Gates, Meta(description="findings that deny")] | UnsetType = UNSET
    warn_on: Annotated[Gates, Meta(description="findings that a client is told of")] | UnsetType = UNSET
    note_on: Annotated[Gates, Meta(description="findings that are written into the journal")] | UnsetType = UNSET
    end_of_life: Annotated[Outcome, Meta(description="nobody looks after the distribution any more")] = "warn"
    unknown_severity: Annotated[Outcome, Meta(description="nobody has decided how bad a finding is")] = "warn"
    incomplete: Annotated[Outcome, Meta(description="not known whether all that is asked for was looked for")] = "warn"
    suppressed: Annotated[Literal["judge", "accept"], Meta(description="what the scanner was told to leave out")] = (
        "judge"
    )
    vex: Annotated[Literal["accept", "ignore"], Meta(description="signed VEX")] = "accept"
    since: (
        Annotated[str, Meta(pattern=_DATE, description="a day: what was first seen before it passes: 2026-11-01")]
        | UnsetType
    ) = UNSET


class ExceptionEntry(_Shape, frozen=True, kw_only=True):
    """Findings that pass, until a day, because somebody answers for it."""

    id: Annotated[Texts, Meta(description="exactly one of these: the finding, and its other names")]
    reason: Annotated[
        str, Meta(pattern=_LINE, max_length=REASON_MAX_CHARS, description="why: one line that says something")
    ]
    owner: Annotated[
        str, Meta(pattern=_LINE, max_length=OWNER_MAX_CHARS, description="who answers for it: a name or an address")
    ]
    expires: Annotated[str, Meta(pattern=_DATE, description="a date, its last day in UTC: 2026-12-31")]
    match: Annotated[str, Meta(description=_PATTERN)] = "**"
    image: (
        Annotated[str, Meta(pattern=_DIGEST, description="one image alone, by its digest: sha256: and 64 hex digits")]
        | UnsetType
    ) = UNSET
    kind: Annotated[Kind, Meta(description="what was looked for")] | UnsetType = UNSET
    purl: Annotated[Texts, Meta(description="package URLs; what is left out may be anything")] | UnsetType = UNSET
    package: Annotated[Texts, Meta(description="patterns for names of packages")] | UnsetType = UNSET
    path: Annotated[Texts, Meta(description="patterns for paths within the image")] | UnsetType = UNSET
    until_fixed: Annotated[bool, Meta(description="it ends where a version with a fix is named")] = False
