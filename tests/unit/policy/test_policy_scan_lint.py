"""What a reviewer is told about rules on scans and about exceptions, and silence about what is right."""

from __future__ import annotations

from datetime import date

import pytest

from pytrust.policy.document import read_document
from pytrust.policy.lint import lint

TODAY = date(2026, 12, 1)
GOOD = "max_age: 7d, fail_on: {severity: high}"


def findings(text: str, today: date | None = TODAY) -> list[str]:
    reading = read_document(f"version: 1\n{text}", what="/x/policy.yaml")
    return [f"{found.where} {found.severity} {found.text}" for found in lint(reading, today)]


def of_scan(scan: str) -> list[str]:
    """Findings for one scan section, on line 2."""
    return findings(f"images: [{{match: '**', scan: {{{scan}}}}}]")


def of_gate(gate: str) -> list[str]:
    return of_scan(f"max_age: 7d, fail_on: {{{gate}}}")


def of_exception(more: str, scan: str = GOOD, today: date | None = TODAY) -> list[str]:
    """Findings for one exception, on line 4, to rules for ``registry.example.com/foo``."""
    images = f"images: [{{match: registry.example.com/foo/**, scan: {{{scan}}}}}]"
    fixed = "reason: r, owner: o"
    return findings(f"{images}\nexceptions:\n  - {{{fixed}, {more}}}", today)


FIXED = "id: CVE-2024-1234, purl: pkg:deb/debian/x, expires: 2026-12-31"


def test_orderly_rules_are_silent() -> None:
    assert of_scan(GOOD) == []
    assert of_scan("max_age: 7d, fail_on: [{severity: high}, {kind: secret}], warn_on: {severity: low}") == []
    assert of_exception(FIXED) == []
    assert of_exception(FIXED + ", match: registry.example.com/foo/web, kind: vulnerability") == []
    assert of_exception("id: [CVE-2024-1234, GHSA-x], path: usr/**, expires: 2026-12-01") == []


@pytest.mark.parametrize(
    ("gate", "why"),
    [
        ("kind: secret, class: [os-pkgs]", "the class os-pkgs has no secret"),
        ("class: [config, secret]", "the class config or secret has no vulnerability"),
        ("kind: license, class: lang-pkgs", "the class lang-pkgs has no license"),
        ("class: lang-pkgs, purl: pkg:deb/debian/x", "pkg:deb/debian/x is of the class os-pkgs"),
        ("epss: 0.1, id: GHSA-x", "EPSS and KEV know ids such as CVE-2024-1234, and not GHSA-x"),
        ("kev: true, id: [a, b]", "EPSS and KEV know ids such as CVE-2024-1234, and not a"),
        (
            "kind: license, category: Forbidden",
            "licences have the categories forbidden, notice, permissive, reciprocal, restricted, unencumbered, unknown",
        ),
    ],
)
def test_rules_that_never_fit(gate: str, why: str) -> None:
    assert of_gate(gate) == [f"policy.yaml:2 mistake this rule never fits: {why}"]


@pytest.mark.parametrize(
    "gate",
    [
        "class: [os-pkgs, secret]", "class: custom", "kind: secret, class: custom", "kind: license, class: license-file",
        "class: lang-pkgs, purl: pkg:npm/x", "class: lang-pkgs, purl: [pkg:npm/x, pkg:deb/debian/x]",
        "epss: 0.1, id: [GHSA-x, CVE-2024-12345]", "kind: license, category: [forbidden, other]",
        "kind: secret, category: AWS", "id: GHSA-x",
    ],
)  # fmt: skip
def test_rules_that_can_fit(gate: str) -> None:
    assert of_gate(gate) == []


def test_ids_in_another_spelling() -> None:
    said = "mistake no finding is called cve-2024-1234: ids are spelled as CVE-2024-1234"
    assert of_gate("id: [CVE-2024-1, cve-2024-1234]") == [
        "policy.yaml:2 mistake no finding is called CVE-2024-1: ids are spelled as CVE-2024-1234",
        f"policy.yaml:2 {said}",
    ]
    assert of_exception(FIXED.replace("CVE", "cve")) == [f"policy.yaml:4 {said}"]


def test_rules_that_say_the_same() -> None:
    text = "images:\n  - match: '**'\n    scan:\n      max_age: 7d\n      fail_on: {kev: true}\n      warn_on:\n"
    assert findings(text + "        - {kev: true, kind: vulnerability}\n        - {kev: true, over: 1}") == [
        "policy.yaml:8 mistake this rule has no effect: policy.yaml:6 says the same"
    ]


def test_a_scan_that_nothing_follows_from() -> None:
    assert of_scan("max_age: 7d") == [
        "policy.yaml:2 mistake scan has no fail_on, warn_on or note_on: nothing that is found has an effect"
    ]


