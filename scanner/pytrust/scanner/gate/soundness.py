"""What is to be said against a scan itself, whatever it found: too old, of too little, by nobody's proof.

Nothing that is not known is taken for a yes: where a gate asks for what was not looked for, the gate's own action
follows; where it is not known whether it was looked for, ``ScanRules.incomplete``, but never more than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from pytrust.scanner.finding import Kind
from pytrust.scanner.gate.plan import STRICTNESS
from pytrust.scanner.gate.words import NOUNS, gate_words, moment, span
from pytrust.scanner.rules import Action, Fix, GateRule, ScanRules
from pytrust.scanner.scan import Scan
from pytrust.scanner.severity import Severity
from pytrust.scanner.verdict import Objection
from pytrust.trust.limits import CLOCK_TOLERANCE

_EVIDENCE: Final = {
    Kind.VULNERABILITY: frozenset({"os-pkgs", "lang-pkgs"}),
    Kind.MISCONFIGURATION: frozenset({"config"}),
    Kind.SECRET: frozenset({"secret"}),
    Kind.LICENSE: frozenset({"license", "license-file"}),
}
"""Classes of results that only somebody who looked can have."""
_AGAIN: Final = "scan again: pytrust scan run IMAGE"
_COMPLETE: Final = "scan with pytrust scan run, which pins the arguments and signs them"
_LISTS: Final = "have it looked up when the scan is added: pytrust scan run, or scan add, with --epss FILE --kev FILE"
_NO_EPSS: Final = "no EPSS list was at hand"
_NO_KEV: Final = "no list of exploited vulnerabilities was at hand"


def clocks(scan: Scan, rules: ScanRules) -> Iterator[datetime]:
    """When each clock runs out that the rules set."""
    if rules.max_age is not None:
        yield _add(scan.scanned_at, rules.max_age)
    if (limit := _database_limit(rules)) is not None and scan.database.updated_at is not None:
        yield _add(scan.database.updated_at, limit)


def fresh_until(scan: Scan, rules: ScanRules) -> datetime | None:
    """When the first clock runs out; None where the rules set none."""
    return min(clocks(scan, rules), default=None)


def objections(scan: Scan, rules: ScanRules, now: datetime) -> list[Objection]:
    """All of them."""
    return [*_ages(scan, rules, now), *_coverage(scan, rules), *_rest(scan, rules)]


def _ages(scan: Scan, rules: ScanRules, now: datetime) -> Iterator[Objection]:
    database = _named("max_age" if rules.database_max_age is None else "max_database_age", rules)
    limits = {
        "the scan": (scan.scanned_at, rules.max_age, _named("max_age", rules)),
        "its database": (scan.database.updated_at, _database_limit(rules), database),
    }
    for thing, (at, limit, rule) in limits.items():
        if at is not None and at > _add(now, CLOCK_TOLERANCE):
            yield _stale(f"{thing} is from the future, {moment(at)}", rule)
        elif limit is not None and at is None:
            text = "it is not known how old the scanner's database was"
            hint = "say it: pytrust scan add --db-updated TIME, or let pytrust scan run ask the scanner"
            yield Objection("no-database-date", Action.DENY, text, rule, hint)
        elif limit is not None and at is not None and now >= _add(at, limit):
            yield _stale(f"{thing} is {span(now - at)} old, of {span(limit)} that are allowed", rule)


def _coverage(scan: Scan, rules: ScanRules) -> Iterator[Objection]:
    if not scan.coverage.families:
        known = scan.coverage.kinds is not None
        text = "the scanner recognised nothing in the image that it could examine"
        action = rules.incomplete if known else Action.DENY
        if action is not None:
            yield Objection("nothing-examined", action, text, _named("incomplete", rules), _COMPLETE)
    for text, gates in _lacking(scan, rules).items():
        hint = _LISTS if text in {_NO_EPSS, _NO_KEV} else _COMPLETE
        yield Objection("not-looked-for", _strictest(gates), text, gate_words(_first(gates)), hint)
    yield from _undecided(scan, rules)
    for text, gates in _unsure(scan, rules).items():
        if rules.incomplete is not None:
            action = max(rules.incomplete, _strictest(gates), key=STRICTNESS.__getitem__)
            yield Objection("may-be-incomplete", action, text, _named("incomplete", rules), _COMPLETE)


def _lacking(scan: Scan, rules: ScanRules) -> dict[str, list[GateRule]]:
    """What is known to be missing, and who asks for it."""
    found: dict[str, list[GateRule]] = {}
    coverage, feeds = scan.coverage, scan.feeds
    for gate in rules.gates:
        missing = {
            f"{NOUNS[gate.kind]} were not looked for": coverage.kinds is not None and gate.kind not in coverage.kinds,
            "findings without a fix were left out": coverage.unfixed is False and _asks_unfixed(gate),
            _NO_EPSS: gate.epss is not None and feeds.epss is None,
            _NO_KEV: (gate.kev or gate.ransomware) and feeds.kev is None,
            _cut_words(cut := _cut(scan, gate)): bool(cut),
        }
        for text, is_so in missing.items():
            if is_so:
                found.setdefault(text, []).append(gate)
    return found


def _undecided(scan: Scan, rules: ScanRules) -> Iterator[Objection]:
    """To deny what nobody has decided, one has to be told of it; a mere warning is not worth another one."""
    there = scan.coverage.severities
    if rules.unknown is Action.DENY and there is not None and Severity.UNKNOWN not in there:
        text = _cut_words((Severity.UNKNOWN,))
        yield Objection("not-looked-for", Action.DENY, text, _named("unknown_severity", rules), _COMPLETE)


def _unsure(scan: Scan, rules: ScanRules) -> dict[str, list[GateRule]]:
    """What may be missing, and who asks for it."""
    found: dict[str, list[GateRule]] = {}
    coverage = scan.coverage
    for gate in rules.gates:
        seen = coverage.families & _EVIDENCE[gate.kind]
        unsure = {
            f"it is not known whether {NOUNS[gate.kind]} were looked for": coverage.kinds is None and not seen,
            "it is not known which severities the report was to have": coverage.severities is None,
            "it is not known whether findings without a fix were left out": coverage.unfixed is None
            and _asks_unfixed(gate),
            "the scanner was told to leave findings out by a file": bool(coverage.files),
        }
        for text, is_so in unsure.items():
            if is_so:
                found.setdefault(text, []).append(gate)
    return found


def _rest(scan: Scan, rules: ScanRules) -> Iterator[Objection]:
    if scan.system.ended and rules.ended is not None:
        text = "nobody looks after the distribution in the image any more: what is found in it from now on stays"
        yield Objection("system-ended", rules.ended, text, _named("end_of_life", rules), "build on a newer release")
    if not scan.bound:
        text = "only the word of whoever added it says that the report is of this image"
        yield Objection("not-bound", Action.WARN, text, _named("scan", rules), _AGAIN)


def _asks_unfixed(gate: GateRule) -> bool:
    return gate.kind is Kind.VULNERABILITY and gate.fix is not Fix.AVAILABLE


def _cut(scan: Scan, gate: GateRule) -> tuple[Severity, ...]:
    """Severities that the gate asks for, and the report could not have."""
    if (there := scan.coverage.severities) is None:
        return ()
    least = gate.severity if gate.severity is not None else Severity.UNKNOWN
    return tuple(severity for severity in sorted(Severity, reverse=True) if severity >= least and severity not in there)


def _cut_words(cut: Iterable[Severity]) -> str:
    return f"findings of severity {', '.join(severity.word for severity in cut)} were not asked for"


def _stale(text: str, rule: str) -> Objection:
    return Objection("stale-scan", Action.DENY, text, rule, _AGAIN)


def _named(word: str, rules: ScanRules) -> str:
    return f"{word} ({rules.where})" if rules.where else word


def _strictest(gates: list[GateRule]) -> Action:
    return min((gate.action for gate in gates), key=STRICTNESS.__getitem__)


def _first(gates: list[GateRule]) -> GateRule:
    return min(gates, key=lambda gate: STRICTNESS[gate.action])


def _database_limit(rules: ScanRules) -> timedelta | None:
    return rules.database_max_age if rules.database_max_age is not None else rules.max_age


def _add(at: datetime, length: timedelta) -> datetime:
    """Never beyond what a date can be."""
    try:
        return at + length
    except OverflowError:
        return datetime.max.replace(tzinfo=at.tzinfo)
