"""What a client is told, and what it is not."""

from __future__ import annotations

import json

import pytest

from pytrust.policy.core.decision import Reason
from pytrust.policy.proxy.answers import Answer, read_head
from pytrust.policy.proxy.words import capped, head, message, own, refusal, switching


def answer(*lines: str, status: str = "200 OK", bodiless: bool = False) -> Answer:
    return read_head("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode(), bodiless=bodiless)


def test_what_concerns_the_engines_connection_is_not_passed_on() -> None:
    sent = head(answer("Content-Length: 1", "Connection: close", "Keep-Alive: 5", "X-Other: y"), close=False)
    assert sent == b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Other: y\r\n\r\n"


def test_a_chunked_answer_is_chunked_anew_and_one_without_length_ends_with_the_connection() -> None:
    assert head(answer("Transfer-Encoding: chunked"), close=False).count(b"Transfer-Encoding: chunked") == 1
    assert b"Connection: close" in head(answer(), close=False)


@pytest.mark.parametrize(
    ("engine", "client"),
    [("1.41", "1.41"), ("1.51", "1.51"), ("1.52", "1.51"), ("1.100", "1.51"), ("2.0", "1.51"), ("none", "none")],
)
def test_no_api_is_promised_that_is_not_understood(engine: str, client: str) -> None:
    assert capped(engine.encode()) == client.encode()
    assert f"Api-Version: {client}".encode() in head(answer(f"Api-Version: {engine}", "Content-Length: 0"), close=False)


def test_a_client_that_asked_for_no_upgrade_gets_dockers_raw_stream() -> None:
    upgraded = answer("Content-Type: application/vnd.docker.multiplexed-stream", "Upgrade: tcp", status="101 UPGRADED")
    assert switching(upgraded, asked=False).startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"raw-stream" in switching(upgraded, asked=False)
    assert switching(upgraded, asked=True).startswith(b"HTTP/1.1 101 UPGRADED\r\n")
    assert b"multiplexed-stream" in switching(upgraded, asked=True)


def test_a_websocket_keeps_its_accept_key() -> None:
    upgraded = answer("Upgrade: websocket", "Sec-WebSocket-Accept: abc=", status="101 Switching Protocols")
    assert b"\r\nSec-WebSocket-Accept: abc=\r\n" in switching(upgraded, asked=True)


def test_a_refusal_says_every_reason_its_rule_and_the_way_out() -> None:
    reasons = (
        Reason(code="unsigned", text="foo is not signed", rule="images ** (policy.yaml:3)", hint="sign it"),
        Reason(code="privileged", text="privileged containers are not allowed"),
    )
    status, text = refusal(reasons)
    assert status == 403
    for part in ("foo is not signed", "images ** (policy.yaml:3)", "hint: sign it", "privileged containers"):
        assert part in text


def test_what_is_not_there_is_not_found_in_dockers_words() -> None:
    assert refusal((Reason(code="no-such-image", text="No such image: foo:1", firm=True),)) == (
        404,
        "No such image: foo:1",
    )


def test_what_is_missing_and_forbidden_is_forbidden() -> None:
    reasons = (Reason(code="no-such-image", text="No such image: a"), Reason(code="privileged", text="no"))
    assert refusal(reasons)[0] == 403


def test_an_own_answer_to_head_has_the_length_and_no_body() -> None:
    body = message('a "quoted" reason')
    assert own(403, body).endswith(body)
    assert json.loads(body) == {"message": 'a "quoted" reason'}
    sent = own(403, body, head_only=True)
    assert sent.endswith(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in sent