@pytest.mark.parametrize(
    ("scan", "text"),
    [
        ("fail_on: {kev: true}", "scan has no max_age: a scan counts until its signature ends, however old"),
        ("max_database_age: 7d, fail_on: {kev: true}", "scan has no max_age: a scan counts until its signature ends, however old"),
        (f"{GOOD}, required: false", "required false: who leaves the scan out gets round fail_on"),
        (f"{GOOD}, suppressed: accept", "suppressed accept: what the scanner was told to leave out is not judged"),
        (f"{GOOD}, incomplete: ignore", "incomplete ignore: what nobody may have looked for counts as not there"),
    ],
)  # fmt: skip
def test_what_gives_something_away(scan: str, text: str) -> None:
    assert of_scan(scan) == [f"policy.yaml:2 risk {text}"]


def test_what_only_warns_gives_nothing_away() -> None:
    assert of_scan("required: false, max_age: 7d, incomplete: ignore, warn_on: {severity: high}") == []


def test_exceptions_whose_time_is_over() -> None:
    ended = FIXED.replace("2026-12-31", "2026-11-30")
    said = "policy.yaml:4 mistake this exception ended with 2026-11-30: CVE-2024-1234 is judged again"
    assert of_exception(ended) == [said]
    assert of_exception(ended, today=date(2026, 11, 30)) == []
    assert of_exception(ended, today=None) == []


def test_exceptions_for_very_long() -> None:
    said = "policy.yaml:4 risk this exception ends on 2028-01-06, in more than 400 days"
    assert of_exception(FIXED.replace("2026-12-31", "2028-01-06")) == [said]
    assert of_exception(FIXED.replace("2026-12-31", "2028-01-05")) == []
    assert of_exception(FIXED.replace("2026-12-31", "2028-01-06"), today=None) == []


def test_exceptions_that_pass_anywhere() -> None:
    said = "passes wherever in the image it is"
    assert of_exception("id: [CVE-2024-1234, GHSA-x], expires: 2026-12-31") == [
        f"policy.yaml:4 risk without purl, package or path: CVE-2024-1234 (and its other names) {said}"
    ]
    for scope in ("package: x", "path: x", "purl: pkg:npm/x"):
        assert of_exception(f"id: CVE-2024-1234, expires: 2026-12-31, {scope}") == []


@pytest.mark.parametrize("match", ["quay.io/**", "registry.example.com/bar", "registry.example.com/fo*"])
def test_exceptions_for_images_that_no_rule_has_scanned(match: str) -> None:
    assert f"policy.yaml:4 mistake this exception does nothing: no image rule with scan fits {match}" in of_exception(
        f"{FIXED}, match: '{match}'"
    )


@pytest.mark.parametrize("match", ["'*.example.com/foo/web'", "'**'", "registry.*/**/web", "registry.example.com/f*/*"])
def test_exceptions_for_some_images_that_are_scanned(match: str) -> None:
    assert "policy.yaml:4 mistake this exception does" not in "".join(of_exception(f"{FIXED}, match: {match}"))


@pytest.mark.parametrize(
    ("scan", "more"),
    [
        (GOOD, "kind: license"),
        ("max_age: 7d, unknown_severity: ignore, fail_on: {kind: secret}", "kind: vulnerability"),
        ("max_age: 7d, unknown_severity: ignore, fail_on: {id: CVE-2024-9999}", "match: '**'"),
    ],
)
def test_exceptions_from_no_rule(scan: str, more: str) -> None:
    exception = "id: CVE-2024-1234, package: x, expires: 2026-12-31"
    said = "policy.yaml:4 mistake this exception does nothing: no rule on scans asks for CVE-2024-1234"
    assert of_exception(f"{exception}, {more}", scan) == [said]
    asked = "max_age: 7d, fail_on: [{severity: high}, {kind: license}, {id: [CVE-2024-1234]}]"
    assert of_exception(f"{exception}, {more}", asked) == []


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("secret", "purl", "pkg:npm/x"),
        ("license", "purl", "pkg:npm/x"),
        ("secret", "package", "x"),
        ("misconfiguration", "package", "x"),
    ],
)
def test_what_a_kind_does_not_have(kind: str, key: str, value: str) -> None:
    exception = f"id: a, {key}: {value}, expires: 2026-12-31, kind: {kind}"
    assert of_exception(exception, f"max_age: 7d, fail_on: {{kind: {kind}}}") == [
        f"policy.yaml:4 mistake this exception never fits: a {kind} has no {key}"
    ]


def test_exceptions_that_also_fit_others() -> None:
    assert of_exception(f"{FIXED}, match: 'registry.example.com**'") == [
        "policy.yaml:4 mistake registry.example.com** also fits hosts of others: write *.DOMAIN, or the whole host"
    ]


def test_stars_that_do_not_cross_slashes() -> None:
    said = "mistake ** stands for several parts of a path only alone between slashes, not in **.jar"
    assert of_gate("path: ['**.jar', '**/*.jar', usr/**]") == [f"policy.yaml:2 {said}"]
    assert of_exception("id: CVE-2024-1234, path: '**.jar', expires: 2026-12-31") == [f"policy.yaml:4 {said}"]
    assert of_gate("package: 'lib**'") == []
