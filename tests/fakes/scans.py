"""Scans of one image, as values: a clean one, and one with a finding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.scan import Coverage, Database, Scan, Scanner, Source, Subject
from pytrust.scanner.severity import Severity
from pytrust.trust.names import CollectionName, Digest

SCANNED = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
NAME = CollectionName("docker.io/foo/web")
MANIFEST, CONFIG = Digest("ab" * 32), Digest("cd" * 32)
CLEAN = Scan(
    subject=Subject(name=NAME, digest=MANIFEST, config=CONFIG, platform="linux/amd64"),
    scanned_at=SCANNED,
    source=Source(digest=Digest("12" * 32), length=1000),
    scanner=Scanner(version="0.74.0", arguments=("image", "--format", "json")),
    database=Database(version=2, updated_at=SCANNED - timedelta(hours=6)),
    coverage=Coverage(
        kinds=frozenset({Kind.VULNERABILITY}),
        severities=frozenset(Severity),
        unfixed=True,
        families=frozenset({"os-pkgs"}),
    ),
)
FINDING = Finding(
    id="CVE-2026-0001",
    severity=Severity.CRITICAL,
    package="openssl",
    version="3.0.1-1",
    fixed="3.0.2-1",
    status="fixed",
    purl="pkg:deb/debian/openssl@3.0.1-1",
    family="os-pkgs",
    ecosystem="debian",
)
VULNERABLE = replace(CLEAN, findings=(FINDING,))
