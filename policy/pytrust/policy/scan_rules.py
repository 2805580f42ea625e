"""``images[].scan`` and ``exceptions``: from the shapes of ``scan_schema`` to the scanner's own rules. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal

from msgspec import UNSET, UnsetType

from pytrust.policy.blame import Blame
from pytrust.policy.pattern import check_name_pattern, check_value_pattern
from pytrust.policy.scan_schema import (
    ID_MAX_CHARS,
    WILDCARDS_MAX,
    ExceptionEntry,
    GateEntry,
    Gates,
    Outcome,
    ScanSection,
)
from pytrust.policy.strictyaml import Path
from pytrust.scanner.finding import Kind
from pytrust.scanner.purls import check_pattern
from pytrust.scanner.rules import Action, Fix, GateRule, ScanRules, Waiver
from pytrust.scanner.severity import Severity
from pytrust.trust.errors import UsageError
from pytrust.trust.names import Digest

_ACTIONS: Final[Mapping[Outcome, Action | None]] = {
    "deny": Action.DENY,
    "warn": Action.WARN,
    "note": Action.AUDIT,
    "ignore": None,
}
_COMMON: Final = frozenset({"severity", "seen", "id", "class", "path"})
KEYS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.VULNERABILITY: _COMMON | {"fix", "cvss", "age", "epss", "kev", "ransomware", "type", "package", "purl"},
    Kind.MISCONFIGURATION: _COMMON | {"type"},
    Kind.SECRET: _COMMON | {"category"},
    Kind.LICENSE: _COMMON | {"package", "category"},
}
"""What a finding of each kind can have; a rule that asks for anything else would never fit."""

_CVSS_DECIMALS: Final = 1
_EPSS_DECIMALS: Final = 5


def scan_rules(entry: ScanSection, path: Path, blame: Blame) -> ScanRules:
    """The rules that stand at ``path``; raises ``UsageError`` with the line that is to blame."""
    return ScanRules(
        required=entry.required,
        max_age=_span(entry.max_age),
        database_max_age=_span(entry.max_database_age),
        gates=tuple(_gates(entry, path, blame)),
        ended=_ACTIONS[entry.end_of_life],
        unknown=_ACTIONS[entry.unknown_severity],
        incomplete=_ACTIONS[entry.incomplete],
        suppressed=entry.suppressed == "judge",
        vex=entry.vex == "accept",
        since=None if entry.since is UNSET else _day(entry.since, (*path, "since"), blame),
        where=blame.where(path),
    )


def waiver(entry: ExceptionEntry, path: Path, blame: Blame) -> Waiver:
    """The exception that stands at ``path``; raises ``UsageError`` with the line that is to blame."""
    with blame.at(*path, "match"):
        check_name_pattern(entry.match)
    return Waiver(
        ids=_texts(entry.id, _exact, (*path, "id"), blame),
        reason=entry.reason,
        owner=entry.owner,
        expires=_day(entry.expires, (*path, "expires"), blame),
        match=entry.match,
        digest=None if entry.image is UNSET else Digest.parse(entry.image),
        kind=None if entry.kind is UNSET else entry.kind,
        purls=_texts(entry.purl, check_pattern, (*path, "purl"), blame),
        packages=_texts(entry.package, _pattern, (*path, "package"), blame),
        paths=_texts(entry.path, _pattern, (*path, "path"), blame),
        until_fixed=entry.until_fixed,
        where=blame.where(path),
    )


def _gates(entry: ScanSection, path: Path, blame: Blame) -> Iterator[GateRule]:
    listed: tuple[tuple[Literal["fail_on", "warn_on", "note_on"], Gates | UnsetType, Action], ...] = (
        ("fail_on", entry.fail_on, Action.DENY),
        ("warn_on", entry.warn_on, Action.WARN),
        ("note_on", entry.note_on, Action.AUDIT),
    )
    for key, gates, action in listed:
        if isinstance(gates, GateEntry):
            yield _gate(gates, action, (*path, key), blame)
        elif gates is not UNSET:
            for index, gate in enumerate(gates):
                yield _gate(gate, action, (*path, key, index), blame)


def _gate(entry: GateEntry, action: Action, path: Path, blame: Blame) -> GateRule:
    _check_kind(entry, path, blame)
    return GateRule(
        action=action,
        kind=entry.kind,
        severity=None if entry.severity is UNSET else Severity[entry.severity.upper()],
        fix=entry.fix,
        cvss=_parts(entry.cvss, _CVSS_DECIMALS, (*path, "cvss"), blame),
        age=_days(entry.age),
        seen=_days(entry.seen),
        epss=_parts(entry.epss, _EPSS_DECIMALS, (*path, "epss"), blame),
        kev=entry.kev,
        ransomware=entry.ransomware,
        ids=_texts(entry.id, _exact, (*path, "id"), blame),
        families=_texts(entry.classes, _exact, (*path, "class"), blame),
        ecosystems=_texts(entry.type, _exact, (*path, "type"), blame),
        packages=_texts(entry.package, _pattern, (*path, "package"), blame),
        paths=_texts(entry.path, _pattern, (*path, "path"), blame),
        purls=_texts(entry.purl, check_pattern, (*path, "purl"), blame),
        categories=_texts(entry.category, _exact, (*path, "category"), blame),
        over=entry.over,
        where=blame.where(path),
    )


def _check_kind(entry: GateEntry, path: Path, blame: Blame) -> None:
    for key in _given(entry):
        if key not in KEYS[entry.kind]:
            with blame.at(*path, key):
                known = ", ".join(sorted(KEYS[entry.kind]))
                raise UsageError(f"a {entry.kind} has no {key}; it has: {known}", hint="leave it out, or change kind")


def _given(entry: GateEntry) -> Iterator[str]:
    """The keys that ask a finding for something."""
    if entry.fix is not Fix.ANY:
        yield "fix"
    for key in ("kev", "ransomware"):
        if getattr(entry, key):
            yield key
    for key in ("severity", "cvss", "age", "seen", "epss", "id", "type", "package", "path", "purl", "category"):
        if getattr(entry, key) is not UNSET:
            yield key
    if entry.classes is not UNSET:
        yield "class"


def _texts(
    value: str | Sequence[str] | UnsetType, read: Callable[[str], str], path: Path, blame: Blame
) -> tuple[str, ...]:
    """One text or a list of them, each as ``read`` spells it."""
    if value is UNSET:
        return ()
    if isinstance(value, str):
        with blame.at(*path):
            return (read(value),)
    texts = []
    for index, text in enumerate(value):
        with blame.at(*path, index):
            texts.append(read(text))
    return tuple(texts)


def _exact(text: str) -> str:
    if not text.strip() or len(text) > ID_MAX_CHARS or not text.isprintable():
        raise UsageError(f"{text[:60]!r} names nothing", hint=f"write 1 to {ID_MAX_CHARS} printable characters")
    if "*" in text:
        raise UsageError(f"{text[:60]!r} has a wildcard, and is compared as it is", hint="write it in full")
    return text


def _pattern(text: str) -> str:
    check_value_pattern(text, WILDCARDS_MAX)
    return text


def _parts(value: float | str | UnsetType, decimals: int, path: Path, blame: Blame) -> int | None:
    """A number in tenths, or smaller; a float is read as it is written, which fits its shortest spelling."""
    if value is UNSET:
        return None
    scaled = Decimal(str(value)).scaleb(decimals)
    if scaled != int(scaled):
        with blame.at(*path):
            many = "one decimal" if decimals == 1 else f"{decimals} decimals"
            raise UsageError(f"{value} has more than {many}", hint="round it")
    return int(scaled)


def _span(text: str | UnsetType) -> timedelta | None:
    if text is UNSET:
        return None
    number = int(text[:-1])
    return timedelta(days=number) if text[-1] == "d" else timedelta(hours=number)


def _days(text: str | UnsetType) -> int | None:
    return None if text is UNSET else int(text[:-1])


def _day(text: str, path: Path, blame: Blame) -> date:
    with blame.at(*path):
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise UsageError(f"there is no day {text}", hint="write it so: 2026-12-31") from error
