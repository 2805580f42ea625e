"""Rules, findings and ages in words: one line each, whatever a report or a policy put into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.rules import Action, Fix, GateRule, Waiver

_GROUPS: Final = 3  # packages that one objection lists; the rest is counted
_LOOKED_AT: Final = 32  # of the worst findings, for what a sentence lists
_IDS: Final = 3  # ids of one package
_TEXT_MAX_CHARS: Final = 60  # of a name, a version or an id in a sentence
_LIST_MAX_CHARS: Final = 300  # of what a sentence lists, but for its first; docker prints it on one line
_KEYS: Final = {Action.DENY: "fail_on", Action.WARN: "warn_on", Action.AUDIT: "note_on"}
NOUNS: Final = {
    Kind.VULNERABILITY: "vulnerabilities",
    Kind.MISCONFIGURATION: "misconfigurations",
    Kind.SECRET: "secrets",
    Kind.LICENSE: "licences",
}


def shown(text: str) -> str:
    """Outside text, safe in a sentence: printable, in one line, not long."""
    cut = _cut(text)
    return cut if cut.isprintable() else _cut(repr(cut)[1:-1])


def action_key(action: Action) -> str:
    """The word of the policy file for what a gate does."""
    return _KEYS[action]


def gate_words(gate: GateRule) -> str:
    """``fail_on severity high, fix available (policy.yaml:6)``."""
    parts = [f"kind {gate.kind}"] if gate.kind is not Kind.VULNERABILITY else []
    if gate.severity is not None:
        parts.append(f"severity {gate.severity.word}")
    if gate.fix is not Fix.ANY:
        parts.append(f"fix {gate.fix}")
    numbers = {"cvss": (gate.cvss, 10), "epss": (gate.epss, 100_000)}
    parts += [f"{key} {value / unit:g}" for key, (value, unit) in numbers.items() if value is not None]
    parts += [f"{key} {days}d" for key, days in (("age", gate.age), ("seen", gate.seen)) if days is not None]
    parts += [key for key in ("kev", "ransomware") if getattr(gate, key)]
    parts += [f"{key} {' or '.join(map(shown, values))}" for key, values in _selectors(gate) if values]
    if gate.over:
        parts.append(f"over {gate.over}")
    where = f" ({gate.where})" if gate.where else ""
    return f"{action_key(gate.action)} {', '.join(parts) or 'anything'}{where}"


def waiver_words(waiver: Waiver) -> str:
    """``exception of alice until 2026-12-31 (policy.yaml:20): not reachable``."""
    where = f" ({waiver.where})" if waiver.where else ""
    return f"exception of {shown(waiver.owner)} until {waiver.expires}{where}: {shown(waiver.reason)}"


def findings_words(findings: Sequence[Finding]) -> str:
    """The worst of them, a package at a time, and how many more there are."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings[:_LOOKED_AT]:
        groups.setdefault((finding.package, finding.version, finding.fixed, finding.path), []).append(finding)
    listed: list[str] = []
    left = len(findings)
    for group in islice(groups.values(), _GROUPS):
        words = _group_words(group)
        if listed and sum(map(len, listed)) + len(words) > _LIST_MAX_CHARS:
            break
        listed.append(words)
        left -= len(group)
    return "; ".join(listed) + (f"; and {left} more" if left else "")


def upgrade_words(findings: Sequence[Finding]) -> str:
    """What mends the worst of them, as far as versions with a fix are named; empty where none is."""
    fixes = dict.fromkeys((one.package, one.fixed) for one in findings[:_LOOKED_AT] if one.fixed and one.package)
    named = [f"{shown(package)} to {shown(fixed)}" for package, fixed in list(fixes)[:_GROUPS]]
    return f"upgrade {', '.join(named)}{' and more' if len(fixes) > len(named) else ''}" if named else ""


def span(length: timedelta) -> str:
    """``36 h`` or ``12 d``."""
    hours = int(length.total_seconds() // 3600)
    return f"{hours} h" if hours < 72 else f"{hours // 24} d"  # noqa: PLR2004 - three days are read better in days


def moment(at: datetime) -> str:
    """UTC, to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX_CHARS else f"{text[:_TEXT_MAX_CHARS]}..."


def _selectors(gate: GateRule) -> Iterable[tuple[str, tuple[str, ...]]]:
    yield "id", gate.ids
    yield "class", gate.families
    yield "type", gate.ecosystems
    yield "package", gate.packages
    yield "path", gate.paths
    yield "purl", gate.purls
    yield "category", gate.categories


def _group_words(group: list[Finding]) -> str:
    first = group[0]
    thing = " ".join(shown(text) for text in (first.package, first.version) if text) or shown(
        first.path or first.target
    )
    ids = list(dict.fromkeys(f"{shown(one.id) or 'without an id'} ({one.severity.word})" for one in group))
    more = f" and {len(ids) - _IDS} more" if len(ids) > _IDS else ""
    fixed = f", fixed in {shown(first.fixed)}" if first.fixed else ""
    return f"{thing}: {', '.join(ids[:_IDS])}{more}{fixed}" if thing else f"{', '.join(ids[:_IDS])}{more}"
