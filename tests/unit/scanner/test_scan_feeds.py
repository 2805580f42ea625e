"""Lists of what is, or will be, exploited: read as published, or not at all."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.scanner import feeds
from pytrust.scanner.feeds import read_epss, read_exploited
from pytrust.trust.errors import UsageError

HEAD = "#model_version:v2025.03.14,score_date:2026-12-01T12:00:00Z\ncve,epss,percentile\n"
GOOD = f"{HEAD}CVE-2026-0001,0.12345,0.9\nCVE-2026-0002,1,1.0\nCVE-2026-123456,0.00000,0\n".encode()


def test_chances_are_whole_numbers_by_id() -> None:
    for data in (GOOD, gzip.compress(GOOD), GOOD.replace(b"\n", b"\r\n")):
        found = read_epss(data, what="epss.csv")
        assert found.day == date(2026, 12, 1)
        assert found.chances == {"CVE-2026-0001": 12_345, "CVE-2026-0002": 100_000, "CVE-2026-123456": 0}
        assert (found.chance("CVE-2026-0002"), found.chance("CVE-2026-0003")) == (100_000, None)


def row(text: str) -> bytes:
    return f"{HEAD}{text}\n".encode()


BAD_EPSS: list[tuple[bytes, str]] = [
    (b"", "score_date"),
    (b"cve,epss,percentile\n", "score_date"),
    (b"score_date:2026-12-01\ncve,epss,percentile\n", "score_date"),
    (HEAD.replace("2026-12-01", "2026-13-01").encode() + b"CVE-2026-0001,0,0", "month"),
    (HEAD.replace("percentile", "rank").encode(), "second line"),
    (HEAD.encode(), "is empty"),
    *[
        (row(f"CVE-2026-0001,{chance},0"), "line 3 is no id")
        for chance in ("nan", "inf", "-inf", "-0.1", "1.00001", "1e999")
    ],
    (row("CVE-2026-0001,,0"), "float"),
    (row("CVE-2026-0001,half,0"), "float"),
    (row("CVE-2026-0001,0.5"), "unpack"),
    (row("CVE-2026-0001,0.5,1,1"), "unpack"),
    (row("GHSA-1,0.5,1"), "line 3 is no id"),
    (row(" CVE-2026-0001,0.5,1"), "line 3 is no id"),
    (row("CVE-\uff12026-0001,0.5,1"), "line 3 is no id"),
    (row('"' + "x" * 200_000 + '",0.5,1'), "field larger"),
    (row("\x1b[2J,\x1b[2J,1"), "no EPSS list"),
    (gzip.compress(GOOD)[:-4], "ends in the middle"),
    (gzip.compress(GOOD)[:40], "no EPSS list|ends in the middle"),
    (b"\x1f\x8b" + b"x" * 100, "no EPSS list"),
]


@pytest.mark.parametrize(("data", "words"), BAD_EPSS)
def test_another_file_is_no_list(data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        read_epss(data, what="epss.csv")
    assert str(error.value).startswith("epss.csv ")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 250


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "EPSS_MAX_BYTES", 100_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    bomb = b"".join([*(packer.compress(b"\n" * 1_000_000) for _ in range(20)), packer.flush()])
    assert len(bomb) < 100_000
    with pytest.raises(UsageError, match="grows to more than 100000 bytes"):
        read_epss(bomb, what="epss.csv")
    with pytest.raises(UsageError, match="larger than 100000"):
        read_epss(GOOD + b"\n" * 100_000, what="epss.csv")


def test_lines_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "EPSS_ROWS_MAX", 2)
    with pytest.raises(UsageError, match="more than 2 lines"):
        read_epss(GOOD, what="epss.csv")


def catalogue(*entries: Any, **changes: Any) -> bytes:
    usual = {"catalogVersion": "2026.12.01", "dateReleased": "2026-12-01T17:00:00.1234Z", "count": len(entries)}
    return json.dumps({**usual, "vulnerabilities": list(entries), **changes}).encode()


def entry(name: str = "CVE-2026-0001", used: str = "Unknown") -> dict[str, str]:
    return {"cveID": name, "vendorProject": "x", "knownRansomwareCampaignUse": used}


def test_exploited_and_by_whom() -> None:
    data = catalogue(entry(), entry("CVE-2026-0002", "Known"), {"cveID": "CVE-2026-0003"})
    found = read_exploited(data, what="kev.json")
    assert found.day == date(2026, 12, 1)
    assert found.ids == {"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"}
    assert found.ransomware == {"CVE-2026-0002"}


BAD_KEV: list[tuple[bytes, str]] = [
    (b"", "KEV"),
    (b"[]", "KEV"),
    (b"{}", "KEV"),
    (b"[" * 100_000, "KEV"),
    (b'{"vulnerabilities": ' + b"[" * 100_000, "KEV"),
    (b"\xff\xfe", "KEV"),
    (catalogue(), "is empty"),
    (catalogue(1), "KEV"),
    (catalogue({"cve": "CVE-2026-0001"}), "cveID"),
    (catalogue({"cveID": None}), "KEV"),
    (catalogue(entry("CVE-2026-0001\n")), "is no id"),
    (catalogue(entry("\x1b[2J" * 100)), "is no id"),
    (catalogue(entry(), dateReleased="yesterday"), "KEV"),
    (catalogue(entry(), vulnerabilities={"a": 1}), "KEV"),
    (GOOD, "KEV"),
]


@pytest.mark.parametrize(("data", "words"), BAD_KEV)
def test_another_file_is_no_catalogue(data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        read_exploited(data, what="kev.json")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


def test_a_catalogue_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "KEV_MAX_BYTES", 50)
    with pytest.raises(UsageError, match="larger than 50 bytes"):
        read_exploited(catalogue(entry()), what="kev.json")


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: GOOD + tail))
def test_whatever_comes_is_a_list_or_an_error(data: bytes) -> None:
    for read in (read_epss, read_exploited):
        try:
            read(data, what="x")
        except UsageError as error:
            assert str(error).isprintable()
