"""From Trivy's four kinds of findings to ours. A finding never disappears: what is odd about it is remarked on.

What is no finding: a misconfiguration that the check passed, or that an exception of the check's author covers.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.limits import PURL_MAX_CHARS, REMEMBERED_MAX, SCORES_MAX_BYTES
from pytrust.scanner.severity import Severity
from pytrust.scanner.trivy import shapes, values
from pytrust.scanner.trivy.fault import quoted
from pytrust.scanner.trivy.purl import identified, spelled
from pytrust.scanner.trivy.remarks import Remarks
from pytrust.scanner.trivy.small import Small

_NO_FINDING: Final = frozenset({"PASS", "EXCEPTION"})
_FAIL: Final = "FAIL"


class Where(NamedTuple):
    """The result that a finding is in."""

    target: str
    family: str
    ecosystem: str


class Spot(NamedTuple):
    """The JSON path of a list and a place in it; a path is made only where it is told."""

    items: str
    number: int

    def __str__(self) -> str:
        return f"{self.items}[{self.number}]"


Place = Spot | str


class Vulnerabilities:
    """Makes findings of vulnerabilities. Belongs to one reading."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._small = Small()
        self._purls: dict[bytes, str] = {}
        self._scores: dict[tuple[bytes, str | None], int | None] = {}

    def finding(self, item: shapes.Vulnerability, where: Where, spot: Place) -> Finding:
        """The finding."""
        if not item.id or not item.pkg_name:
            self._remarks.add("a vulnerability without an id or without a package", str(spot))
        return Finding(
            id=item.id or "",
            severity=self._severity(item, spot),
            package=item.pkg_name or "",
            version=item.installed_version or "",
            fixed=item.fixed_version or "",
            status=item.status or "",
            purl=self._purl(item.identifier, spot),
            path=item.pkg_path or "",
            family=where.family,
            ecosystem=where.ecosystem,
            target=where.target,
            cvss=self._score(item, spot),
            published=self._published(item.published_date, spot),
        )

    def _severity(self, item: shapes.Vulnerability, spot: Place) -> Severity:
        if item.severity is not None:
            return severity_of(item.severity, self._remarks, spot)
        vendors = self._small.vendors(bytes(item.vendor_severity), spot)
        if values.odd_vendors(vendors):
            self._remarks.add("a severity of a vendor that is none of Trivy's numbers", str(spot))
        found = values.vendor_severity(vendors, item.severity_source)
        if found is None:
            self._remarks.add("a finding without a severity", str(spot))
        return found or Severity.UNKNOWN

    def _score(self, item: shapes.Vulnerability, spot: Place) -> int | None:
        """Several packages have the same vulnerability, so what was read once is kept."""
        if item.scores is shapes.NOTHING:
            return None
        key = (text, source) = bytes(item.scores), item.severity_source
        if key in self._scores:
            return self._scores[key]
        odd: list[str] = []
        found = values.base_score(self._small.scores(text, spot), source, odd)
        for name in dict.fromkeys(odd):
            self._remarks.add(f"a {name} that CVSS does not have", str(spot))
        if not odd and len(self._scores) < REMEMBERED_MAX:
            self._scores[key] = found
        return found

    def _purl(self, raw: Raw, spot: Place) -> str:
        """Several vulnerabilities of one package are the rule, so what was read of a package is kept."""
        if raw is shapes.NOTHING:
            return ""
        found = self._purls.get(text := bytes(raw))
        if found is None:
            found = identified(text) or self._read_purl(text, spot)
            if len(self._purls) < REMEMBERED_MAX:
                self._purls[text] = found
        return found

    def _read_purl(self, text: bytes, spot: Place) -> str:
        large = len(text) > SCORES_MAX_BYTES
        purl = large or self._small.identifier(text, spot).get("PURL") or ""
        found = spelled(purl) if isinstance(purl, str) and len(purl) <= PURL_MAX_CHARS else ""
        if purl and not found:
            self._remarks.add("a package URL that is none, so no exception for one can apply", str(spot))
        return found

    def _published(self, text: str | None, spot: Place) -> date | None:
        if not text:
            return None
        found = values.day(text)
        if found is None:
            self._remarks.add("a day of publication that is none, so it counts as long ago", str(spot))
        return found


class Others:
    """Makes findings of what is no vulnerability."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks

    def misconfiguration(self, item: shapes.Misconfiguration, where: Where, spot: Place) -> Finding | None:
        """The finding, its path is the file; or None where the check was passed."""
        if item.status in _NO_FINDING:
            return None
        if item.status != _FAIL:
            self._remarks.add("a check that neither passed nor failed, which counts as failed", str(spot))
        found = self._finding(Kind.MISCONFIGURATION, item.id or item.avd_id, item.severity, where, spot)
        return msgspec.structs.replace(found, path=where.target, status=item.status or "")

    def secret(self, item: shapes.Secret, where: Where, spot: Place) -> Finding:
        """The finding; its path is the file."""
        found = self._finding(Kind.SECRET, item.id, item.severity, where, spot)
        return msgspec.structs.replace(found, path=where.target, category=item.category or "")

    def license(self, item: shapes.License, where: Where, spot: Place) -> Finding:
        """The finding; of a package, of a file, or of both."""
        found = self._finding(Kind.LICENSE, item.id, item.severity, where, spot)
        package, path = item.pkg_name or "", item.file_path or ""
        return msgspec.structs.replace(found, package=package, path=path, category=item.category or "")

    def _finding(self, kind: Kind, identity: str | None, severity: str | None, where: Where, spot: Place) -> Finding:
        if not identity:
            self._remarks.add(f"a {kind} without an id", str(spot))
        found = severity_of(severity, self._remarks, spot)
        target, family, ecosystem = where
        return Finding(kind=kind, id=identity or "", severity=found, family=family, ecosystem=ecosystem, target=target)


def severity_of(word: str | None, remarks: Remarks, spot: Place) -> Severity:
    """``UNKNOWN``, with a remark, where it is none of Trivy's words or missing."""
    if word is None:
        remarks.add("a finding without a severity", str(spot))
        return Severity.UNKNOWN
    found = values.severity(word)
    if found is None:
        remarks.add(f"the severity {quoted(word)} is none of Trivy's, so it counts as unknown", str(spot))
    return found or Severity.UNKNOWN
