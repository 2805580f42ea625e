"""Rules on scans, and exceptions, in the policy file: what they say is what the gate gets; all else is refused."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from pytrust.policy.core.rules import ImageRule
from pytrust.policy.document import parse_policy
from pytrust.policy.scan_rules import KEYS
from pytrust.policy.schema import policy_schema
from pytrust.policy.strictyaml import parse_yaml
from pytrust.scanner.finding import Kind
from pytrust.scanner.purls import canonical
from pytrust.scanner.rules import Action, Fix, GateRule, ScanRules, Waiver
from pytrust.scanner.severity import Severity
from pytrust.trust.errors import UsageError
from pytrust.trust.names import Digest

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
HEX = "4f" * 32
FULL = f"""\
version: 1
images:
  - match: registry.example.com/foo/**
    scan:
      max_age: 7d
      max_database_age: 36h
      fail_on:
        - {{severity: high, fix: available}}
        - {{kev: true}}
        - {{kind: secret}}
        - kind: license
          category: [forbidden, restricted]
        - {{severity: medium, age: 90d, package: ["openssl*"], class: [os-pkgs], over: 5, cvss: 7.5, epss: 0.25,
           seen: 14d, id: [CVE-2024-1, CVE-2024-2], type: debian, path: [usr/**, opt/*], purl: pkg:deb/debian/openssl,
           ransomware: true}}
      warn_on: {{severity: medium, cvss: "10", epss: "0.00012"}}
      note_on: {{severity: low, fix: none}}
      end_of_life: deny
      unknown_severity: note
      incomplete: ignore
      suppressed: accept
      vex: ignore
      since: 2026-11-01
  - match: quay.io/**
    scan: {{required: false}}
  - match: '**'
exceptions:
  - id: CVE-2024-1234
    match: registry.example.com/foo/**
    purl: [pkg:deb/debian/openssl, "pkg:pypi/Django_x"]
    reason: not reachable
    owner: alice@example.com
    expires: 2026-12-31
  - {{id: [CVE-2024-1, GHSA-x], image: "sha256:{HEX}", package: curl, path: [usr/bin/curl], kind: vulnerability,
      until_fixed: true, reason: "é", owner: b, expires: "2027-01-01"}}
"""
V = "version: 1\n"
SCAN = V + "images:\n  - match: '**'\n    scan:\n"
GATE = SCAN + "      fail_on:\n        - "
FAIL = SCAN + "      fail_on: "
WAIVER = V + "exceptions:\n  - {id: CVE-2024-1, reason: r, owner: o, expires: 2026-12-31"


def images(text: str) -> tuple[ImageRule, ...]:
    return parse_policy(text, what="/etc/pytrust/policy.yaml").images


def rules(text: str) -> ScanRules:
    found = images(text)[0].scan
    assert found is not None
    return found


def waivers(text: str) -> tuple[Waiver, ...]:
    return parse_policy(text, what="/etc/pytrust/policy.yaml").waivers


def fits(text: str) -> bool:
    """Whether the published schema takes it; for an editor, as here, a date is text."""
    return bool(Draft202012Validator(policy_schema()).is_valid(parse_yaml(text.encode(), what="x").value))


def test_every_key_of_a_scan() -> None:
    assert rules(FULL) == ScanRules(
        max_age=timedelta(days=7),
        database_max_age=timedelta(hours=36),
        gates=(
            GateRule(severity=Severity.HIGH, fix=Fix.AVAILABLE, where="policy.yaml:8"),
            GateRule(kev=True, where="policy.yaml:9"),
            GateRule(kind=Kind.SECRET, where="policy.yaml:10"),
            GateRule(kind=Kind.LICENSE, categories=("forbidden", "restricted"), where="policy.yaml:11"),
            GateRule(
                severity=Severity.MEDIUM,
                age=90,
                seen=14,
                packages=("openssl*",),
                families=("os-pkgs",),
                ecosystems=("debian",),
                ids=("CVE-2024-1", "CVE-2024-2"),
                paths=("usr/**", "opt/*"),
                purls=("pkg:deb/debian/openssl",),
                over=5,
                cvss=75,
                epss=25_000,
                ransomware=True,
                where="policy.yaml:13",
            ),
            GateRule(action=Action.WARN, severity=Severity.MEDIUM, cvss=100, epss=12, where="policy.yaml:16"),
            GateRule(action=Action.AUDIT, severity=Severity.LOW, fix=Fix.NONE, where="policy.yaml:17"),
        ),
        ended=Action.DENY,
        unknown=Action.AUDIT,
        incomplete=None,
        suppressed=False,
        vex=False,
        since=date(2026, 11, 1),
        where="policy.yaml:4",
    )


def test_every_key_of_an_exception() -> None:
    assert waivers(FULL) == (
        Waiver(
            ids=("CVE-2024-1234",),
            match="registry.example.com/foo/**",
            purls=("pkg:deb/debian/openssl", "pkg:pypi/django-x"),
            reason="not reachable",
            owner="alice@example.com",
            expires=date(2026, 12, 31),
            where="policy.yaml:28",
        ),
        Waiver(
            ids=("CVE-2024-1", "GHSA-x"),
            digest=Digest(HEX),
            packages=("curl",),
            paths=("usr/bin/curl",),
            kind=Kind.VULNERABILITY,
            until_fixed=True,
            reason="é",
            owner="b",
            expires=date(2027, 1, 1),
            where="policy.yaml:34",
        ),
    )


def test_what_is_left_out() -> None:
    assert images(FULL)[1].scan == ScanRules(required=False, ended=Action.WARN, where="policy.yaml:25")
    assert images(FULL)[2].scan is None
    assert waivers(V) == ()
    assert rules(V + "images: [{match: '**', scan: {}}]") == ScanRules(ended=Action.WARN, where="policy.yaml:2")


def test_one_or_a_list() -> None:
    one, listed = rules(FAIL + "{severity: high}").gates, rules(FAIL + "[{severity: high}]").gates
    assert one == listed == (GateRule(severity=Severity.HIGH, where="policy.yaml:5"),)
    assert rules(FAIL + "{id: a}").gates == rules(FAIL + "{id: [a]}").gates


@pytest.mark.parametrize(
    ("text", "tenths"),
    [("0", 0), ("7", 70), ("7.0", 70), ("7.5", 75), ("'7.5'", 75), ("10", 100), ("10.0", 100), ("'10.0'", 100),
     ("0.1", 1), ("0.3", 3), ("2.9", 29), ("8.2", 82), ("9.70", 97)],
)  # fmt: skip
def test_scores_are_read_exactly(text: str, tenths: int) -> None:
    assert rules(FAIL + f"{{cvss: {text}}}").gates[0].cvss == tenths
    assert fits(FAIL + f"{{cvss: {text}}}")


@pytest.mark.parametrize(
    ("text", "parts"),
    [("0", 0), ("1", 100_000), ("1.0", 100_000), ("0.25", 25_000), ("0.00001", 1), ("'0.97553'", 97_553), ("0.1", 10_000),
     ("0.57", 57_000), ("0.29", 29_000)],
)  # fmt: skip
def test_likelihoods_are_read_exactly(text: str, parts: int) -> None:
    assert rules(FAIL + f"{{epss: {text}}}").gates[0].epss == parts
    assert fits(FAIL + f"{{epss: {text}}}")


@given(st.integers(0, 100), st.integers(0, 100_000))
def test_every_score_and_likelihood(tenths: int, parts: int) -> None:
    text = f"{{cvss: {tenths // 10}.{tenths % 10}, epss: {parts // 100_000}.{parts % 100_000:05}}}"
    gate = rules(FAIL + text).gates[0]
    assert (gate.cvss, gate.epss) == (tenths, parts)


@pytest.mark.parametrize(
    ("text", "span"),
    [("1d", timedelta(days=1)), ("999d", timedelta(days=999)), ("1h", timedelta(hours=1)), ("9999h", timedelta(hours=9999))],
)  # fmt: skip
def test_ages(text: str, span: timedelta) -> None:
    assert rules(SCAN + f"      max_age: {text}").max_age == span


WRONG_SHAPE = [
    (SCAN + "      requird: true", 5, "unknown key 'requird' in scan; known: required, max_age, max_database_age, fail_on, warn_on, note_on, end_of_life, unknown_severity, incomplete, suppressed, vex, since"),
    (GATE + "{severty: high}", 6, "unknown key 'severty' in fail_on; known: kind, severity, fix, cvss, age, seen, epss, kev, ransomware, id, class, type, package, path, purl, category, over"),
    (FAIL + "\n        severty: high", 6, "unknown key 'severty' in fail_on; known: kind, severity"),
    (WAIVER + ",\n    cve: x}", 4, "unknown key 'cve' in exceptions; known: id, reason, owner, expires, match, image, kind, purl, package, path, until_fixed"),
    (V + "images:\n  - match: '**'\n    scan:", 4, "scan: expected a mapping, got nothing"),
    (V + "images:\n  - match: '**'\n    scan: required", 4, "scan: expected a mapping, got text"),
    (SCAN + "      required: maybe", 5, "required: expected true or false, got text"),
    *((SCAN + f"      max_age: {text}", 5, "max_age: expected ") for text in ("7", "0d", "07d", "-1d", "1000d", "10000h", "7w", "7 d", "7D", "1.5d", "''", "\"7d\\n\"", "7.5", "[7d]", "true")),
    (SCAN + "      max_age: 7w", 5, "max_age: expected of the scan and its database"),
    (FAIL + "[]", 5, "fail_on: expected a list of length >= 1"),
    (FAIL, 5, "fail_on: expected a mapping or a list, got nothing"),
    (FAIL + "high", 5, "fail_on: expected a mapping or a list, got text"),
    (FAIL + f"[{', '.join(['{kev: true}'] * 65)}]", 5, "fail_on: expected a list of length <= 64"),
    (GATE + "high", 6, "fail_on: expected a mapping, got text"),
    (GATE + "{severity: High}", 6, "severity: 'High' is not known; known: critical, high, low, medium"),
    (GATE + "{severity: unknown}", 6, "severity: 'unknown' is not known"),
    (GATE + "{severity: [high]}", 6, "severity: expected text, got a list"),
    (GATE + "{kind: virus}", 6, "kind: 'virus' is not known; known: license, misconfiguration, secret, vulnerability"),
    (GATE + "{fix: maybe}", 6, "fix: 'maybe' is not known; known: any, available, none"),
    (GATE + "{fix: true}", 6, "fix: expected text, got true or false"),
    (GATE + "{kev: yes}", 6, "kev: expected true or false, got text"),
    (GATE + "{cvss: 10.1}", 6, "cvss: expected a number <= 10.0"),
    (GATE + "{cvss: '10.1'}", 6, "cvss: expected a score from 0 to 10, as 7.5"),
    (GATE + "{cvss: '7.55'}", 6, "cvss: expected a score from 0 to 10, as 7.5"),
    (GATE + "{cvss: high}", 6, "cvss: expected a score from 0 to 10, as 7.5"),
    (GATE + "{cvss: []}", 6, "cvss: expected a number or text, got a list"),
    (GATE + "{cvss: true}", 6, "cvss: expected a number or text, got true or false"),
    (GATE + "{epss: 2}", 6, "epss: expected a number <= 1.0"),
    (GATE + "{epss: 1.5}", 6, "epss: expected a number <= 1.0"),
    (GATE + "{epss: 25%}", 6, "epss: expected a share from 0 to 1, as 0.25"),
    *((GATE + f"{{age: {text}}}", 6, "age: expected published this long ago, in days: 90d") for text in ("3h", "0d", "10000d", "d")),
    (GATE + "{age: 90}", 6, "age: expected text, got a whole number"),
    (GATE + "{seen: 2026-01-01}", 6, "seen: expected first seen here this long ago, in days: 14d"),
    (GATE + "{class: [os]}", 6, "class: 'os' is not known; known: config, custom, lang-pkgs, license, license-file, os-pkgs, secret"),
    (GATE + "{id: []}", 6, "id: expected a list of length >= 1"),
    (GATE + f"{{id: [{', '.join(['x'] * 257)}]}}", 6, "id: expected a list of length <= 256"),
    (GATE + "{id: 1}", 6, "id: expected text or a list, got a whole number"),
    (GATE + "{package: 1.10}", 6, "package: expected text or a list, got a number"),
    (GATE + "{package: [1]}", 6, "package: expected text, got a whole number"),
    (GATE + "{over: -1}", 6, "over: expected a whole number >= 0"),
    (GATE + "{over: 1000001}", 6, "over: expected a whole number <= 1000000"),
    (GATE + "{over: 1.5}", 6, "over: expected a whole number, got a number"),
    (SCAN + "      end_of_life: fail", 5, "end_of_life: 'fail' is not known; known: deny, ignore, note, warn"),
    (SCAN + "      suppressed: ignore", 5, "suppressed: 'ignore' is not known; known: accept, judge"),
    (SCAN + "      vex: judge", 5, "vex: 'judge' is not known; known: accept, ignore"),
    (SCAN + "      since: yesterday", 5, "since: expected a day: what was first seen before it passes: 2026-11-01"),
    (V + "images:\n  - {match: '**', unsigned: allow, scan: {}}", 3, "images: scan and unsigned exclude each other"),
    (V + "exceptions: {}", 2, "exceptions: expected a list, got a mapping"),
    (V + "exceptions:\n  - {}", 3, "id is missing in exceptions"),
    (V + "exceptions:\n  - {id: a}", 3, "reason is missing in exceptions"),
    (V + "exceptions:\n  - {id: a, reason: r, owner: o}", 3, "expires is missing in exceptions"),
    *((WAIVER.replace("reason: r", f"reason: {text}") + "}", 3, "reason: expected why: one line that says something") for text in ("''", "' '", '"a\\nb"', '"\\e[31m"', '"a\\n"', '"a\\N"', '"a\\Lb"', '"\\u202eb"')),
    (WAIVER.replace("reason: r", f"reason: {'x' * 1001}") + "}", 3, "reason: expected text of length <= 1000"),
    (WAIVER.replace("owner: o", "owner: ''") + "}", 3, "owner: expected who answers for it"),
    (WAIVER.replace("owner: o", f"owner: {'x' * 201}") + "}", 3, "owner: expected text of length <= 200"),
    *((WAIVER.replace("2026-12-31", text) + "}", 3, "expires: expected a date, its last day in UTC: 2026-12-31") for text in ("never", "26-12-31", "2026-12-31T00:00:00Z", "'2026-1-1'", "''", '"2026-12-31\\n"')),
    (WAIVER + ", image: web:v2}", 3, "image: expected one image alone, by its digest: sha256:"),
    (WAIVER + f", image: 'sha256:{HEX.upper()}'}}", 3, "image: expected one image alone"),
    (WAIVER + ", until_fixed: yes}", 3, "until_fixed: expected true or false, got text"),
    (WAIVER + ", kind: virus}", 3, "kind: 'virus' is not known"),
]  # fmt: skip
# What the schema has no words for, and ``jsonschema`` cannot know.
WRONG_SENSE = [
    (GATE + "{cvss: 7.55}", 6, "7.55 has more than one decimal"),
    (GATE + "{epss: 0.123456}", 6, "0.123456 has more than 5 decimals"),
    (SCAN + "      since: 2026-02-30", 5, "there is no day 2026-02-30"),
    (WAIVER.replace("2026-12-31", "2026-13-01") + "}", 3, "there is no day 2026-13-01"),
    (WAIVER + ",\n    match: foo/*}", 4, "no image name can fit 'foo/*'"),
    (WAIVER + ",\n    purl: openssl}", 4, "openssl is no package URL"),
    (WAIVER + ",\n    purl: [pkg:deb/debian/x,\n      'pkg:']}", 5, "pkg: is no package URL"),
    (GATE + "kind: vulnerability\n          purl: x", 7, "x is no package URL"),
    (GATE + "package: ['a*',\n            '*a*b*c*d*e*f*g*h*']", 7, "has more than 8 wildcards"),
    (GATE + "path: 'a/***'", 6, "has three stars in a row"),
    (GATE + "path: ''", 6, "'' is no pattern for values"),
    (GATE + "id: CVE-2024-*", 6, "'CVE-2024-*' has a wildcard, and is compared as it is"),
    (GATE + "id: [a,\n            '']", 7, "'' names nothing"),
    (GATE + "type: \"a\\tb\"", 6, "names nothing"),
    (WAIVER.replace("CVE-2024-1", "'*'") + "}", 3, "has a wildcard"),
    (WAIVER.replace("CVE-2024-1", "x" * 257) + "}", 3, "names nothing"),
    (GATE + "kind: secret\n          cvss: 7", 7, "a secret has no cvss; it has: category, class, id, path, seen, severity"),
    (GATE + "kind: secret\n          package: x", 7, "a secret has no package"),
    (GATE + "kind: misconfiguration\n          fix: none", 7, "a misconfiguration has no fix"),
    (GATE + "kind: license\n          kev: true", 7, "a license has no kev"),
    (GATE + "category: forbidden", 6, "a vulnerability has no category"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "why"), [*WRONG_SHAPE, *WRONG_SENSE])
def test_what_is_refused_and_where(text: str, line: int, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        waivers(text)
    assert str(caught.value).startswith(f"/etc/pytrust/policy.yaml:{line}: ")
    assert why in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("text", [FULL, *(text for text, _, _ in WRONG_SENSE)])
def test_the_schema_takes_what_has_the_right_shape(text: str) -> None:
    assert fits(text)


@pytest.mark.parametrize("text", [text for text, _, _ in WRONG_SHAPE])
def test_the_schema_refuses_what_the_decoder_refuses(text: str) -> None:
    assert not fits(text)


# -- what is written out is read back ---------------------------------------------------------------------------------

LINES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="".join(map(chr, range(0x7F, 0xA0)))),
    max_size=30,
)
LINE = LINES.filter(str.strip)
EXACT = st.lists(LINE.filter(lambda text: "*" not in text and text.isprintable()), min_size=1, max_size=3)
PATTERN = st.lists(st.sampled_from(["openssl", "lib*", "**/x", "usr/*/b*", "a b", "'"]), min_size=1, max_size=3)
PURL = st.lists(
    st.sampled_from(["pkg:deb/debian/openssl", "pkg:npm/%40a/b@1.0", "pkg:PyPI/Django_x"]), min_size=1, max_size=3
)
DATES = st.dates(min_value=date(1970, 1, 1)).map(str)
DAYS = st.integers(1, 9999).map(lambda number: f"{number}d")
AGES = st.one_of(
    st.integers(1, 999).map(lambda number: f"{number}d"), st.integers(1, 9999).map(lambda number: f"{number}h")
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "severity": st.sampled_from(["low", "medium", "high", "critical"]),
    "fix": st.sampled_from(Fix),
    "cvss": st.integers(0, 100).map(lambda tenths: tenths / 10),
    "age": DAYS,
    "seen": DAYS,
    "epss": st.integers(0, 100_000).map(lambda parts: f"{parts // 100_000}.{parts % 100_000:05}"),
    "kev": st.booleans(),
    "ransomware": st.booleans(),
    "id": EXACT,
    "class": st.lists(st.sampled_from(["os-pkgs", "secret", "config"]), min_size=1, max_size=2),
    "type": EXACT,
    "package": PATTERN,
    "path": PATTERN,
    "purl": PURL,
    "category": EXACT,
}


@st.composite
def gates(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(Kind))
    optional: dict[str, st.SearchStrategy[Any]] = {key: VALUES[key] for key in KEYS[kind]}
    return draw(st.fixed_dictionaries({"kind": st.just(kind)}, optional={**optional, "over": st.integers(0, 10**6)}))


GATES = st.lists(gates(), min_size=1, max_size=4)
OUTCOME = st.sampled_from(["deny", "warn", "note", "ignore"])
SCANS = st.fixed_dictionaries(
    {},
    optional={
        "required": st.booleans(), "max_age": AGES, "max_database_age": AGES, "fail_on": GATES, "warn_on": GATES,
        "note_on": GATES, "end_of_life": OUTCOME, "unknown_severity": OUTCOME, "incomplete": OUTCOME,
        "suppressed": st.sampled_from(["judge", "accept"]), "vex": st.sampled_from(["accept", "ignore"]), "since": DATES,
    },
)  # fmt: skip
WAIVERS = st.fixed_dictionaries(
    {"id": EXACT, "reason": LINE, "owner": LINE, "expires": DATES},
    optional={
        "match": st.sampled_from(["**", "a.b/*"]), "image": st.just(f"sha256:{HEX}"), "kind": st.sampled_from(Kind),
        "purl": PURL, "package": PATTERN, "path": PATTERN, "until_fixed": st.booleans(),
    },
)  # fmt: skip


def spelled(rules: ScanRules) -> dict[str, Any]:
    """A scan section for these rules, every key written out."""
    words = {Action.DENY: "deny", Action.WARN: "warn", Action.AUDIT: "note", None: "ignore"}
    listed = {
        key: [gate_spelled(gate) for gate in rules.gates if gate.action is action]
        for key, action in (("fail_on", Action.DENY), ("warn_on", Action.WARN), ("note_on", Action.AUDIT))
    }
    return {
        "required": rules.required,
        **{
            key: f"{int(span.total_seconds()) // 3600}h" if span % timedelta(days=1) else f"{span.days}d"
            for key, span in (("max_age", rules.max_age), ("max_database_age", rules.database_max_age))
            if span is not None
        },
        **{key: value for key, value in listed.items() if value},
        "end_of_life": words[rules.ended],
        "unknown_severity": words[rules.unknown],
        "incomplete": words[rules.incomplete],
        "suppressed": "judge" if rules.suppressed else "accept",
        "vex": "accept" if rules.vex else "ignore",
        **({"since": str(rules.since)} if rules.since else {}),
    }


def gate_spelled(gate: GateRule) -> dict[str, Any]:
    found = {
        "severity": gate.severity.word if gate.severity else None,
        "fix": None if gate.fix is Fix.ANY else gate.fix,
        "cvss": None if gate.cvss is None else f"{gate.cvss // 10}.{gate.cvss % 10}",
        "age": gate.age and f"{gate.age}d",
        "seen": gate.seen and f"{gate.seen}d",
        "epss": None if gate.epss is None else gate.epss / 100_000 if gate.epss > 10 else f"0.{gate.epss:05}",
        "kev": gate.kev or None,
        "ransomware": gate.ransomware or None,
    }
    several = {
        "id": gate.ids, "class": gate.families, "type": gate.ecosystems, "package": gate.packages, "path": gate.paths,
        "purl": gate.purls, "category": gate.categories,
    }  # fmt: skip
    plain = {key: value for key, value in found.items() if value is not None}
    return {
        "kind": gate.kind,
        **plain,
        **{key: list(value) for key, value in several.items() if value},
        "over": gate.over,
    }


@RELAXED
@given(SCANS)
def test_what_is_written_out_is_read_back(written: dict[str, Any]) -> None:
    text = json.dumps({"version": 1, "images": [{"match": "**", "scan": written}]})
    assert fits(text)
    first = rules(text)
    assert rules(json.dumps({"version": 1, "images": [{"match": "**", "scan": spelled(first)}]})) == first
    assert len(first.gates) == sum(len(written.get(key, ())) for key in ("fail_on", "warn_on", "note_on"))


@RELAXED
@given(st.lists(WAIVERS, max_size=4))
def test_exceptions_that_are_written_out_are_read_back(written: list[dict[str, Any]]) -> None:
    text = json.dumps({"version": 1, "exceptions": written})
    assert fits(text)
    for waiver, entry in zip(waivers(text), written, strict=True):
        assert (list(waiver.ids), waiver.reason, waiver.owner) == (entry["id"], entry["reason"], entry["owner"])
        assert str(waiver.expires) == entry["expires"]
        assert waiver.match == entry.get("match", "**")
        assert list(waiver.purls) == [canonical(purl) for purl in entry.get("purl", ())]
        assert list(waiver.packages) == entry.get("package", [])
        assert list(waiver.paths) == entry.get("path", [])


KEYS_AND_WORDS = st.sampled_from(
    [
        "fail_on",
        "kind",
        "severity",
        "cvss",
        "epss",
        "id",
        "class",
        "purl",
        "over",
        "max_age",
        "since",
        "required",
        "vex",
    ]
)
ANYTHING = st.sampled_from(
    [1, 0, -1, 7.5, True, None, "high", "secret", "7d", "2026-11-01", "pkg:deb/debian/x", "", "*"]
)


@RELAXED
@given(
    st.recursive(
        ANYTHING,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS_AND_WORDS, inner, max_size=4),
        max_leaves=15,
    )
)
def test_whatever_is_written_is_a_rule_of_the_schema_or_an_error(value: object) -> None:
    text = json.dumps({"version": 1, "images": [{"match": "**", "scan": value}]})
    try:
        found = rules(text)
    except UsageError as error:
        assert str(error).startswith("/etc/pytrust/policy.yaml:1: ")
        assert "`" not in str(error)
    else:
        assert fits(text)
        assert hash(found) == hash(rules(text))
