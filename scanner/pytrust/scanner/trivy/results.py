"""The results of one report: places that were looked at, and what was found there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from pytrust.scanner.finding import Finding, Kind, Suppressed
from pytrust.scanner.limits import FINDINGS_MAX
from pytrust.scanner.report import Detail
from pytrust.scanner.trivy import shapes
from pytrust.scanner.trivy.details import detail
from pytrust.scanner.trivy.document import Leaf
from pytrust.scanner.trivy.fault import Fault, quoted
from pytrust.scanner.trivy.findings import Others, Place, Spot, Vulnerabilities, Where
from pytrust.scanner.trivy.head import text
from pytrust.scanner.trivy.items import Items
from pytrust.scanner.trivy.keys import Member, Spellings, settle
from pytrust.scanner.trivy.remarks import Remarks

_LISTS: Final = {
    "Vulnerabilities": Kind.VULNERABILITY,
    "Misconfigurations": Kind.MISCONFIGURATION,
    "Secrets": Kind.SECRET,
    "Licenses": Kind.LICENSE,
}
_MODIFIED: Final = "ExperimentalModifiedFindings"
_SUMMARY: Final = "MisconfSummary"
_RESULT: Final = Spellings("Target", "Class", "Type", *_LISTS, _MODIFIED, _SUMMARY)
_SUMMARY_NAMES: Final = Spellings("Failures")
_SHAPES: Final[dict[Kind, tuple[type[msgspec.Struct], type[msgspec.Struct]]]] = {
    Kind.VULNERABILITY: (shapes.Vulnerability, shapes.VulnerabilityAtLength),
    Kind.MISCONFIGURATION: (shapes.Misconfiguration, shapes.MisconfigurationAtLength),
    Kind.SECRET: (shapes.Secret, shapes.SecretAtLength),
    Kind.LICENSE: (shapes.License, shapes.LicenseAtLength),
}
_SYSTEM_TARGET: Final = re.compile(r".* \([^()]+\)")  # "alpine:3.10 (alpine 3.10.2)", of Trivy 0.6

_Make = Callable[[Any, Where, Place], Finding | None]


class Results:
    """Reads results, and collects what they hold. Belongs to one report."""

    def __init__(self, remarks: Remarks, *, details: bool) -> None:
        self.findings: list[Finding] = []
        self.suppressed: list[Suppressed] = []
        self.details: dict[tuple[Kind, str], Detail] = {}
        self.families: set[str] = set()
        self._remarks = remarks
        self._with_details = details
        self._items: dict[Kind, Items[Any]] = {kind: Items(both[details], both[True]) for kind, both in _SHAPES.items()}
        self._modified = Items(shapes.Modified, shapes.Modified)
        others = Others(remarks)
        self._make: dict[Kind, _Make] = {
            Kind.VULNERABILITY: Vulnerabilities(remarks).finding,
            Kind.MISCONFIGURATION: others.misconfiguration,
            Kind.SECRET: others.secret,
            Kind.LICENSE: others.license,
        }

    def read(self, result: Mapping[Member, Leaf], place: str) -> None:
        """One result.

        Raises:
            Fault: it has more than one reading, or a part is not what it should be; there are too many findings.
        """
        members = settle(result, _RESULT, place)
        where = _where(members, place)
        if where.family:
            self.families.add(where.family)
        for name, kind in _LISTS.items():
            before = len(self.findings)
            self._read_list(kind, members, name, where, place)
            if kind is Kind.MISCONFIGURATION and _SUMMARY in members:
                self._compare(members[_SUMMARY], len(self.findings) - before, f"{place}.{_SUMMARY}")
        modified = self._bounded(members, _MODIFIED, place)
        for index, raw in enumerate(modified):
            self._read_modified(raw, where, Spot(f"{place}.{_MODIFIED}", index))

    def _read_list(self, kind: Kind, members: Mapping[str, Leaf], name: str, where: Where, place: str) -> None:
        items, read, make, found = f"{place}.{name}", self._items[kind].read, self._make[kind], self.findings
        for index, raw in enumerate(self._bounded(members, name, place)):
            spot = Spot(items, index)
            item = read(raw, spot)
            finding = make(item, where, spot)
            if finding is not None:
                found.append(finding)
                if self._with_details:
                    self._detail(finding, item)

    def _detail(self, finding: Finding, item: Any) -> None:  # noqa: ANN401
        key = (finding.kind, finding.id)
        if key not in self.details:
            self.details[key] = detail(item)

    def _read_modified(self, raw: Raw, where: Where, spot: Place) -> None:
        item, within = self._modified.read(raw, spot), f"{spot}.Finding"
        if item.type not in _SHAPES:
            raise Fault(f"a suppressed finding of the unknown type {quoted(item.type or '')}", f"{spot}.Type")
        kind = Kind(item.type)
        inner = self._items[kind].read(item.finding, within)
        finding = self._make[kind](inner, where, within)
        if finding is None:
            return
        source, statement = item.source or "", item.statement or ""
        self.suppressed.append(
            Suppressed(finding=finding, status=item.status or "", source=source, statement=statement)
        )
        if self._with_details:
            self._detail(finding, inner)

    def _bounded(self, members: Mapping[str, Leaf], name: str, place: str) -> list[Raw]:
        """A list of findings; null is an empty one."""
        value = members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Fault("expected a list", f"{place}.{name}")
        if len(self.findings) + len(self.suppressed) + len(value) > FINDINGS_MAX:
            raise Fault(f"it has more than {FINDINGS_MAX:,} findings", f"{place}.{name}")
        return value

    def _compare(self, summary: Leaf, failed: int, place: str) -> None:
        """The list counts; a summary that says something else is remarked on."""
        if summary is None:
            return
        raw = settle(summary, _SUMMARY_NAMES, place).get("Failures", shapes.NOTHING)
        if (msgspec.json.decode(raw, type=shapes.Loose) or 0) != failed:
            self._remarks.add(f"a summary that does not count {failed} failed checks", place)


def _where(members: Mapping[str, Leaf], place: str) -> Where:
    target, ecosystem = text(members, "Target", place), text(members, "Type", place)
    return Where(target, text(members, "Class", place) or _family(members, target), ecosystem)


def _family(members: Mapping[str, Leaf], target: str) -> str:
    """What the class would be: there was none before 0.19, when Trivy found nothing but vulnerabilities."""
    if not members.get("Vulnerabilities"):
        return ""
    return "os-pkgs" if _SYSTEM_TARGET.fullmatch(target) else "lang-pkgs"
