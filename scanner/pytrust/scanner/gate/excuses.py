"""Why a finding does not count after all: signed VEX says so, or somebody answers for it in the policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final

from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.finding import Finding
from pytrust.scanner.gate.plan import placed
from pytrust.scanner.gate.words import shown
from pytrust.scanner.rules import Waiver
from pytrust.scanner.scan import Subject

_EXCUSING: Final = frozenset({Status.NOT_AFFECTED, Status.FIXED})
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def claims_by_id(claims: Claims) -> dict[str, list[Claim]]:
    """The claims on each id, the last first: of two at one moment, the one that stands later counts."""
    found: dict[str, list[Claim]] = {}
    for claim in sorted(claims.claims, key=lambda one: one.at or _LONG_AGO):
        for name in claim.ids:
            found.setdefault(name, []).insert(0, claim)
    return found


def excusing_claim(finding: Finding, claims: Iterable[Claim]) -> Claim | None:
    """The claim that says that the finding does not matter; None where the last that fits says otherwise."""
    for claim in claims:
        if placed(finding, (), (), claim.purls):
            return claim if claim.status in _EXCUSING else None
    return None


def claim_words(claim: Claim) -> str:
    """``VEX not_affected, component_not_present: ...``."""
    parts = [f"VEX {claim.status}", shown(claim.justification)]
    text = f": {shown(claim.text)}" if claim.text else ""
    return f"{', '.join(part for part in parts if part)}{text}"


def holds(waiver: Waiver, today: date) -> bool:
    """Until the end of its day, UTC."""
    return today <= waiver.expires


def covers(waiver: Waiver, finding: Finding, subject: Subject) -> bool:
    """Whether a waiver on this id is about this finding in this image, whenever."""
    return (
        waiver.digest in {None, subject.digest}
        and waiver.kind in {None, finding.kind}
        and not (waiver.until_fixed and finding.fixed)
        and placed(finding, waiver.packages, waiver.paths, waiver.purls)
    )
