"""What the commands for secrets take: each word has one reading, or none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.vaulted import FakeVaulted

from pytrust.cli import secret_words as words
from pytrust.trust.errors import InvalidName, NoSuchSecret, PytrustError, UsageError
from pytrust.trust.vault.asking import listed

NOW = 1_800_000_000  # 2027-01-15 08:00 UTC


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("1s", NOW + 1),
        ("5m", NOW + 300),
        ("12h", NOW + 43_200),
        ("90d", NOW + 90 * 86_400),
        ("4w", NOW + 28 * 86_400),
        ("1y", NOW + 365 * 86_400),
        ("2027-01-16", NOW + 16 * 3600),
        ("2027-01-15T08:01", NOW + 60),
        ("2027-01-15T08:01Z", NOW + 60),
        ("2027-01-15T10:01+02:00", NOW + 60),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("never", None),
    ],
)
def test_when_a_time_is_over(text: str, end: int | None) -> None:
    assert words.parse_end(text, NOW) == end


def test_a_date_is_of_utc_wherever_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert words.parse_end("2027-01-16", NOW) == NOW + 16 * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "Never",
        "90",
        "d",
        "-1d",
        "1.5d",
        "90 d",
        "9999999d",
        "999999y",
        "9000y",
        "0d",
        "2027-01-15",
        "2026-06-30",
        "1970-01-01",
        "2027-13-01",
        "10000-01-01",
        "٩d",
        "90d\n",
        "inf",
    ],
)
def test_what_is_no_time_or_is_over(text: str) -> None:
    with pytest.raises(UsageError):
        words.parse_end(text, NOW)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_a_sentence(text: str) -> None:
    try:
        end = words.parse_end(text, NOW)
    except UsageError as error:
        assert str(error).isprintable()
    else:
        assert end is None or NOW < end <= 253_402_300_799


def test_labels() -> None:
    assert words.parse_labels(["team=web", "url=https://x/?a=b", "empty="]) == {
        "team": "web",
        "url": "https://x/?a=b",
        "empty": "",
    }


@pytest.mark.parametrize("texts", [["team"], ["=web"], [""], ["team=a", "team=b"]])
def test_what_is_no_label(texts: list[str]) -> None:
    with pytest.raises(UsageError, match="label"):
        words.parse_labels(texts)


@pytest.mark.parametrize(
    ("text", "reader"),
    [
        ("uid:0", "uid:0"),
        ("image:foo/web", "image:docker.io/foo/web"),
        ("image:web", "image:docker.io/library/web"),
        ("image:registry.example.com/foo/web", "image:registry.example.com/foo/web"),
        ("image:docker.io/foo/**", "image:docker.io/foo/**"),
        ("image:**", "image:**"),
        ("service:web-*", "service:web-*"),
    ],
)
def test_readers_are_spelled_in_full(text: str, reader: str) -> None:
    assert words.parse_readers([text, reader]) == (reader,)


@pytest.mark.parametrize(
    "text",
    [
        *("", "root", "uid:", "uid:01", "uid:-1", "uid:99999999999", "user:web", "service:", "service:\n", "image:"),
        *(
            "image:foo/*",
            "image:Foo/web",
            "image:foo/web:v1",
            f"image:foo/web@sha256:{'0' * 64}",
            "image:***",
            "image:a b",
        ),
    ],
)
def test_who_could_never_read_is_refused(text: str) -> None:
    with pytest.raises(PytrustError):
        words.parse_readers([text])


def test_own_names_are_left_alone() -> None:
    for name in ("pytrust/key/ca/root", "pytrust/x"):
        with pytest.raises(InvalidName, match="own"):
            words.parse_name(name)
    assert words.parse_name("pytrust") == "pytrust"


@pytest.mark.parametrize("text", ["a b", "\x1b", "ä", "a" * 201, "a\n"])
def test_what_begins_no_name(text: str) -> None:
    with pytest.raises(InvalidName):
        words.parse_prefix(text)


@pytest.fixture
def vault() -> FakeVaulted:
    made = FakeVaulted()
    for name in ("a", "shop/db", "shop/web/key", "shopping", "pytrust/login/x", "z"):
        made.put(name, b"v")
    return made


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        ([], ["a", "shop/db", "shop/web/key", "shopping", "z"]),
        (["shop/"], ["shop/db", "shop/web/key"]),
        (["z", "a", "z"], ["a", "z"]),
        (["shop/web/key", "shop/"], ["shop/db", "shop/web/key"]),
    ],
)
def test_what_is_chosen(vault: FakeVaulted, texts: list[str], names: list[str]) -> None:
    assert [secret.name for secret in words.chosen(vault, texts)] == names


@pytest.mark.parametrize("text", ["shop", "pytrust/", "pytrust/login/x", "pytrust/login/", "none/", "../", "/", "//"])
def test_what_cannot_be_chosen(vault: FakeVaulted, text: str) -> None:
    with pytest.raises((NoSuchSecret, InvalidName)):
        words.chosen(vault, ["a", text])


def test_every_page_is_read(vault: FakeVaulted) -> None:
    for number in range(2100):
        vault.put(f"n{number:05}", b"v")
    assert len(list(listed(vault))) == 2105
