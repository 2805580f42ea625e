"""What is made of rules once, and then used on many scans: each gate as a chain of small tests, waivers by id.

Making it costs more than most scans; so it is kept, by the identity of the rules, for as long as those live here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final, NamedTuple

from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.gate.patterns import fits_name, fits_path
from pytrust.scanner.gate.words import gate_words
from pytrust.scanner.purls import fits
from pytrust.scanner.rules import Action, Fix, GateRule, Policed, ScanRules, Waiver
from pytrust.scanner.severity import Severity
from pytrust.trust.names import CollectionName
from pytrust.trust.pins import matches

STRICTNESS: Final = {Action.DENY: 0, Action.WARN: 1, Action.AUDIT: 2}
_KEPT_MAX: Final = 256  # sets of rules and images; a host runs some dozens
_BANDS: Final = {Severity.CRITICAL: 100, Severity.HIGH: 89, Severity.MEDIUM: 69, Severity.LOW: 39}
"""The highest score of each severity, in tenths (CVSS 3.1, section 5): a finding without a score may have it."""

Test = Callable[[Finding], bool]


class Gate(NamedTuple):
    """One rule, ready: ``tests`` have all to hold. ``rule`` is None for the one on undecided severities."""

    action: Action
    tests: tuple[Test, ...]
    words: str
    over: int = 0
    rule: GateRule | None = None

    def fits(self, finding: Finding) -> bool:
        """Whether the rule is about this finding."""
        for test in self.tests:  # noqa: SIM110 - a generator costs three times as much
            if not test(finding):
                return False
        return True


class Plan(NamedTuple):
    """``gates`` are strictest first; below ``floor`` no finding of a decided severity fits any of them."""

    gates: tuple[Gate, ...]
    floor: Severity
    undecided: bool
    waivers: dict[str, tuple[Waiver, ...]]


_Key = tuple[int, int, CollectionName, date]
_kept: dict[_Key, tuple[ScanRules, tuple[Waiver, ...], Plan]] = {}


def plan_for(policed: Policed, today: date) -> Plan:
    """The plan for these rules, this image and this day (UTC), on which graces end."""
    key = (id(policed.rules), id(policed.waivers), policed.image, today)
    found = _kept.get(key)
    if found and found[0] is policed.rules and found[1] is policed.waivers:
        return found[2]
    while len(_kept) >= _KEPT_MAX:
        _kept.pop(next(iter(_kept)), None)
    plan = _make(policed, today)
    _kept[key] = (policed.rules, policed.waivers, plan)  # held, so that no other rules can come to the same identity
    return plan


def _make(policed: Policed, today: date) -> Plan:
    gates = [_gate(rule, today) for rule in policed.rules.gates]
    asked = {rule.kind for rule in policed.rules.gates} | {Kind.VULNERABILITY}
    if policed.rules.unknown is not None:
        where = f" ({policed.rules.where})" if policed.rules.where else ""
        tests: tuple[Test, ...] = (lambda one: one.severity is Severity.UNKNOWN, lambda one: one.kind in asked)
        gates.append(Gate(policed.rules.unknown, tests, f"unknown_severity {policed.rules.unknown}{where}"))
    gates.sort(key=lambda gate: STRICTNESS[gate.action])
    floors = [rule.severity for rule in policed.rules.gates]
    waivers: dict[str, tuple[Waiver, ...]] = {}
    for waiver in policed.waivers:
        if matches(waiver.match, policed.image):
            waivers.update({name: (*waivers.get(name, ()), waiver) for name in waiver.ids})
    return Plan(
        tuple(gates),
        min((floor or Severity.UNKNOWN for floor in floors), default=Severity.CRITICAL),
        policed.rules.unknown is not None or None in floors,
        waivers,
    )


def _gate(rule: GateRule, today: date) -> Gate:
    return Gate(rule.action, tuple(_tests(rule, today)), gate_words(rule), rule.over, rule)


def _tests(rule: GateRule, today: date) -> list[Test]:
    kind = rule.kind
    tests: list[Test] = [_severity(rule.severity)] if rule.severity is not None else []
    tests.append(lambda one: one.kind is kind)
    if rule.fix is not Fix.ANY:
        wanted = rule.fix is Fix.AVAILABLE
        tests.append(lambda one: bool(one.fixed) is wanted)
    return [*tests, *_risks(rule), *_ages(rule, today), *_selectors(rule)]


def _severity(least: Severity) -> Test:
    return lambda one: one.severity >= least


def _risks(rule: GateRule) -> list[Test]:
    tests: list[Test] = []
    if (cvss := rule.cvss) is not None:
        tests.append(lambda one: (one.cvss if one.cvss is not None else _BANDS.get(one.severity, 0)) >= cvss)
    if (epss := rule.epss) is not None:
        tests.append(lambda one: one.epss is not None and one.epss >= epss)
    if rule.kev:
        tests.append(lambda one: one.kev)
    if rule.ransomware:
        tests.append(lambda one: one.ransomware)
    return tests


def _ages(rule: GateRule, today: date) -> list[Test]:
    """A day that is not known is long ago."""
    tests: list[Test] = []
    if rule.age is not None:
        published = _before(today, rule.age)
        tests.append(lambda one: one.published is None or one.published <= published)
    if rule.seen is not None:
        seen = _before(today, rule.seen)
        tests.append(lambda one: one.first_seen is None or one.first_seen <= seen)
    return tests


def _before(today: date, days: int) -> date:
    return today - timedelta(days=min(days, (today - date.min).days))


def _selectors(rule: GateRule) -> list[Test]:
    tests: list[Test] = []
    if rule.ids:
        ids = frozenset(rule.ids)
        tests.append(lambda one: one.id in ids)
    if rule.families:
        families = frozenset(rule.families)
        tests.append(lambda one: one.family in families)
    if rule.ecosystems:
        ecosystems = frozenset(rule.ecosystems)
        tests.append(lambda one: one.ecosystem in ecosystems)
    if rule.categories:
        categories = frozenset(rule.categories)
        tests.append(lambda one: one.category in categories)
    if rule.packages or rule.paths or rule.purls:
        tests.append(lambda one: placed(one, rule.packages, rule.paths, rule.purls))
    return tests


def placed(finding: Finding, packages: tuple[str, ...], paths: tuple[str, ...], purls: tuple[str, ...]) -> bool:
    """Whether the finding lies where all that is given says; nothing given asks for nothing."""
    return (
        (not packages or any(fits_name(pattern, finding.package) for pattern in packages))
        and (not paths or any(fits_path(pattern, finding.path or finding.target) for pattern in paths))
        and (not purls or any(fits(finding.purl, pattern) for pattern in purls))
    )
