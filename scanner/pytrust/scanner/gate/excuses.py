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
    """The claims on each id, as they stand. Done for every verdict; few of them are asked for then."""
    found: dict[str, list[Claim]] = {}
    for claim in claims.claims:
        for name in claim.ids:
            found.setdefault(name, []).append(claim)
    return found


def excusing_claim(finding: Finding, claims: Iterable[Claim]) -> Claim | None:
    """The claim that says that the finding does not matter; None where the last that fits says otherwise.

    Of two at one moment the one that stands later counts.
    """
    fitting = [claim for claim in claims if placed(finding, (), (), claim.purls)]
    last = max(reversed(fitting), key=_moment, default=None)
    return last if last is not None and last.status in _EXCUSING else None


def claim_words(claim: Claim) -> str:
    """``VEX not_affected, component_not_present: ...``."""
    parts = [f"VEX {claim.status}", shown(claim.justification)]
    text = f": {shown(claim.text)}" if claim.text else ""
    return f"{', '.join(part for part in parts if part)}{text}"


def _moment(claim: Claim) -> datetime:
    return claim.at or _LONG_AGO


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
