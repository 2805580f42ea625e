"""How long ``scan status`` takes over many tags: their signatures, their scans, the verdicts of today and of a week."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from tests.fakes.keys import ALICE, NAME, NOW, House, digest, target
from tests.fakes.scans import CLEAN, FINDING

from bench.harness import alternate, report
from pytrust.cli.scan_fleet import State, Surveyor
from pytrust.policy.core.rules import ImageRule, Policy, Trust
from pytrust.scanner.rules import Action, Fix, GateRule, ScanRules, Waiver
from pytrust.scanner.scan import Scan
from pytrust.scanner.severity import Severity
from pytrust.scanner.statement import encode_scan
from pytrust.trust.collection.model import SCANS
from pytrust.trust.collection.statement import Statement

_TAGS: Final = 300
_FINDINGS: Final = 50  # of each: 6 kB; an ordinary image that is built on a current release
_WAIVERS: Final = 20
_ROUNDS: Final = 5
_GOAL: Final = 1.0  # seconds


def status() -> None:
    """Everything that the command does after it has started."""
    with tempfile.TemporaryDirectory() as folder:
        house, policy = _fleet(Path(folder)), _policy()

        def look() -> None:
            surveyor = Surveyor(policy, NOW, NOW + timedelta(days=7))
            surveyor.look(house.client().open(NAME))
            rows = surveyor.fleet().rows
            assert len(rows) == _TAGS
            assert all(row.standing.state is State.ALLOWED and row.standing.soon for row in rows)

        (seconds,) = alternate(look, rounds=_ROUNDS)
    report("scan.status", f"s for {_TAGS} tags", seconds, 1.0, ratio=_GOAL / seconds)


def _fleet(folder: Path) -> House:
    house = House(folder)
    tags = [target(f"t{number}") for number in range(_TAGS)]
    house.owner().sign(NAME, tags, [ALICE])
    said = [Statement(one.digest, encode_scan(_scan(one.tag))) for one in tags]
    house.owner().attach(NAME, SCANS, said, [ALICE])
    return house


def _scan(tag: str) -> Scan:
    at, severities = NOW - timedelta(hours=1), list(Severity)
    found = [
        replace(FINDING, id=f"CVE-2026-{number:05}", severity=severities[number % len(severities)])
        for number in range(_FINDINGS)
    ]
    return replace(
        CLEAN,
        subject=replace(CLEAN.subject, name=NAME, digest=digest(tag)),
        scanned_at=at,
        database=replace(CLEAN.database, updated_at=at),
        findings=tuple(sorted(found, key=lambda one: -one.severity)),
    )


def _policy() -> Policy:
    """What is critical is excepted, with exceptions that end on different days, the first of them within the week."""
    gates = (
        GateRule(severity=Severity.CRITICAL, fix=Fix.AVAILABLE),
        GateRule(severity=Severity.MEDIUM, action=Action.WARN),
    )
    rule = ImageRule(
        match="**", where="policy.yaml:3", trust=Trust(), scan=ScanRules(max_age=timedelta(30), gates=gates)
    )
    waivers = tuple(
        Waiver(
            ids=tuple(f"CVE-2026-{other:05}" for other in range(_FINDINGS)),
            reason="not reachable",
            owner="alice",
            expires=(NOW + timedelta(days=number % 5)).date(),
        )
        for number in range(_WAIVERS)
    )
    return Policy(version="0" * 64, images=(rule,), waivers=waivers)


BENCHES = {"scan.status": status}
