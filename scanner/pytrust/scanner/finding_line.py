"""A finding as a line of a sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.report import Detail
from pytrust.scanner.sheet import Line, Mark

Details = Mapping[tuple[Kind, str], Detail]

NO_DETAILS: Final[Details] = MappingProxyType({})
RANK: Final[Mapping[Mark, int]] = MappingProxyType({mark: place for place, mark in enumerate(Mark)})
"""The order of showing."""
_UNKNOWN: Final = Detail()
_HUNDREDTH: Final = 1000  # of EPSS, which is counted in hundred-thousandths


def finding_line(finding: Finding, mark: Mark, why: str, details: Details = NO_DETAILS) -> Line:
    """One finding; what the lists know of it follows ``why``."""
    detail = details.get((finding.kind, finding.id), _UNKNOWN)
    return Line(
        id=finding.id,
        mark=mark,
        severity=finding.severity,
        title=detail.title,
        subject=finding.package or finding.target or finding.path,
        version=finding.version,
        fixed=finding.fixed,
        place=finding.path or finding.target,
        links=detail.links,
        why="; ".join(filter(None, (why, *_signs(finding)))),
        hint=detail.hint,
        text=detail.text,
        kind=finding.kind,
        score=finding.cvss,
    )


def _signs(finding: Finding) -> Iterator[str]:
    if finding.kev:
        yield "known to be exploited, also by ransomware" if finding.ransomware else "known to be exploited"
    if finding.epss is not None:
        yield f"EPSS {finding.epss / _HUNDREDTH:.1f} %"
    if finding.first_seen:
        yield f"first seen {finding.first_seen:%Y-%m-%d}"
