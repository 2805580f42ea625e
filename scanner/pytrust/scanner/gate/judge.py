"""Judge a scan: what stands against it, and what each finding comes to.

For one finding, in this order: signed VEX and waivers excuse it; the baseline lets it pass; then the strictest gate
that fits decides, the first of equals. What nothing fits has passed. The order of findings plays no part.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from operator import ge
from typing import Final

from pytrust.scanner.claim import Claim, Claims
from pytrust.scanner.finding import Finding
from pytrust.scanner.gate.excuses import claim_words, claims_by_id, covers, excusing_claim, holds
from pytrust.scanner.gate.plan import STRICTNESS, Gate, Plan, plan_for
from pytrust.scanner.gate.soundness import objections
from pytrust.scanner.gate.words import findings_words, upgrade_words, waiver_words
from pytrust.scanner.rules import Action, Policed, Waiver
from pytrust.scanner.scan import Scan, order
from pytrust.scanner.severity import Severity
from pytrust.scanner.verdict import Judged, Objection, Standing, Verdict

_EXCEPT: Final = "except them: exceptions: [{id: ..., reason: ..., owner: ..., expires: ...}]"
_STANDINGS: Final = {
    Action.DENY: Standing.DENIED,
    Action.WARN: Standing.WARNED,
    Action.AUDIT: Standing.AUDITED,
}


def decide(scan: Scan, policed: Policed, claims: Claims, now: datetime) -> Verdict:
    """As ``judge``, without what each finding comes to: for who only has to know whether an image may run."""
    bench = _Bench(scan, policed, claims, now)
    found = (*objections(scan, policed.rules, now), *bench.objections(bench.candidates()))
    return Verdict(_strictest(found), found, ended=bench.ended())


def judge(scan: Scan, policed: Policed, claims: Claims, now: datetime) -> Verdict:
    """The whole of it: every finding once, those that the scanner was told to leave out last."""
    bench = _Bench(scan, policed, claims, now)
    everything = bench.everything()
    found = (*objections(scan, policed.rules, now), *bench.objections(everything))
    return Verdict(
        _strictest(found),
        found,
        (*bench.standings(everything), *bench.left_out()),
        bench.ended(),
        bench.unused(everything),
    )


class _Bench:
    """One scan before its judge."""

    def __init__(self, scan: Scan, policed: Policed, claims: Claims, now: datetime) -> None:
        self._scan, self._policed = scan, policed
        self._today = _day(now)
        self._plan: Plan = plan_for(policed, self._today)
        self._claims = claims_by_id(claims) if policed.rules.vex and claims.claims else {}

    def everything(self) -> list[Finding]:
        """All that is judged, worst first."""
        return sorted((*self._scan.findings, *self._suppressed()), key=order)

    def candidates(self) -> Sequence[Finding]:
        """The same without those that no gate can fit, by their severity."""
        findings, plan = self._scan.findings, self._plan
        if not plan.gates:
            return ()
        if not _is_sorted(findings):
            findings = tuple(sorted(findings, key=_worse))
        end = bisect_right(findings, -plan.floor, key=_worse)
        kept = findings[:end]
        if plan.undecided and plan.floor > Severity.UNKNOWN:
            kept += findings[bisect_right(findings, -Severity.LOW, key=_worse) :]
        return (*kept, *self._suppressed())

    def objections(self, findings: Iterable[Finding]) -> Iterator[Objection]:
        """One for each gate that has an effect."""
        by_gate: dict[int, list[Finding]] = {}
        for finding, number in self._assigned(findings):
            by_gate.setdefault(number, []).append(finding)
        for number, found in sorted(by_gate.items()):
            yield _objection(self._plan.gates[number], sorted(found, key=order))

    def standings(self, findings: Sequence[Finding]) -> Iterator[Judged]:
        """What each comes to, in this order."""
        decided = {id(finding): self._plan.gates[number] for finding, number in self._assigned(findings)}
        for finding in findings:
            gate = decided.get(id(finding))
            yield Judged(finding, _STANDINGS[gate.action], gate.words) if gate else self._passed(finding)

    def left_out(self) -> Iterator[Judged]:
        """What the scanner was told to leave out, where the rules take its word."""
        if self._policed.rules.suppressed:
            return
        for one in self._scan.suppressed:
            yield Judged(one.finding, Standing.WAIVED, "left out by the scanner, as it was told to")

    def ended(self) -> tuple[Waiver, ...]:
        """Waivers for this image whose time is over."""
        return tuple(waiver for waiver in self._waivers() if not holds(waiver, self._today))

    def unused(self, findings: Sequence[Finding]) -> tuple[Waiver, ...]:
        """Waivers for this image that hold, and fit nothing."""
        used = {
            id(waiver)
            for finding in findings
            for waiver in self._plan.waivers.get(finding.id, ())
            if covers(waiver, finding, self._scan.subject)
        }
        return tuple(one for one in self._waivers() if holds(one, self._today) and id(one) not in used)

    def _waivers(self) -> Iterator[Waiver]:
        seen = {id(waiver): waiver for listed in self._plan.waivers.values() for waiver in listed}
        return (waiver for waiver in seen.values() if waiver.digest in {None, self._scan.subject.digest})

    def _suppressed(self) -> Iterator[Finding]:
        return (one.finding for one in self._scan.suppressed if self._policed.rules.suppressed)

    def _assigned(self, findings: Iterable[Finding]) -> Iterator[tuple[Finding, int]]:
        """Each finding that a gate decides, with the number of the gate."""
        gates = list(enumerate(self._plan.gates))
        if not any(gate.over for _, gate in gates):
            for finding in findings:
                for number, gate in gates:
                    if gate.fits(finding):
                        if not self._excused(finding):
                            yield finding, number
                        break
            return
        fitting = [
            (finding, numbers)
            for finding in findings
            if (numbers := [number for number, gate in gates if gate.fits(finding)]) and not self._excused(finding)
        ]
        counts = Counter(number for _, numbers in fitting for number in numbers)
        for finding, numbers in fitting:
            for number in numbers:
                if counts[number] > self._plan.gates[number].over:
                    yield finding, number
                    break

    def _excused(self, finding: Finding) -> bool:
        return self._claim(finding) is not None or self._waiver(finding) is not None or self._is_old(finding)

    def _passed(self, finding: Finding) -> Judged:
        if claim := self._claim(finding):
            return Judged(finding, Standing.NOT_AFFECTED, claim_words(claim))
        if waiver := self._waiver(finding):
            return Judged(finding, Standing.WAIVED, waiver_words(waiver))
        if self._is_old(finding):
            return Judged(finding, Standing.PASSED, f"first seen before {self._policed.rules.since}")
        return Judged(finding, Standing.PASSED)

    def _claim(self, finding: Finding) -> Claim | None:
        claims = self._claims.get(finding.id)
        return excusing_claim(finding, claims) if claims else None

    def _waiver(self, finding: Finding) -> Waiver | None:
        for waiver in self._plan.waivers.get(finding.id, ()):
            if holds(waiver, self._today) and covers(waiver, finding, self._scan.subject):
                return waiver
        return None

    def _is_old(self, finding: Finding) -> bool:
        since = self._policed.rules.since
        return since is not None and finding.first_seen is not None and finding.first_seen < since


def _objection(gate: Gate, findings: Sequence[Finding]) -> Objection:
    count, noun = len(findings), "finding" if len(findings) == 1 else "findings"
    upgrade = upgrade_words(findings)
    hint = f"{upgrade}, build, sign and scan again; or {_EXCEPT}" if upgrade else _EXCEPT
    return Objection("findings", gate.action, f"{count} {noun}: {findings_words(findings)}", gate.words, hint)


def _strictest(found: Iterable[Objection]) -> Action | None:
    return min((one.action for one in found), key=STRICTNESS.__getitem__, default=None)


def _worse(finding: Finding) -> int:
    return -finding.severity


def _is_sorted(findings: Sequence[Finding]) -> bool:
    severities = [finding.severity for finding in findings]
    return all(map(ge, severities, islice(severities, 1, None)))


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
