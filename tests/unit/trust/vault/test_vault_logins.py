"""Logins as secrets: what docker's helpers read and write, and nothing with two readings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import Damaged, UsageError
from pytrust.trust.limits import LOGIN_MAX_BYTES
from pytrust.trust.vault.logins import (
    Login,
    decode_value,
    encode_login,
    encode_value,
    find_server,
    labels,
    parse_login,
    parse_server,
    secret_name,
)
from pytrust.trust.vault.model import Terms, check_terms
from pytrust.trust.vault.names import is_own, parse_secret_name

CANARY = "canary-6d1f"
LINE = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=60)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def document(server: object = "r.example", username: object = "alice", secret: object = CANARY) -> bytes:
    return json.dumps({"ServerURL": server, "Username": username, "Secret": secret}).encode()


@given(LINE, LINE, ANY_TEXT)
def test_a_login_comes_back_as_it_was_stored(server: str, username: str, secret: str) -> None:
    login = parse_login(document(server, username, secret))
    assert login == Login(server, username, secret)
    assert parse_login(encode_login(decode_value(encode_value(login), server))) == login
    assert CANARY not in repr(parse_login(document(server, username, CANARY + "x")))


@given(LINE)
def test_the_name_and_labels_are_ones_that_the_vault_takes(server: str) -> None:
    name = secret_name(server)
    assert parse_secret_name(name) == name
    assert is_own(name)
    assert len(check_terms(Terms(tuple(labels(Login(server, "alice", "")).items()))).labels) == 2


def test_the_name_of_a_login_stays_what_it_was() -> None:
    """Logins that were stored must be found by every later version."""
    assert secret_name("https://index.docker.io/v1/") == "pytrust/login/79618eba999b582439820b4085b5a217"  # sha256sum


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (document(server=""), "no credentials server URL"),
        (document(username=""), "no credentials username"),
        (b"{}", "no credentials server URL"),
        (b'{"ServerURL":"r.example"}', "no credentials username"),
    ],
)
def test_what_docker_tells_by_its_words(data: bytes, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_login(data)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff\xfe\x01",
        b"null",
        b"1",
        b"[]",
        b'"text"',
        b'[{"ServerURL":"a","Username":"b","Secret":"canary-6d1f"}]',
        document() + document(),
        document()[:-1],
        document(server=1),
        document(secret=None),
        document(secret={"a": CANARY}),
        document(secret=[CANARY]),
        b'{"ServerURL":"a","ServerURL":"b","Username":"u","Secret":"canary-6d1f"}',
        b'{"ServerURL":"a","serverurl":"b","Username":"u","Secret":"canary-6d1f"}',
        b'{"ServerURL":"a","Username":"u","Secret":"canary-6d1f","SECRET":"other"}',
        b'{"ServerURL":"a","Username":"u","Secret":"\\ud800"}',
        document().replace(b"canary", b"can\xffary"),
        document(server="a\nb"),
        document(server="a\x00b"),
        document(username="a\x1b[2Jb"),
        document(server="a" * 513),
        document(username="a" * 513),
        document(secret=CANARY * LOGIN_MAX_BYTES),
        b"[" * 100_000,
        b'{"a":' * 10_000,
    ],
    ids=range(26),
)
def test_what_is_no_login_is_refused_and_not_repeated(data: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        parse_login(data)
    assert CANARY not in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300))
def test_junk_is_a_usage_error(data: bytes) -> None:
    for parse in (parse_login, parse_server):
        try:
            parse(data)
        except UsageError as error:
            assert str(error).isprintable()


def test_the_longest_line_that_go_reads() -> None:
    room = LOGIN_MAX_BYTES - len(document(secret=""))
    assert len(parse_login(document(secret="x" * room)).secret) == room
    with pytest.raises(UsageError):
        parse_login(document(secret="x" * (room + 1)))


def test_small_letters_and_further_fields_are_read_as_go_reads_them() -> None:
    data = b'{"serverurl":"r.example","USERNAME":"alice","Secret":"word","Label":"x"}'
    assert parse_login(data) == Login("r.example", "alice", "word")


@pytest.mark.parametrize(
    ("data", "server"), [(b"r.example", "r.example"), (b" https://r.example/v1/ \r\n", "https://r.example/v1/")]
)
def test_an_address_is_what_stands_between_the_spaces(data: bytes, server: str) -> None:
    assert parse_server(data) == server


@pytest.mark.parametrize("data", [b"", b" \n", b"a\nb", b"a\x00", b"\xff", b"a" * 513, b"a" * (LOGIN_MAX_BYTES + 1)])
def test_what_is_no_address(data: bytes) -> None:
    with pytest.raises(UsageError):
        parse_server(data)


@pytest.mark.parametrize("value", [b"", b"{}", b'{"username":"a"}', b'{"username":1,"secret":""}', b"\xff", b"[]"])
def test_a_value_that_is_none_of_ours(value: bytes) -> None:
    with pytest.raises(Damaged, match="r.example"):
        decode_value(value, "r.example")


HUB = "https://index.docker.io/v1/"
FOUND = [
    ("r.example", ["r.example"], "r.example"),
    ("r.example", ["https://r.example"], "https://r.example"),
    ("https://r.example/v2/", ["r.example"], "r.example"),
    ("https://R.example", ["r.example"], "r.example"),
    ("http://r.example", ["https://r.example"], None),
    ("r.example", ["r.example:443"], None),
    ("r.example:5000", ["r.example"], None),
    ("r.example:5000", ["http://r.example:5000/v1/"], "http://r.example:5000/v1/"),
    ("r.example", ["https://r.example", "https://r.example/v1/"], None),
    ("r.example", ["r.example", "https://r.example", "http://r.example"], "r.example"),
    ("r.example", ["https://other.example/r.example"], None),
    ("r.example", ["https://alice@r.example"], None),
    ("example", ["r.example"], None),
    ("[::1]:5000", ["https://[::1]:5000/v2/"], "https://[::1]:5000/v2/"),
    (HUB, [HUB, "index.docker.io"], HUB),
    ("ftp://r.example", ["r.example"], None),
    ("r.example", [], None),
]


@pytest.mark.parametrize(("asked", "kept", "found"), FOUND)
def test_which_login_is_meant(asked: str, kept: list[str], found: str | None) -> None:
    assert find_server(asked, kept) == found
