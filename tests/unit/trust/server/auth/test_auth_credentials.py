"""The Authorization header: one reading, or none."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import AccessDenied
from pytrust.trust.limits import AUTHORIZATION_MAX_CHARS
from pytrust.trust.server.auth.credentials import Bearer, Password, is_user_name, read_authorization


def basic(data: bytes) -> str:
    return "Basic " + b64encode(data).decode()


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (basic(b"alice:wonder:land"), Password("alice", "wonder:land")),
        (basic("alice:\u00fcml\u00e4ut".encode()), Password("alice", "\u00fcml\u00e4ut")),
        (basic(b":"), Password("", "")),
        (basic(b"alice:x").replace("Basic", "bAsIc  "), Password("alice", "x")),
        ("Bearer a.b.c", Bearer("a.b.c")),
        ("bearer abc==", Bearer("abc==")),
        ("Bearer " + "x" * (AUTHORIZATION_MAX_CHARS - 7), Bearer("x" * (AUTHORIZATION_MAX_CHARS - 7))),
    ],
)
def test_read(header: str, found: Password | Bearer) -> None:
    assert read_authorization(header) == found


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Basic",
        "Basic ",
        " " + basic(b"alice:x"),
        basic(b"alice:x") + " ",
        basic(b"alice:x") + "\n",
        basic(b"alice:x") + ", Bearer x",
        basic(b"alice:x").replace(" ", "\t"),
        basic(b"alice"),
        basic(b"\xff:x"),
        basic(b"alice:x\xed\xa0\x80"),
        basic(b"alice:x1").rstrip("="),
        basic(b"alice:x1") + "=",
        "Basic YWxp-2U6eA==",
        "Bearer a b",
        "Bearer =a",
        "Bearer " + "x" * (AUTHORIZATION_MAX_CHARS - 6),
        "Digest abc",
        "Bearer\u00a0abc",
        "Bearer \u0430bc",
    ],
)
def test_refused(header: str) -> None:
    with pytest.raises(AccessDenied):
        read_authorization(header)


@given(st.text(max_size=60))
def test_any_header_is_read_or_refused(header: str) -> None:
    try:
        found = read_authorization(header)
    except AccessDenied:
        return
    assert isinstance(found, (Password, Bearer))


@given(st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))  # fmt: skip
def test_what_a_client_writes_is_what_is_read(user: str, password: str) -> None:
    assert read_authorization(basic(f"{user}:{password}".encode())) == Password(user, password)


def test_secrets_do_not_show() -> None:
    assert "wonder" not in repr(read_authorization(basic(b"alice:wonder")))
    assert "wonder" not in repr(read_authorization("Bearer wonder"))


@pytest.mark.parametrize("name", ["alice", "ci-7", "a.b@example.org", "A_1+x", "x" * 128])
def test_names(name: str) -> None:
    assert is_user_name(name)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "*", "a:b", "alice\n", "\u0430lice", "x" * 129, "a\0"])
def test_no_names(name: str) -> None:
    assert not is_user_name(name)
