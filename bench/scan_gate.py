"""The gate: a signed scan in the core, and the whole way from a report to a verdict, beside ``jq`` counting."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.harness import alternate, command, report
from bench.scan_parse import large
from pytrust.scanner.claim import Claims
from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.gate.judge import decide
from pytrust.scanner.making import Lists, Said, make_scan
from pytrust.scanner.rules import Action, Fix, GateRule, Policed, ScanRules, Waiver
from pytrust.scanner.scan import Coverage, Database, Feeds, Scan, Source, Subject, order
from pytrust.scanner.severity import Severity
from pytrust.scanner.statement import decode_scan, encode_scan
from pytrust.scanner.trivy.read import read_report
from pytrust.trust.names import CollectionName, Digest

_GATE_GOAL: Final = 50.0  # microseconds for 100 findings
_VERDICT_GOAL: Final = 0.5  # seconds for 100 MB
_DECODE_GOAL: Final = 10.0  # milliseconds for 500 findings, once for every change: our own figure
_JQ_GOAL: Final = 3.0
_FINDINGS: Final = 500
_ROUNDS: Final = 7
_TURNS: Final = 200  # of a piece of work that takes less than a millisecond
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_COUNT: Final = "[.Results[].Vulnerabilities[]?.Severity] | group_by(.) | map({(.[0]): length}) | add"
_NOW: Final = datetime(2026, 12, 1, tzinfo=UTC)
_NAME: Final = CollectionName("docker.io/foo/web")
_SHARES: Final = {Severity.UNKNOWN: 3, Severity.LOW: 50, Severity.MEDIUM: 35, Severity.HIGH: 10, Severity.CRITICAL: 2}
_RULES: Final = ScanRules(
    max_age=timedelta(days=7),
    gates=(
        GateRule(severity=Severity.HIGH, fix=Fix.AVAILABLE),
        GateRule(kev=True),
        GateRule(kind=Kind.SECRET),
        GateRule(action=Action.WARN, severity=Severity.MEDIUM, age=30),
    ),
)
_WAIVERS: Final = tuple(
    Waiver(
        ids=(f"CVE-2026-{number:04}",),
        reason="not reachable",
        owner="alice",
        expires=date(2027, 1, 1),
        purls=("pkg:deb/debian/package1",),
    )
    for number in range(5)
)
_EVERYTHING: Final = Coverage(
    kinds=frozenset({Kind.VULNERABILITY, Kind.SECRET}),
    severities=frozenset(Severity),
    unfixed=True,
    families=frozenset({"os-pkgs"}),
)
_LAX: Final = ScanRules(gates=_RULES.gates)


def gate() -> None:
    """One decision of the core on a scan of 500 findings; and reading that scan, which is done once."""
    scan = _scan()
    policed = Policed(image=_NAME, rules=_RULES, waivers=_WAIVERS)

    def work() -> None:
        for _ in range(_TURNS):
            assert decide(scan, policed, Claims(), _NOW).denied

    (seconds,) = alternate(work, rounds=_ROUNDS)
    micros = seconds / _TURNS / (_FINDINGS / 100) * 1e6
    report("scan.gate", "us per 100 findings", micros, _GATE_GOAL, ratio=_GATE_GOAL / micros)
    data = encode_scan(scan)
    (seconds,) = alternate(lambda: decode_scan(data, "the scan"), rounds=_ROUNDS * 3)
    report("scan.decode", "ms", seconds * 1e3, _DECODE_GOAL, ratio=_DECODE_GOAL / (seconds * 1e3))


def verdict() -> None:
    """From the bytes of a report to a verdict: read, made into a scan, judged."""
    with large() as (path, size):
        data = path.read_bytes()
        theirs = command(["jq", _COUNT, path], {"PATH": _PATH})
        ours, peer = alternate(lambda: _judged(path), theirs, rounds=_ROUNDS)
        report("scan.verdict_jq", "s", ours, _JQ_GOAL, peer=peer, peer_name="jq", ratio=peer / ours)
        (seconds,) = alternate(lambda: _verdict(data), rounds=_ROUNDS)
        scaled = seconds * 100e6 / size
        report("scan.verdict", "s per 100 MB", scaled, _VERDICT_GOAL, ratio=_VERDICT_GOAL / scaled)


def _judged(path: Path) -> None:
    _verdict(path.read_bytes())


def _verdict(data: bytes) -> None:
    found = read_report(data)
    digest = Digest("0" * 64)
    scan = make_scan(
        found,
        Source(digest=digest, length=len(data)),
        Subject(name=_NAME, digest=digest, config=digest, platform="linux/amd64"),
        Said(scanned_at=None if found.created_at else _NOW),
        lists=Lists(),
        history={},
        now=_NOW,
    )
    decide(scan, Policed(image=_NAME, rules=_LAX), Claims(), _NOW)


def _scan() -> Scan:
    chance = random.Random(1)
    severities = chance.choices(list(_SHARES), list(_SHARES.values()), k=_FINDINGS)
    findings = [
        Finding(
            id=f"CVE-2026-{number:04}",
            severity=severity,
            package=f"package{number % 120}",
            version="1.0",
            fixed="1.1" if number % 3 else "",
            status="fixed",
            purl=f"pkg:deb/debian/package{number % 120}@1.0",
            family="os-pkgs",
            ecosystem="debian",
            published=date(2026, 1, 1),
        )
        for number, severity in enumerate(severities)
    ]
    digest = Digest("a" * 64)
    return Scan(
        subject=Subject(name=_NAME, digest=digest, config=digest, platform="linux/amd64"),
        scanned_at=_NOW - timedelta(hours=1),
        source=Source(digest=digest, length=1),
        database=Database(updated_at=_NOW - timedelta(hours=4)),
        coverage=_EVERYTHING,
        feeds=Feeds(kev=date(2026, 11, 30)),
        findings=tuple(sorted(findings, key=order)),
    )


BENCHES: Final = {"scan.gate": gate, "scan.verdict": verdict}
