"""What came of judging a scan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pytrust.scanner.finding import Finding
from pytrust.scanner.rules import Action, Waiver


class Standing(StrEnum):
    """What one finding comes to."""

    DENIED = "denied"
    WARNED = "warned"
    AUDITED = "audited"
    WAIVED = "waived"
    NOT_AFFECTED = "not-affected"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Judged:
    """One finding; ``rule`` is the rule, waiver or claim that decided, in words with its place.

    ``until`` is the last day of a waiver.
    """

    finding: Finding
    standing: Standing
    rule: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Objection:
    """Something about the scan itself, or a group of findings: ``text`` is one line, ``hint`` the way out.

    ``code`` is stable: ``stale-scan``, ``no-database-date``, ``not-looked-for``, ``findings``, ``system-ended``, ...
    """

    code: str
    action: Action
    text: str
    rule: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``action`` is the strictest of all objections, None where there are none; ``judged`` is in the order of the scan.

    ``ended`` and ``unused`` are waivers whose time is over, and those for this image that fitted nothing.
    """

    action: Action | None
    objections: tuple[Objection, ...] = ()
    judged: tuple[Judged, ...] = ()
    ended: tuple[Waiver, ...] = ()
    unused: tuple[Waiver, ...] = ()

    @property
    def denied(self) -> bool:
        """Whether the image may not run."""
        return self.action is Action.DENY
