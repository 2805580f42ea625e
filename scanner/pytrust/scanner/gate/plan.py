"""What is made of rules once, and then used on many scans: each gate as a chain of small tests, waivers by id.

Making it costs more than most scans; so it is kept, by the identity of the rules, for as long as those live here.
Findings go through a gate all at once, test by test: most are gone after the first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from operator import attrgetter
from typing import Any, Final, NamedTuple, assert_never

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

Test = Callable[[Finding], Any]
"""Its answer is taken for true or false."""
Pool = Mapping[Kind, Sequence[Finding]]
"""Findings by kind, worst first."""


class Gate(NamedTuple):
    """One rule, ready: of ``kinds``, at least ``least`` (None: any severity) or ``undecided`` alone, all ``tests``."""

    action: Action
    words: str
    kinds: tuple[Kind, ...]
    least: Severity | None = None
    undecided: bool = False
    tests: tuple[Test, ...] = ()
    over: int = 0

    def select(self, pool: Pool) -> list[Finding]:
        """The findings that it is about, worst first within a kind."""
        found = [finding for kind in self.kinds for finding in self._severe(pool.get(kind, ()))]
        for test in self.tests:
            found = list(filter(test, found))
        return found

    def _severe(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        if self.undecided:
            return findings[_count(findings, Severity.LOW) :]
        return findings if self.least is None else findings[: _count(findings, self.least)]


class Plan(NamedTuple):
    """``gates`` are strictest first, in the order of the rules among equals."""

    gates: tuple[Gate, ...]
    waivers: Mapping[str, tuple[Waiver, ...]]


_Key = tuple[int, int, CollectionName, date]
_kept: dict[_Key, tuple[ScanRules, tuple[Waiver, ...], Plan]] = {}


def plan_for(policed: Policed, today: date) -> Plan:
    """The plan for these rules, this image and this day (UTC), on which graces end."""
    key = (id(policed.rules), id(policed.waivers), policed.image, today)
    found = _kept.get(key)
    if found and found[0] is policed.rules and found[1] is policed.waivers:
        return found[2]
    if len(_kept) >= _KEPT_MAX:
        _kept.clear()  # in one step, whoever else is judging
    plan = _make(policed, today)
    _kept[key] = (policed.rules, policed.waivers, plan)  # held, so that no other rules can come to the same identity
    return plan


def _make(policed: Policed, today: date) -> Plan:
    rules = policed.rules
    gates = [_gate(rule, today) for rule in rules.gates]
    if rules.unknown is not None:
        asked = tuple(dict.fromkeys([Kind.VULNERABILITY, *(rule.kind for rule in rules.gates)]))
        where = f" ({rules.where})" if rules.where else ""
        gates.append(Gate(rules.unknown, f"unknown_severity {rules.unknown}{where}", asked, undecided=True))
    waivers: dict[str, tuple[Waiver, ...]] = {}
    for waiver in policed.waivers:
        if matches(waiver.match, policed.image):
            waivers.update({name: (*waivers.get(name, ()), waiver) for name in waiver.ids})
    return Plan(tuple(sorted(gates, key=lambda gate: STRICTNESS[gate.action])), waivers)


def _gate(rule: GateRule, today: date) -> Gate:
    tests = (*_fixes(rule), *_risks(rule), *_ages(rule, today), *_selectors(rule))
    return Gate(rule.action, gate_words(rule), (rule.kind,), rule.severity, tests=tests, over=rule.over)


def _count(findings: Sequence[Finding], least: Severity) -> int:
    """How many are at least that bad."""
    return bisect_right(findings, -least, key=lambda one: -one.severity)


def _fixes(rule: GateRule) -> list[Test]:
    match rule.fix:
        case Fix.ANY:
            return []
        case Fix.AVAILABLE:
            return [attrgetter("fixed")]
        case Fix.NONE:
            return [lambda one: not one.fixed]
        case _:
            assert_never(rule.fix)


def _risks(rule: GateRule) -> list[Test]:
    tests: list[Test] = []
    if (cvss := rule.cvss) is not None:
        tests.append(lambda one: (one.cvss if one.cvss is not None else _BANDS.get(one.severity, 0)) >= cvss)
    if (epss := rule.epss) is not None:
        tests.append(lambda one: one.epss is not None and one.epss >= epss)
    if rule.kev:
        tests.append(attrgetter("kev"))
    if rule.ransomware:
        tests.append(attrgetter("ransomware"))
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
