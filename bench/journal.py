"""The journal: what an entry costs whose decision rests on a scan, beside one that rests on none."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.harness import alternate, report
from pytrust.policy.core.decision import Allow
from pytrust.policy.core.facts import (
    EngineInfo,
    EngineQuery,
    Fact,
    Facts,
    Query,
    Scanned,
    ScanQuery,
    Signed,
    TrustQuery,
)
from pytrust.policy.core.request import Create, Named
from pytrust.policy.core.rules import Policy
from pytrust.policy.journal import Decided, Journal
from pytrust.scanner.finding import Finding
from pytrust.scanner.scan import Scan, Source, Subject
from pytrust.scanner.severity import Severity
from pytrust.trust.names import Digest, ImageRef

_GOAL: Final = 0.7  # a scan that is there already may cost half as much again as the entry
_TIMES: Final = 500
_FINDINGS: Final = 500
_NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
_REF: Final = ImageRef.parse("registry.example.com/foo/web:v7")
_DIGEST: Final = Digest("a" * 64)
_SCAN: Final = Scan(
    subject=Subject(name=_REF.collection, digest=_DIGEST, config=Digest("b" * 64), platform="linux/amd64"),
    scanned_at=_NOW,
    source=Source(digest=Digest("c" * 64), length=1_000_000),
    findings=tuple(
        Finding(
            id=f"CVE-2029-{number:05}",
            severity=Severity(number % 5),
            package=f"package-{number % 150}",
            version="1.2.3-1",
            fixed="1.2.3-2",
            status="fixed",
            purl=f"pkg:deb/debian/package-{number % 150}@1.2.3-1?arch=amd64",
            family="os-pkgs",
            ecosystem="debian",
        )
        for number in range(_FINDINGS)
    ),
)
_PLAIN: Final[dict[Query, Fact]] = {
    TrustQuery(ref=_REF): Signed(digest=_DIGEST, signers=(), expires=_NOW + timedelta(days=7)),
    EngineQuery(): EngineInfo(seccomp=True),
}
_WITH_SCAN: Final[dict[Query, Fact]] = {
    **_PLAIN,
    ScanQuery(ref=_REF.at(_DIGEST), image_id="x"): Scanned(digest=_DIGEST, scan=_SCAN, expires=_NOW),
}


def appending() -> None:
    """Entries with a scan of 500 findings, which is there already, and entries without."""
    plain, scanned = (
        Decided.of(Facts(_NOW, known), "uid 1000", Create(image=Named(ref=_REF)), Policy(version="d" * 64), Allow())
        for known in (_PLAIN, _WITH_SCAN)
    )
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        theirs, ours = alternate(
            lambda: [journal.append(plain) for _ in range(_TIMES)],
            lambda: [journal.append(scanned) for _ in range(_TIMES)],
        )
    rates = _TIMES / ours, _TIMES / theirs
    report(
        "journal.append", "entries/s", rates[0], _GOAL, peer=rates[1], peer_name="without a scan", ratio=theirs / ours
    )


BENCHES: Final = {"journal.append": appending}
