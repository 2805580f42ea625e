"""What a reviewer should know about the policy's rules on scans, and about its exceptions. Pure.

Said as ``lint`` says it: mistakes do not do what they seem to, risks do, and give something away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from msgspec.structs import replace

from pytrust.policy.core.rules import ImageRule, Policy
from pytrust.policy.pattern import meet
from pytrust.policy.scan_rules import KEYS
from pytrust.scanner.finding import Kind
from pytrust.scanner.rules import Action, GateRule, ScanRules, Waiver

EXCEPTION_MAX: Final = timedelta(days=400)  # a year, and time to renew it: longer ones are forgotten
_CVE: Final = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}")
# Trivy's classes of results; "custom" is of any kind, by a module of one's own.
_FAMILIES: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.VULNERABILITY: frozenset({"os-pkgs", "lang-pkgs", "custom"}),
    Kind.MISCONFIGURATION: frozenset({"config", "custom"}),
    Kind.SECRET: frozenset({"secret", "custom"}),
    Kind.LICENSE: frozenset({"license", "license-file", "custom"}),
}
_SYSTEM_PURL: Final = re.compile(r"pkg:(?:alpm|apk|bitnami|deb|rpm)/")  # package managers of distributions
# Of licences (google/licenseclassifier, as Trivy uses it).
_CATEGORIES: Final = frozenset(
    {"forbidden", "restricted", "reciprocal", "notice", "permissive", "unencumbered", "unknown"}
)


class Remark(NamedTuple):
    """Something worth saying, and the line that it is about."""

    where: str
    text: str


def mistakes(policy: Policy, today: date | None) -> Iterator[Remark]:
    """Lines that do not do what they seem to; ``today`` (UTC) tells which exceptions have ended."""
    for rules in _scans(policy):
        yield from _idle_scan(rules)
        for gate in rules.gates:
            yield from (Remark(gate.where, f"this rule never fits: {why}") for why in _contradictions(gate))
            yield from _misspelled(gate.ids, gate.where)
            yield from _glued(gate.paths, gate.where)
    for waiver in policy.waivers:
        yield from _idle_waiver(waiver, policy.images, today)


def risks(policy: Policy, today: date | None) -> Iterator[Remark]:
    """Lines that give something away."""
    for rules in _scans(policy):
        yield from _generous_scan(rules)
    for waiver in policy.waivers:
        yield from _generous_waiver(waiver, today)


def _scans(policy: Policy) -> Iterator[ScanRules]:
    return (rule.scan for rule in policy.images if rule.scan is not None)


def _idle_scan(rules: ScanRules) -> Iterator[Remark]:
    if not rules.gates:
        yield Remark(rules.where, "scan has no fail_on, warn_on or note_on: nothing that is found has an effect")
    stricter: dict[GateRule, str] = {}
    for gate in rules.gates:  # those of fail_on come first
        bare = replace(gate, action=Action.DENY, where="")
        if bare in stricter:
            yield Remark(gate.where, f"this rule has no effect: {stricter[bare]} says the same")
        stricter.setdefault(bare, gate.where)


def _contradictions(gate: GateRule) -> Iterator[str]:
    """Why no finding can have everything that a rule asks for."""
    if gate.families and not _FAMILIES[gate.kind].intersection(gate.families):
        yield f"the class {' or '.join(gate.families)} has no {gate.kind}"
    if "lang-pkgs" in gate.families and len(gate.families) == 1 and gate.purls and all(map(_of_system, gate.purls)):
        yield f"{' and '.join(gate.purls)} is of the class os-pkgs"
    if (gate.epss is not None or gate.kev or gate.ransomware) and gate.ids and not any(map(_is_cve, gate.ids)):
        yield f"EPSS and KEV know ids such as CVE-2024-1234, and not {gate.ids[0]}"
    if gate.kind is Kind.LICENSE and gate.categories and not _CATEGORIES.intersection(gate.categories):
        yield f"licences have the categories {', '.join(sorted(_CATEGORIES))}"


def _misspelled(ids: Iterable[str], where: str) -> Iterator[Remark]:
    for id_ in ids:
        if id_.upper().startswith("CVE") and not _is_cve(id_):
            yield Remark(where, f"no finding is called {id_}: ids are spelled as CVE-2024-1234")


def _glued(paths: Iterable[str], where: str) -> Iterator[Remark]:
    for path in paths:
        if any("**" in part and part != "**" for part in path.split("/")):
            yield Remark(where, f"** stands for several parts of a path only alone between slashes, not in {path}")


def _is_cve(id_: str) -> bool:
    return _CVE.fullmatch(id_) is not None


def _of_system(purl: str) -> bool:
    return _SYSTEM_PURL.match(purl) is not None


def _idle_waiver(waiver: Waiver, images: Iterable[ImageRule], today: date | None) -> Iterator[Remark]:
    if today is not None and waiver.expires < today:
        yield Remark(waiver.where, f"this exception ended with {waiver.expires}: {_named(waiver)} is judged again")
    yield from _misspelled(waiver.ids, waiver.where)
    yield from _glued(waiver.paths, waiver.where)
    fitting = [rule.scan for rule in images if rule.scan is not None and meet(rule.match, waiver.match)]
    if not fitting:
        text = f"this exception does nothing: no image rule with scan fits {waiver.match}"
        yield Remark(waiver.where, text)
    elif not any(_concerns(rules, waiver) for rules in fitting):
        yield Remark(waiver.where, f"this exception does nothing: no rule on scans asks for {_named(waiver)}")
    for key, given in (("purl", waiver.purls), ("package", waiver.packages)):
        if given and waiver.kind is not None and key not in KEYS[waiver.kind]:
            yield Remark(waiver.where, f"this exception never fits: a {waiver.kind} has no {key}")


def _concerns(rules: ScanRules, waiver: Waiver) -> bool:
    """Whether a finding that the exception is about can have an effect."""
    kinds = {None, Kind.VULNERABILITY, *(gate.kind for gate in rules.gates)}
    if rules.unknown is not None and waiver.kind in kinds:  # then those of unknown severity are asked for
        return True
    return any(
        waiver.kind in {None, gate.kind} and (not gate.ids or not set(waiver.ids).isdisjoint(gate.ids))
        for gate in rules.gates
    )


def _generous_scan(rules: ScanRules) -> Iterator[Remark]:
    if rules.max_age is None:
        yield Remark(rules.where, "scan has no max_age: a scan counts until its signature ends, however old")
    denying = [gate for gate in rules.gates if gate.action is Action.DENY]
    if not rules.required and denying:
        yield Remark(rules.where, "required false: who leaves the scan out gets round fail_on")
    if not rules.suppressed:
        yield Remark(rules.where, "suppressed accept: what the scanner was told to leave out is not judged")
    if rules.incomplete is None and denying:
        yield Remark(rules.where, "incomplete ignore: what nobody may have looked for counts as not there")


def _generous_waiver(waiver: Waiver, today: date | None) -> Iterator[Remark]:
    if not (waiver.purls or waiver.packages or waiver.paths):
        text = f"without purl, package or path: {_named(waiver)} passes wherever in the image it is"
        yield Remark(waiver.where, text)
    if today is not None and waiver.expires - today > EXCEPTION_MAX:
        text = f"this exception ends on {waiver.expires}, in more than {EXCEPTION_MAX.days} days"
        yield Remark(waiver.where, text)


def _named(waiver: Waiver) -> str:
    return waiver.ids[0] if len(waiver.ids) == 1 else f"{waiver.ids[0]} (and its other names)"
