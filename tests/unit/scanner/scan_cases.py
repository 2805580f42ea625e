"""Scans, rules and findings that the tests of the gate begin from, and strategies for all of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st
from msgspec.structs import replace

from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.finding import Finding, Kind, Suppressed
from pytrust.scanner.rules import Action, Fix, GateRule, Policed, ScanRules, Waiver
from pytrust.scanner.scan import Coverage, Database, Feeds, Scan, Source, Subject, System, order
from pytrust.scanner.severity import Severity
from pytrust.trust.names import CollectionName, Digest

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
TODAY = NOW.date()
NAME = CollectionName("docker.io/foo/web")
MANIFEST, CONFIG = Digest("ab" * 32), Digest("cd" * 32)
BAD = Finding(
    id="CVE-2026-0001",
    severity=Severity.CRITICAL,
    package="openssl",
    version="3.0.1-1",
    fixed="3.0.2-1",
    status="fixed",
    purl="pkg:deb/debian/openssl@3.0.1-1?arch=amd64",
    path="usr/lib/libssl.so.3",
    family="os-pkgs",
    ecosystem="debian",
    target="web (debian 12.5)",
    cvss=98,
    published=date(2026, 1, 2),
    first_seen=date(2026, 11, 1),
    epss=12_345,
    kev=True,
    ransomware=True,
)
SCAN = Scan(
    subject=Subject(name=NAME, digest=MANIFEST, config=CONFIG, platform="linux/amd64"),
    scanned_at=NOW - timedelta(hours=2),
    source=Source(digest=Digest("12" * 32), length=1000),
    database=Database(version=2, updated_at=NOW - timedelta(hours=8)),
    coverage=Coverage(
        kinds=frozenset(Kind),
        severities=frozenset(Severity),
        unfixed=True,
        families=frozenset({"os-pkgs", "lang-pkgs"}),
    ),
    feeds=Feeds(epss=TODAY, kev=TODAY),
)
RULES = ScanRules(max_age=timedelta(days=7), where="policy.yaml:5")
WAIVER = Waiver(ids=("CVE-2026-0001",), reason="not reachable", owner="alice", expires=TODAY, where="policy.yaml:20")


def scan(*findings: Finding, **changes: object) -> Scan:
    """The usual scan, with these findings in their order."""
    return replace(SCAN, findings=tuple(sorted(findings, key=order)), **changes)


def policed(*gates: GateRule, waivers: tuple[Waiver, ...] = (), **changes: object) -> Policed:
    """The usual rules, with these gates."""
    return Policed(image=NAME, rules=replace(RULES, gates=gates, **changes), waivers=waivers)


days = st.dates(date(2026, 10, 1), date(2026, 12, 31))
ids = st.sampled_from(["CVE-2026-0001", "CVE-2026-0002", "AVD-DS-0002", "aws-key", "GPL-3.0"])
findings = st.builds(
    Finding,
    kind=st.sampled_from([Kind.VULNERABILITY, Kind.VULNERABILITY, *Kind]),
    id=ids,
    severity=st.sampled_from(Severity),
    package=st.sampled_from(["openssl", "openssh", "bash", ""]),
    version=st.sampled_from(["1", "2"]),
    fixed=st.sampled_from(["", "3"]),
    purl=st.sampled_from(["", "pkg:deb/debian/openssl@1", "pkg:npm/lodash@4"]),
    path=st.sampled_from(["", "usr/lib/a.so", "app/package-lock.json"]),
    family=st.sampled_from(["os-pkgs", "lang-pkgs", "secret"]),
    ecosystem=st.sampled_from(["debian", "npm"]),
    target=st.sampled_from(["web", "app"]),
    category=st.sampled_from(["", "forbidden"]),
    cvss=st.none() | st.integers(0, 100),
    published=st.none() | days,
    first_seen=st.none() | days,
    epss=st.none() | st.integers(0, 100_000),
    kev=st.booleans(),
    ransomware=st.booleans(),
)
many_findings = st.lists(findings, max_size=6)
kinds = st.none() | st.frozensets(st.sampled_from(Kind))
coverages = st.builds(
    Coverage,
    kinds=kinds,
    severities=st.none() | st.frozensets(st.sampled_from(Severity)),
    unfixed=st.sampled_from([None, True, False]),
    families=st.sampled_from([frozenset(), frozenset({"os-pkgs"})]),
    files=st.sampled_from([(), (MANIFEST,)]),
)
scans = st.builds(
    lambda found, left_out, **rest: replace(
        SCAN,
        findings=tuple(sorted(found, key=order)),
        suppressed=tuple(Suppressed(finding=one, status="ignored", source=".trivyignore") for one in left_out),
        **rest,
    ),
    many_findings,
    st.lists(findings, max_size=2),
    scanned_at=st.sampled_from([NOW - timedelta(hours=1), NOW - timedelta(days=8), NOW + timedelta(hours=1)]),
    database=st.sampled_from([SCAN.database, Database(), Database(updated_at=NOW - timedelta(days=8))]),
    coverage=st.just(SCAN.coverage) | coverages,
    feeds=st.sampled_from([SCAN.feeds, Feeds()]),
    system=st.builds(System, ended=st.booleans()),
    bound=st.booleans(),
)
_few = st.sampled_from([(), ("openssl",), ("open*",)])
gates = st.builds(
    GateRule,
    action=st.sampled_from(Action),
    kind=st.sampled_from([Kind.VULNERABILITY, Kind.VULNERABILITY, *Kind]),
    severity=st.none() | st.sampled_from(Severity),
    fix=st.sampled_from(Fix),
    cvss=st.none() | st.integers(0, 100),
    age=st.none() | st.integers(0, 60),
    seen=st.none() | st.integers(0, 60),
    epss=st.none() | st.integers(0, 100_000),
    kev=st.booleans(),
    ransomware=st.booleans(),
    packages=_few,
    purls=st.sampled_from([(), ("pkg:deb/debian/openssl",)]),
    paths=st.sampled_from([(), ("usr/**",)]),
    over=st.sampled_from([0, 0, 1, 2]),
    where=st.just("policy.yaml:7"),
)
actions = st.none() | st.sampled_from(Action)
rules = st.builds(
    ScanRules,
    max_age=st.sampled_from([None, timedelta(days=7)]),
    gates=st.lists(gates, max_size=4).map(tuple),
    ended=actions,
    unknown=actions,
    incomplete=actions,
    suppressed=st.booleans(),
    vex=st.booleans(),
    since=st.none() | days,
    where=st.just("policy.yaml:5"),
)
waivers = st.builds(
    Waiver,
    ids=ids.map(lambda name: (name,)),
    reason=st.just("not reachable"),
    owner=st.just("alice"),
    expires=days,
    match=st.sampled_from(["**", "docker.io/foo/*", "docker.io/other/**"]),
    purls=st.sampled_from([(), ("pkg:deb/debian/openssl",)]),
    packages=_few,
    until_fixed=st.booleans(),
    where=st.just("policy.yaml:20"),
)
policies = st.builds(Policed, image=st.just(NAME), rules=rules, waivers=st.lists(waivers, max_size=3).map(tuple))
claims = st.builds(
    Claims,
    claims=st.lists(
        st.builds(
            Claim,
            ids=ids.map(lambda name: (name,)),
            status=st.sampled_from(Status),
            purls=st.sampled_from([(), ("pkg:deb/debian/openssl",)]),
            at=st.none() | st.just(NOW) | st.just(NOW - timedelta(days=1)),
        ),
        max_size=3,
    ).map(tuple),
)
