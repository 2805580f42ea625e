"""The signed document: nothing gets lost in it, and it has one spelling."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.scanner.scan_cases import BAD, SCAN, scan, scans

from pytrust.scanner.finding import Finding, Suppressed
from pytrust.scanner.limits import DATABASE_VERSION_MAX, REPORT_MAX_BYTES
from pytrust.scanner.scan import Coverage, Database, Feeds, Scan, Scanner, Source, System, order
from pytrust.scanner.severity import Severity
from pytrust.scanner.statement import FORMAT, decode_scan, encode_scan
from pytrust.trust.errors import BadContent, UsageError
from pytrust.trust.limits import STATEMENT_MAX_BYTES
from pytrust.trust.names import Digest

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
WHOLE = replace(
    scan(BAD, replace(BAD, package="", purl="", path="app/.env", kev=False)),
    scanner=Scanner(version="0.74.0", arguments=("image", "--severity=A,B", ""), binary=Digest("99" * 32)),
    source=Source(digest=Digest("12" * 32), length=0, id="x", created_at=LAST),
    database=Database(version=2, updated_at=FIRST, asserted=True),
    coverage=Coverage(
        kinds=frozenset(),
        severities=frozenset({Severity.HIGH}),
        unfixed=False,
        files=(Digest("13" * 32),),
        asserted=True,
    ),
    system=System(family="debian", name='12 "bookworm" \u00fc', ended=True),
    feeds=Feeds(epss=date.min, kev=date.max),
    bound=False,
    suppressed=(Suppressed(finding=BAD, status="ignored", source=".trivyignore", statement="why"),),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.datetimes(timezones=st.just(UTC))
odd_findings = st.builds(Finding, id=texts, package=texts, version=texts, purl=texts, path=texts, target=texts)


def same(one: Scan, other: Scan) -> bool:
    """But for the order of findings that look the same."""
    sort = sorted(one.findings, key=repr), sorted(other.findings, key=repr)
    return sort[0] == sort[1] and replace(one, findings=()) == replace(other, findings=())


@given(scans)
def test_what_is_written_is_read(one: Scan) -> None:
    data = encode_scan(one)
    read = decode_scan(data, "it")
    assert same(read, one)
    assert encode_scan(read) == data
    assert list(map(order, read.findings)) == sorted(map(order, one.findings))


@given(st.lists(odd_findings, max_size=5), texts, moments, st.randoms())
def test_whatever_texts_a_report_has(found: list[Finding], text: str, at: datetime, chance: Any) -> None:
    one = replace(
        SCAN,
        scanned_at=at,
        findings=tuple(found),
        system=System(family=text, name=text),
        scanner=Scanner(name=text, arguments=(text,)),
        suppressed=tuple(Suppressed(finding=one, status=text, source=text) for one in found),
    )
    data = encode_scan(one)
    assert same(decode_scan(data, "it"), one)
    chance.shuffle(found)
    assert same(decode_scan(encode_scan(replace(one, findings=tuple(found))), "it"), one)


@pytest.mark.parametrize("one", [SCAN, WHOLE, replace(WHOLE, scanned_at=FIRST), replace(WHOLE, scanned_at=LAST)])
def test_all_of_it(one: Scan) -> None:
    assert same(decode_scan(encode_scan(one), "it"), one)


def test_what_is_as_usual_is_left_out() -> None:
    document = json.loads(encode_scan(replace(SCAN, database=Database(), coverage=Coverage(), feeds=Feeds())))
    assert {key: document[key] for key in document if key not in {"scanned_at", "source", "subject"}} == {
        "format": FORMAT,
        "scanner": {"name": "trivy"},
        "database": {},
        "coverage": {},
        "system": ["", "", False],
    }


def test_the_order_of_findings_is_no_other_document() -> None:
    one, other = BAD, replace(BAD, id="CVE-2026-0002", severity=Severity.LOW, target="app")
    assert encode_scan(replace(SCAN, findings=(one, other))) == encode_scan(replace(SCAN, findings=(other, one)))


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The whole document after a change, spelled as ours are."""
    document = json.loads(encode_scan(WHOLE))
    change(document)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def row(index: int, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["places"][0][3][0][4][0].__setitem__(index, value)


def part(name: str, key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document[name].__setitem__(key, value)


def test_the_edited_document_is_ours_where_nothing_is_edited() -> None:
    assert edited(lambda _: None) == encode_scan(WHOLE)


SHAPES: dict[str, Callable[[dict[str, Any]], object]] = {
    "format": lambda document: document.update(format="pytrust-scan/2"),
    "no format": lambda document: document.pop("format"),
    "no subject": lambda document: document.pop("subject"),
    "unknown key": lambda document: document.update(extra=1),
    "key by case": lambda document: document.update(Bound=True),
    "unknown inside": part("subject", "tag", "v1"),
    "default written": lambda document: document.update(bound=True),
    "empty part written": lambda document: document.update(places=[]),
    "name not normal": part("subject", "name", "foo/web"),
    "no name": part("subject", "name", "../web"),
    "digest by half": part("subject", "manifest", "sha256:abab"),
    "digest in capitals": part("subject", "config", "sha256:" + "CD" * 32),
    "digest of another kind": part("subject", "config", "sha512:" + "cd" * 64),
    "moment without a zone": lambda document: document.update(scanned_at="2026-12-01T07:30:00"),
    "moment elsewhere": lambda document: document.update(scanned_at="2026-12-01T08:30:00+01:00"),
    "moment that utc has not": lambda document: document.update(scanned_at="0001-01-01T00:00:00+14:00"),
    "moment as a number": lambda document: document.update(scanned_at=1),
    "moment with zeroes": lambda document: document.update(scanned_at="2026-12-01T07:30:00.000Z"),
    "length below nothing": part("source", "length", -1),
    "length beyond": part("source", "length", 10**30),
    "length of more than is read": part("source", "length", REPORT_MAX_BYTES + 1),
    "database of no version": part("database", "version", -1),
    "database beyond": part("database", "version", DATABASE_VERSION_MAX + 1),
    "length as a fraction": part("source", "length", 1.5),
    "arguments as one": part("scanner", "arguments", "image"),
    "kind unknown": part("coverage", "kinds", ["virus"]),
    "kinds unsorted": part("coverage", "kinds", ["vulnerability", "secret"]),
    "kinds twice": part("coverage", "kinds", ["secret", "secret"]),
    "severity beyond": part("coverage", "severities", [5]),
    "severity twice": part("coverage", "severities", [3, 3]),
    "system too short": lambda document: document.update(system=["debian", "12"]),
    "system ended by a number": lambda document: document.update(system=["debian", "12", 1]),
    "day nought": lambda document: document.update(epss=0),
    "day beyond": lambda document: document.update(kev=date.max.toordinal() + 1),
    "id no text": row(0, 1),
    "kind beyond": row(1, 4),
    "kind below": row(1, -1),
    "kind true": row(1, True),
    "severity of a finding": row(2, 5),
    "severity by name": row(2, "HIGH"),
    "score beyond": row(6, 101),
    "score not a number": row(6, "9.8"),
    "published nought": row(7, 0),
    "chance beyond": row(9, 100_001),
    "flags beyond": row(10, 4),
    "finding too long": lambda document: document["places"][0][3][0][4][0].append(1),
    "finding too short": lambda document: document["places"][0][3][0][4][0].pop(),
    "package without findings": lambda document: document["places"][0][3].append(["z", "", "", "", []]),
    "place without packages": lambda document: document["places"].append(["z", "z", "z", []]),
    "place twice": lambda document: document["places"].append(document["places"][0]),
    "package twice": lambda document: document["places"][0][3].append(document["places"][0][3][0]),
    "packages unsorted": lambda document: document["places"][0][3].reverse(),
    "left out without a finding": lambda document: document["left_out"][0][0].__setitem__(3, []),
}


@pytest.mark.parametrize("change", SHAPES.values(), ids=SHAPES.keys())
def test_another_shape_is_none(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(BadContent, match="the scan is no pytrust-scan/1") as error:
        decode_scan(edited(change), "the scan")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 300


GOOD = encode_scan(WHOLE)
SPELLINGS = {
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "half": GOOD[: len(GOOD) // 2],
    "two": GOOD + GOOD,
    "newline": GOOD + b"\n",
    "blank": b" " + GOOD,
    "mark": b"\xef\xbb\xbf" + GOOD,
    "utf-16": GOOD.decode().encode("utf-16"),
    "no utf-8": GOOD.replace(b"bookworm", b"bookw\xffrm"),
    "indented": json.dumps(json.loads(GOOD), indent=1).encode(),
    "key twice": GOOD.replace(b'"bound":false', b'"bound":false,"bound":false'),
    "escaped": GOOD.replace(b"debian", b"deb\\u0069an"),
    "half a character": GOOD.replace(b"bookworm", b"\\ud800"),
    "number written otherwise": GOOD.replace(b'"length":0', b'"length":-0'),
    "deep": GOOD[:-1] + b',"x":' + b"[" * 100_000,
    "large": GOOD + b" " * STATEMENT_MAX_BYTES,
    "digits": GOOD.replace(b'"length":0', b'"length":' + b"9" * 5_000),
}


@pytest.mark.parametrize("data", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_another_spelling_is_none(data: bytes) -> None:
    assert data != GOOD
    with pytest.raises(BadContent, match="the scan is no pytrust-scan/1"):
        decode_scan(data, "the scan")


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_one_byte_changed_is_another_scan_or_none(at: int, byte: int) -> None:
    data = GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    try:
        read = decode_scan(data, "it")
    except BadContent as error:
        assert str(error).isprintable()
    else:
        assert encode_scan(read) == data
        assert same(read, WHOLE) is (data == GOOD)


def test_half_a_character_is_not_signed() -> None:
    with pytest.raises(BadContent, match="half a character"):
        encode_scan(scan(replace(BAD, package="\ud800")))


def test_a_finding_takes_less_than_a_hundred_bytes() -> None:
    """Of thousands, as they are found: some of each package, packages with purls of their own."""
    found = tuple(
        replace(
            BAD,
            id=f"CVE-2026-{number:05}",
            package=f"lib{number // 4}",
            purl=f"pkg:deb/debian/lib{number // 4}@3.0.1-1?arch=amd64",
            path="",
        )
        for number in range(4_000)
    )
    each = (len(encode_scan(replace(SCAN, findings=found))) - len(encode_scan(SCAN))) / len(found)
    assert each < 100, each


def test_what_is_too_large_is_not_signed_and_says_so() -> None:
    found = tuple(replace(BAD, id=f"{number}", package="x" * 50 + str(number)) for number in range(8_000))
    with pytest.raises(UsageError, match="8000 findings"):
        encode_scan(replace(SCAN, findings=found))
