"""Why a finding does not count after all: signed VEX says so, or somebody answers for it in the policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final

from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.finding import Finding
from pytrust.scanner.gate.plan import placed
from pytrust.scanner.gate.words import shown
from pytrust.scanner.purls import Package, fits, package_of
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


class Sayings:
    """The claims on one id, by the packages that they are about: some list thousands, and as many findings may ask."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._ranked = sorted(claims, key=_moment)[::-1]  # the last first; of equals, too
        self._places: dict[Package | None, list[tuple[int, str]]] = {}
        for rank, claim in enumerate(self._ranked):
            if not claim.purls:
                self._places.setdefault(None, []).append((rank, ""))
            for purl in claim.purls:
                if package := package_of(purl):
                    self._places.setdefault(package, []).append((rank, purl))

    def excusing(self, finding: Finding) -> Claim | None:
        """The claim that says that the finding does not matter; None where the last that fits says otherwise.

        Of two at one moment the one that stands later counts.
        """
        package = package_of(finding.purl)
        places = {None, package, package._replace(version=None) if package else None}
        ranks = (self._first(finding, self._places.get(place, ())) for place in places)
        last = min((rank for rank in ranks if rank is not None), default=None)
        return None if last is None or self._ranked[last].status not in _EXCUSING else self._ranked[last]

    def _first(self, finding: Finding, listed: Iterable[tuple[int, str]]) -> int | None:
        return next((rank for rank, purl in listed if not purl or fits(finding.purl, purl)), None)


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
