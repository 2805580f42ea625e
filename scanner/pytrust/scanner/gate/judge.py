"""Judge a scan: what stands against it, and what each finding comes to.

For one finding, in this order: signed VEX and waivers excuse it; the baseline lets it pass; then the strictest gate
that fits decides, the first of equals. What nothing fits has passed. The order of findings plays no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from operator import attrgetter, ge
from typing import Final

from pytrust.scanner.claim import Claim, Claims
from pytrust.scanner.finding import Finding
from pytrust.scanner.gate.excuses import Sayings, claim_words, claims_by_id, covers, holds
from pytrust.scanner.gate.plan import STRICTNESS, Gate, Plan, Pool, plan_for
from pytrust.scanner.gate.soundness import objections
from pytrust.scanner.gate.words import findings_words, upgrade_words, waiver_words
from pytrust.scanner.rules import Action, Policed, Waiver
from pytrust.scanner.scan import Scan, order
from pytrust.scanner.verdict import Judged, Objection, Standing, Verdict

_EXCEPT: Final = "except them: exceptions: [{id: ..., reason: ..., owner: ..., expires: ...}]"
_KIND, _SEVERITY = attrgetter("kind"), attrgetter("severity")
_STANDINGS: Final = {
    Action.DENY: Standing.DENIED,
    Action.WARN: Standing.WARNED,
    Action.AUDIT: Standing.AUDITED,
}


def decide(scan: Scan, policed: Policed, claims: Claims, now: datetime) -> Verdict:
    """As ``judge``, without what each finding comes to: for who only has to know whether an image may run."""
    bench = _Bench(scan, policed, claims, now)
    found = _objections(bench, bench.judged(), objections(scan, policed.rules, now))
    return Verdict(_strictest(found), found, ended=bench.ended())


def judge(scan: Scan, policed: Policed, claims: Claims, now: datetime) -> Verdict:
    """The whole of it: every finding once, those that the scanner was told to leave out last."""
    bench = _Bench(scan, policed, claims, now)
    findings = bench.judged()
    found = _objections(bench, findings, objections(scan, policed.rules, now))
    standings = (*bench.standings(findings), *bench.left_out())
    return Verdict(_strictest(found), found, standings, bench.ended(), bench.unused(findings))


def _objections(bench: _Bench, findings: Sequence[Finding], sound: Iterable[Objection]) -> tuple[Objection, ...]:
    return (*sound, *(_objection(gate, found) for gate, found in bench.assigned(findings)))


class _Bench:
    """One scan before its judge."""

    def __init__(self, scan: Scan, policed: Policed, claims: Claims, now: datetime) -> None:
        self._scan, self._policed = scan, policed
        self._today = _day(now)
        self._plan: Plan = plan_for(policed, self._today)
        self._claims = claims_by_id(claims) if policed.rules.vex and claims.claims else {}
        self._sayings: dict[str, Sayings] = {}
        self._named = self._plan.waivers.keys() | self._claims.keys()

    def judged(self) -> Sequence[Finding]:
        """All that gates are asked about, worst first."""
        findings = self._scan.findings
        if self._scan.suppressed and self._policed.rules.suppressed:
            findings += tuple(one.finding for one in self._scan.suppressed)
        severities = list(map(_SEVERITY, findings))
        return findings if all(map(ge, severities, islice(severities, 1, None))) else sorted(findings, key=order)

    def assigned(self, findings: Sequence[Finding]) -> Iterator[tuple[Gate, list[Finding]]]:
        """The gates that have an effect, each with the findings that it decides: no finding has two."""
        pool, taken = _pool(findings), set[int]()
        for gate in self._plan.gates:
            found = self._unexcused(gate.select(pool))
            if len(found) <= gate.over:
                continue
            if mine := [finding for finding in found if id(finding) not in taken] if taken else found:
                taken.update(map(id, mine))
                yield gate, mine

    def standings(self, findings: Sequence[Finding]) -> Iterator[Judged]:
        """What each comes to, in this order."""
        decided = {id(finding): gate for gate, found in self.assigned(findings) for finding in found}
        for finding in findings:
            gate = decided.get(id(finding))
            yield Judged(finding, _STANDINGS[gate.action], gate.words) if gate else self._passed(finding)

    def left_out(self) -> Iterator[Judged]:
        """What the scanner was told to leave out, where the rules take its word."""
        if not self._policed.rules.suppressed:
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

    def _unexcused(self, findings: list[Finding]) -> list[Finding]:
        if self._policed.rules.since is not None:
            findings = [finding for finding in findings if not self._is_old(finding)]
        named = self._named
        return [finding for finding in findings if finding.id not in named or not self._excused(finding)]

    def _excused(self, finding: Finding) -> bool:
        return self._claim(finding) is not None or self._waiver(finding) is not None

    def _passed(self, finding: Finding) -> Judged:
        if claim := self._claim(finding):
            return Judged(finding, Standing.NOT_AFFECTED, claim_words(claim))
        if waiver := self._waiver(finding):
            return Judged(finding, Standing.WAIVED, waiver_words(waiver), waiver.expires)
        if self._is_old(finding):
            return Judged(finding, Standing.PASSED, f"first seen before {self._policed.rules.since}")
        return Judged(finding, Standing.PASSED)

    def _claim(self, finding: Finding) -> Claim | None:
        if (claims := self._claims.get(finding.id)) is None:
            return None
        if (sayings := self._sayings.get(finding.id)) is None:
            sayings = self._sayings[finding.id] = Sayings(claims)
        return sayings.excusing(finding)

    def _waiver(self, finding: Finding) -> Waiver | None:
        for waiver in self._plan.waivers.get(finding.id, ()):
            if holds(waiver, self._today) and covers(waiver, finding, self._scan.subject):
                return waiver
        return None

    def _is_old(self, finding: Finding) -> bool:
        since = self._policed.rules.since
        return since is not None and finding.first_seen is not None and finding.first_seen < since


def _pool(findings: Sequence[Finding]) -> Pool:
    kinds = set(map(_KIND, findings))
    if len(kinds) == 1:
        return {kinds.pop(): findings}
    return {kind: [finding for finding in findings if finding.kind is kind] for kind in kinds}


def _objection(gate: Gate, findings: Sequence[Finding]) -> Objection:
    count, noun = len(findings), "finding" if len(findings) == 1 else "findings"
    upgrade = upgrade_words(findings)
    hint = f"{upgrade}, build, sign and scan again; or {_EXCEPT}" if upgrade else _EXCEPT
    return Objection("findings", gate.action, f"{count} {noun}: {findings_words(findings)}", gate.words, hint)


def _strictest(found: Iterable[Objection]) -> Action | None:
    return min((one.action for one in found), key=STRICTNESS.__getitem__, default=None)


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
