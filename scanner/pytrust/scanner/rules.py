"""What is acceptable: rules on findings, on the scan itself, and the waivers that somebody answers for. Values."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

import msgspec

from pytrust.scanner.finding import Kind
from pytrust.scanner.severity import Severity
from pytrust.trust.names import CollectionName, Digest


class Action(StrEnum):
    """What follows; the strictest of all that fit. ``AUDIT`` is only written down."""

    DENY = "deny"
    WARN = "warn"
    AUDIT = "audit"


class Fix(StrEnum):
    """Whether a version with a fix has to be there for a rule to fit."""

    ANY = "any"
    AVAILABLE = "available"
    NONE = "none"


class _Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Hashable, so that what is made of rules is made once. ``where`` names the line of the policy file."""


class GateRule(_Rule, frozen=True, kw_only=True):
    """Fits a finding that has everything which is given here; empty tuples and None ask for nothing.

    Attributes:
        severity: at least; a finding of severity ``UNKNOWN`` is ``ScanRules.unknown``'s business.
        cvss: at least, in tenths; a finding without a score fits by its severity (CVSS 3.1, section 5).
        age: days since it was published, at least; where that is not known, it is old.
        seen: days since it was first seen here, at least; where that is not known, it is old.
        epss: at least, in hundred-thousandths; an id that is in no list does not fit.
        ids: exactly one of these.
        families, ecosystems, categories: exactly one of these.
        packages, paths: patterns; ``*`` is any text, in paths within one part, where ``**`` is any text.
        purls: package URLs; what they leave out (version, qualifiers) may be anything.
        over: the rule has an effect only where more findings than this fit.
    """

    action: Action = Action.DENY
    kind: Kind = Kind.VULNERABILITY
    severity: Severity | None = None
    fix: Fix = Fix.ANY
    cvss: int | None = None
    age: int | None = None
    seen: int | None = None
    epss: int | None = None
    kev: bool = False
    ransomware: bool = False
    ids: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    ecosystems: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    purls: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    over: int = 0
    where: str = ""


class ScanRules(_Rule, frozen=True, kw_only=True):
    """What holds for the scan of an image.

    Attributes:
        required: an image without a scan is denied.
        max_age: of the scan, and of its database where ``database_max_age`` gives no other; None asks for neither.
        gates: rules on findings.
        ended: what follows where the distribution's time is over.
        unknown: what follows from a finding whose severity nobody has decided; None leaves it to ``gates``.
        incomplete: what follows where it is not known whether everything that ``gates`` ask for was looked for; where
            it is known that it was not, that is a denial.
        suppressed: findings that the scanner was told to leave out are judged like all others.
        vex: signed VEX counts.
        since: findings first seen before this day pass: a baseline.
    """

    required: bool = True
    max_age: timedelta | None = None
    database_max_age: timedelta | None = None
    gates: tuple[GateRule, ...] = ()
    ended: Action | None = None
    unknown: Action | None = Action.WARN
    incomplete: Action | None = Action.WARN
    suppressed: bool = True
    vex: bool = True
    since: date | None = None
    where: str = ""


class Waiver(_Rule, frozen=True, kw_only=True):
    """An exception: findings called ``ids`` pass until the end of the day ``expires`` (UTC), for images that fit.

    ``match`` is a pattern for image names as in ``trust.pins.matches``; ``digest`` one image alone. What ``purls``,
    ``packages`` and ``paths`` name has to fit; a finding without a purl fits no purl. ``until_fixed``: it ends where a
    version with a fix is named.
    """

    ids: tuple[str, ...]
    reason: str
    owner: str
    expires: date
    match: str = "**"
    digest: Digest | None = None
    kind: Kind | None = None
    purls: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    until_fixed: bool = False
    where: str = ""


class Policed(_Rule, frozen=True, kw_only=True):
    """What one image is judged by: its rules, and every waiver of the policy."""

    image: CollectionName
    rules: ScanRules
    waivers: tuple[Waiver, ...] = ()
