"""What clients hear when the answer is no: one error, typed, short enough for them to read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.server.refusals import Code, Name, Refusal

CLIENT_READS = 1024  # bytes; notary, storage/httpstore.go


def told(refusal: Refusal) -> dict[str, object]:
    """As the Go client reads it: cut, then decoded, then exactly one error."""
    document = json.loads(refusal.body()[:CLIENT_READS])
    (error,) = document["errors"]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize("code", [code for code in Code if code.status == 400], ids=lambda code: code.name)
def test_every_400_has_a_detail_that_clients_print(code: Code) -> None:
    error = told(Refusal(code, "the reason"))
    assert error == {
        "code": code.name,
        "message": code.text,
        "detail": {"Name": "ErrValidation", "Error": {"Msg": "the reason"}},
    }


@pytest.mark.parametrize("code", [code for code in Code if code.status != 400], ids=lambda code: code.name)
def test_no_other_status_says_what_only_we_should_know(code: Code) -> None:
    body = Refusal(code, "/var/lib/secret").body()
    assert b"secret" not in body
    assert b"detail" not in body


def test_the_byte_form() -> None:
    refusal = Refusal(Code.INVALID_UPDATE, "no snapshot", name=Name.BAD_HIERARCHY, missing="snapshot")
    assert refusal.body() == (
        b'{"errors":[{"code":"INVALID_UPDATE","message":"Update sent by the client is invalid.","detail":'
        b'{"Name":"ErrBadHierarchy","Error":{"Msg":"no snapshot","Missing":"snapshot"}}}]}\n'
    )


@given(st.text(max_size=5000), st.sampled_from([code for code in Code if code.status == 400]), st.sampled_from(Name))
def test_any_message_fits_what_a_client_reads(message: str, code: Code, name: Name) -> None:
    body = Refusal(code, message, name=name).body()
    assert len(body) <= CLIENT_READS
    assert body.endswith(b"}]}\n")
    assert body.count(b"\n") == 1
    detail = told(Refusal(code, message, name=name))["detail"]
    assert isinstance(detail, dict)
    said = detail["Error"]["Msg"]
    assert said == message or (said.endswith("...") and message.startswith(said[:-3]))


def test_a_long_message_is_not_cut_more_than_it_must() -> None:
    for char in ("x", '"', "\x00", "é", "\U0001f512"):
        assert 900 < len(Refusal(Code.VERSION, char * 5000).body()) <= CLIENT_READS


def test_a_fault_of_ours_is_told_from_one_of_theirs() -> None:
    assert {code.name for code in Code if code.is_ours} == {"UPDATING", "UNKNOWN", "UNAVAILABLE"}
