"""Trivy's words and figures as pytrust knows them. What is no good is None; the caller remarks on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Final

from pytrust.scanner.severity import Severity
from pytrust.scanner.trivy.shapes import Loose

_WORDS: Final = {severity.name: severity for severity in Severity}
_FIRST_DAY: Final = date(1980, 1, 1)  # nothing was published before; Go writes the year 1 for no time at all
_LAST_DAY: Final = date(2100, 1, 1)  # a vulnerability of the year 9999 would be new for ever
_BEST: Final = 10  # CVSS 3.1, section 5
_SCORES: Final = (("V3Score", "V40Score"), ("V2Score",))
_NVD: Final = "nvd"
_DAY_CHARS: Final = len("2024-05-31")

Scores = Mapping[str, Mapping[str, Loose] | None]
"""Trivy's ``CVSS``: by source, and there by ``V2Score``, ``V3Score``, ``V40Score``."""


def severity(word: str) -> Severity | None:
    """One of Trivy's five words, exactly, or the empty one, which Trivy takes for ``UNKNOWN``."""
    return _WORDS.get(word) if word else Severity.UNKNOWN


def vendor_severity(vendors: Mapping[str, Loose], source: str | None) -> Severity | None:
    """What ``source`` says, or else the worst that anybody says: Trivy's own fallback where there is no word."""
    known = {vendor: found for vendor, value in vendors.items() if (found := _number_of(value)) is not None}
    return known.get(source or "", max(known.values(), default=None))


def odd_vendors(vendors: Mapping[str, Loose]) -> bool:
    """Whether there are some whose value is none of Trivy's five numbers."""
    return any(_number_of(value) is None for value in vendors.values())


def base_score(scores: Scores, source: str | None, odd: list[str]) -> int | None:
    """The CVSS base score in tenths: of ``source``, of the NVD, or the highest; of version 2 where there is no other.

    A score of 0 is no score: Trivy leaves those out, so it stands there for one that was lost. Names of scores that
    are none and were passed over on the way are added to ``odd``.
    """
    for names in _SCORES:
        for preferred in (source, _NVD):
            one = scores.get(preferred) if preferred else None
            if one and (found := _highest(one, names, odd)):
                return found
        if found := max((_highest(one, names, odd) for one in scores.values() if one), default=0):
            return found
    return None


def day(text: str) -> date | None:
    """The day of an RFC 3339 moment, as it is written."""
    if len(text) <= _DAY_CHARS or text[4] != "-" or text[7] != "-" or text[10] not in "Tt ":
        return None
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return found if _FIRST_DAY <= found < _LAST_DAY else None


def moment(text: str) -> datetime | None:
    """An RFC 3339 moment in UTC, to the microsecond; None where it is none, or Go's for no time at all."""
    if text[10:11] not in {"T", "t", " "}:
        return None
    try:
        found = datetime.fromisoformat(text).astimezone(UTC) if _has_zone(text) else None
    except (ValueError, OverflowError):
        return None
    return found if found and found.date() >= _FIRST_DAY else None


def _has_zone(text: str) -> bool:
    return text[-1:] in {"Z", "z"} or text[-6:-5] in {"+", "-"}


def _number_of(value: Loose) -> Severity | None:
    """Trivy's number of a severity; other programs write 3 as 3.0."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value in range(len(Severity)):
        return Severity(int(value))
    return None


def _highest(scores: Mapping[str, Loose], names: Iterable[str], odd: list[str]) -> int:
    """In tenths; 0 where there is none."""
    best = 0
    for name in names:
        if value := scores.get(name):
            if isinstance(value, (int, float)) and value is not True and 0 < value <= _BEST:
                best = max(best, round(value * _BEST))
            else:
                odd.append(name)
    return best
