"""What is between two scans."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.scanner import scan_cases as cases
from tests.unit.scanner.scan_cases import BAD

from pytrust.scanner.changes import Changes, changes
from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.scan import order
from pytrust.scanner.severity import Severity

SETTINGS = settings(max_examples=300, deadline=None)
HIGH, LOW = replace(BAD, severity=Severity.HIGH), replace(BAD, severity=Severity.LOW)


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"version": "9.9"},
        {"purl": "pkg:deb/debian/openssl@9.9"},
        {"target": "another"},
        {"cvss": None, "epss": None, "kev": False, "published": None, "first_seen": None, "status": "affected"},
    ],
)
def test_what_makes_a_finding_the_same(same: dict[str, Any]) -> None:
    assert changes((BAD,), (replace(BAD, **same),)) == Changes()


@pytest.mark.parametrize(
    "other", [{"id": "CVE-2026-0002"}, {"package": "libssl"}, {"path": "opt/libssl.so.3"}, {"kind": Kind.LICENSE}]
)
def test_what_makes_it_another(other: dict[str, Any]) -> None:
    there = replace(BAD, **other)
    assert changes((BAD,), (there,)) == Changes(new=(there,), gone=(BAD,))


def test_without_a_package_the_place_counts() -> None:
    secret = replace(BAD, kind=Kind.SECRET, package="", path="", target="app/.env")
    moved = replace(secret, target="other/.env")
    assert changes((secret,), (moved,)) == Changes(new=(moved,), gone=(secret,))


def test_severities_rise_and_fall() -> None:
    assert changes((LOW,), (HIGH,)) == Changes(worse=((LOW, HIGH),))
    assert changes((HIGH,), (LOW,)) == Changes(better=((HIGH, LOW),))
    unknown = replace(BAD, severity=Severity.UNKNOWN)
    assert changes((unknown,), (LOW,)).worse == ((unknown, LOW),)


def test_a_fix_appears() -> None:
    before = replace(BAD, fixed="")
    assert changes((before,), (BAD,)) == Changes(fixed=((before, BAD),))
    assert changes((BAD,), (before,)) == Changes()
    assert changes((BAD,), (replace(BAD, fixed="4"),)) == Changes()
    worse = replace(before, severity=Severity.LOW)
    assert changes((worse,), (BAD,)) == Changes(worse=((worse, BAD),), fixed=((worse, BAD),))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((LOW, LOW), (LOW,), Changes(gone=(LOW,))),
        ((LOW,), (LOW, LOW), Changes(new=(LOW,))),
        ((HIGH, LOW), (HIGH, HIGH), Changes(worse=((LOW, HIGH),))),
        ((HIGH,), (LOW, HIGH), Changes(new=(LOW,))),
        ((LOW,), (LOW, HIGH), Changes(new=(LOW,), worse=((LOW, HIGH),))),
    ],
)
def test_one_more_of_the_same_is_never_lost(
    old: tuple[Finding, ...], new: tuple[Finding, ...], expected: Changes
) -> None:
    assert changes(old, new) == expected
    assert changes(old[::-1], new[::-1]) == expected


def test_everything_is_told_worst_first() -> None:
    findings = tuple(
        replace(BAD, id=f"CVE-{n}", severity=severity) for n, severity in enumerate((Severity.LOW, Severity.CRITICAL))
    )
    assert changes((), findings).new == findings[::-1]
    assert changes(findings, ()).gone == findings[::-1]


@SETTINGS
@given(cases.many_findings, cases.many_findings)
def test_nothing_is_lost_and_nothing_is_told_twice(old: list[Finding], new: list[Finding]) -> None:
    found = changes(old, new)
    assert Counter(one.key for one in old) - Counter(one.key for one in found.gone) == Counter(
        one.key for one in new
    ) - Counter(one.key for one in found.new)
    assert not {one.key for one in found.new} & {one.key for one in found.gone}
    for pairs in (found.worse, found.better, found.fixed):
        assert all(before.key == after.key for before, after in pairs)
        assert not Counter(after for _, after in pairs) - Counter(new)
        assert not Counter(before for before, _ in pairs) - Counter(old)
    assert list(found.new) == sorted(found.new, key=order)


@SETTINGS
@given(cases.many_findings, cases.many_findings, st.randoms())
def test_the_order_plays_no_part_and_the_way_back_mirrors(old: list[Finding], new: list[Finding], chance: Any) -> None:
    mixed = [chance.sample(one, len(one)) for one in (old, new)]
    assert changes(old, new) == changes(*mixed)
    assert changes(old, old) == Changes()
    there, back = changes(old, new), changes(new, old)
    assert Counter(there.new) == Counter(back.gone)
    assert Counter(there.worse) == Counter((before, after) for after, before in back.better)
