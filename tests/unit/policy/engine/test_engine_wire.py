"""One request head at a time: what is read, and what is refused with which status."""

from __future__ import annotations

import pytest

from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.head import HEADER_NAME_MAX_CHARS, HEADERS_MAX, RequestHead, require_json
from pytrust.policy.engine.wire import HEAD_MAX_BYTES, RequestReader

GET = "GET /_ping HTTP/1.1\r\nHost: docker\r\n"
POST = "POST /containers/create HTTP/1.1\r\nHost: docker\r\n"


def read(text: str | bytes) -> RequestHead | None:
    reader = RequestReader()
    reader.feed(text.encode("latin-1") if isinstance(text, str) else text)
    return reader.next_head()


def refused(text: str | bytes) -> int:
    with pytest.raises(Malformed) as caught:
        read(text)
    message = str(caught.value)
    assert message.isprintable()
    assert not message.endswith(".")
    return caught.value.status


def test_an_ordinary_head() -> None:
    text = "POST /v1.41/a?b=c HTTP/1.1\r\nHost: docker\r\nX-Registry-AUTH:\t a: b \r\nContent-Length: 05\r\n\r\nrest"
    assert read(text) == RequestHead(
        method="POST",
        target="/v1.41/a?b=c",
        headers={"host": "docker", "x-registry-auth": "a: b", "content-length": "05"},
        length=5,
        chunked=False,
        upgrade="",
        keep_alive=True,
        expect_continue=False,
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", {"length": None, "chunked": False, "upgrade": "", "keep_alive": True, "expect_continue": False}),
        ("Content-Length: 0\r\n", {"length": 0, "has_body": False}),
        ("Content-Length: 7\r\n", {"length": 7, "has_body": True}),
        ("Transfer-Encoding: chunked\r\n", {"length": None, "chunked": True, "has_body": True}),
        ("Connection: close\r\n", {"keep_alive": False}),
        ("Connection: Keep-Alive\r\n", {"keep_alive": True}),
        ("Connection: keep-alive ,\tClose\r\n", {"keep_alive": False}),
        ("Connection: Upgrade\r\nUpgrade: tcp\r\n", {"upgrade": "tcp"}),
        ("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n", {"upgrade": "websocket"}),
        ("Connection: upgrade\r\n", {"upgrade": "", "keep_alive": True}),
        ("Content-Length: 1\r\nExpect: 100-Continue\r\n", {"expect_continue": True}),
        ("TE: trailers\r\nX-Empty:\r\n", {"chunked": False}),
    ],
)
def test_what_a_head_says(more: str, expected: dict[str, object]) -> None:
    head = read(f"{POST}{more}\r\n")
    assert {name: getattr(head, name) for name in expected} == expected


def test_http_1_0_is_one_request_a_connection() -> None:
    head = read("GET / HTTP/1.0\r\n\r\n")
    assert head is not None
    assert not head.keep_alive
    assert refused("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == 400


REFUSED = [
    # the request line
    ("get / HTTP/1.1\r\n", 400),
    ("GET  / HTTP/1.1\r\n", 400),
    ("GET\t/ HTTP/1.1\r\n", 400),
    ("GET / HTTP/1.1 \r\n", 400),
    (" GET / HTTP/1.1\r\n", 400),
    ("GET / a HTTP/1.1\r\n", 400),
    ("GET /\r\n", 400),
    ("GET HTTP/1.1\r\n", 400),
    ("\r\nGET / HTTP/1.1\r\n", 400),
    (f"{'G' * 21} / HTTP/1.1\r\n", 400),
    ("GET / http/1.1\r\n", 400),
    ("GET / HTTP/1.1a\r\n", 400),
    ("GET / HTTP/01.1\r\n", 400),
    ("GET / HTTP/1.2\r\nHost: a\r\n", 505),
    ("GET / HTTP/0.9\r\nHost: a\r\n", 505),
    ("GET / HTTP/3\r\nHost: a\r\n", 505),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n", 505),
    # lines and fields
    (f"{GET}X-A: b\r\n folded\r\n", 400),
    (f"{GET}X-A: b\r\n\tfolded\r\n", 400),
    (f"{GET}X-A : b\r\n", 400),
    (f"{GET}X-A\t: b\r\n", 400),
    (f"{GET} X-A: b\r\n", 400),
    (f"{GET}X-A\r\n", 400),
    (f"{GET}: b\r\n", 400),
    (f"{GET}X(A): b\r\n", 400),
    (f"{GET}X-Ä: b\r\n", 400),
    (f"{GET}X-A: \xe4\r\n", 400),
    (f"{GET}X-A: \x00\r\n", 400),
    (f"{GET}X-A: \x0b\r\n", 400),
    (f"{GET}X-A: \x7f\r\n", 400),
    (f"{GET}X-A: a\rX-B: c\r\n", 400),
    (f"{GET}X-A: a\nX-B: c\r\n", 400),
    (f"{GET}X-A: a\r\r\n", 400),
    (f"{GET}{'X' * (HEADER_NAME_MAX_CHARS + 1)}: b\r\n", 400),
    (f"{GET}X-A: b\r\nx-a: b\r\n", 400),
    (f"{GET}Host: docker\r\n", 400),
    ("GET / HTTP/1.1\r\n", 400),
    ("GET / HTTP/1.1\r\nHost:\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a b\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a,b\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: user@a\r\n", 400),
    # framing
    (f"{POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
    (f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400),
    (f"{POST}Content-Length: 5\r\nContent-Length: 5\r\n", 400),
    (f"{POST}Content-Length: 5\r\ncontent-length: 6\r\n", 400),
    (f"{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
    *((f"{POST}Content-Length: {n}\r\n", 400) for n in ["", "+16", "-1", "0x10", "1_6", "1 6", "5, 5", "5.0", "٣", "1" * 16]),
    *((f"{POST}Transfer-Encoding: {t}\r\n", 400) for t in ["", "xchunked", "Chunked", "identity", "gzip, chunked", "chunked,"]),
    *((f"{m} / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n", 400) for m in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]),
    *((f"{m} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n", 400) for m in ["GET", "HEAD", "DELETE", "CONNECT"]),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400),
    ("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n", 400),
    ("POST / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: tcp\r\n", 400),
    (f"{POST}Trailer: X-A\r\n", 400),
    (f"{POST}Content-Encoding: gzip\r\n", 415),
    (f"{POST}Content-Encoding: identity\r\n", 415),
    # the connection
    *((f"{POST}Connection: {c}\r\n", 400) for c in ["", "X-Registry-Auth", "content-length", "close, host", "close;", "TE"]),
    (f"{POST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", 400),
    (f"{POST}Connection: Upgrade\r\nUpgrade: h2c\r\n", 400),
    (f"{POST}HTTP2-Settings: AAMAAABk\r\n", 400),
    (f"{POST}Connection: Upgrade\r\nUpgrade: tcp, websocket\r\n", 400),
    (f"{POST}Connection: Upgrade\r\nUpgrade:\r\n", 400),
    (f"{POST}Upgrade: tcp\r\n", 400),
    (f"{POST}Connection: close\r\nUpgrade: tcp\r\n", 400),
    (f"{POST}Expect: 200-ok\r\n", 417),
    (f"{POST}Expect:\r\n", 417),
]  # fmt: skip


@pytest.mark.parametrize(("text", "status"), REFUSED)
def test_what_is_refused(text: str, status: int) -> None:
    assert refused(f"{text}\r\n".encode()) == status


def test_other_protocols_are_told_what_is_spoken() -> None:
    for text in ("PRI * HTTP/2.0\r\n\r\n", f"{GET}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"):
        with pytest.raises(Malformed, match=r"only HTTP/1\.1 is spoken here"):
            read(text)


@pytest.mark.parametrize(
    "text",
    ["GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n", "\x16\x03\x01\x02\x00\x01", "GET /\x00", "GET\r/"],
)
def test_what_can_become_no_head_is_refused_before_it_ends(text: str) -> None:
    assert refused(text) == 400


@pytest.mark.parametrize("text", ["", "G", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\n", f"{GET}X-A: b\r\n\r"])
def test_an_incomplete_head_waits(text: str) -> None:
    assert read(text) is None


def test_the_size_of_a_head_is_bounded() -> None:
    room = HEAD_MAX_BYTES - len(f"{GET}X-A: \r\n\r\n")
    assert read(f"{GET}X-A: {'b' * room}\r\n\r\n") is not None
    assert refused(f"{GET}X-A: {'b' * (room + 1)}\r\n\r\n") == 431
    assert read(f"GET /{'a' * (HEAD_MAX_BYTES - 6)}") is None
    assert refused(f"GET /{'a' * (HEAD_MAX_BYTES - 5)}") == 431


def test_the_number_of_headers_is_bounded() -> None:
    fields = [f"X-{number}: a\r\n" for number in range(HEADERS_MAX - 1)]
    assert read(f"{GET}{''.join(fields)}\r\n") is not None
    assert refused(f"{GET}{''.join(fields)}X-More: a\r\n\r\n") == 431


def test_no_message_repeats_what_may_be_secret() -> None:
    for bad in ("X-Registry-Auth: hunter2\r\nX-Registry-Auth: hunter2", "X-Registry-Auth: a\r\n hunter2", "hunter2"):
        with pytest.raises(Malformed) as caught:
            read(f"{GET}{bad}\r\n\r\n")
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_json_bodies_say_so(kind: str) -> None:
    head = read(f"{POST}Content-Length: 2\r\nContent-Type: {kind}\r\n\r\n")
    assert head is not None
    require_json(head)


@pytest.mark.parametrize(
    "fields",
    [
        "Content-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Type:\r\n",
        "Content-Length: 2\r\nContent-Type: text/plain\r\n",
        "Content-Length: 2\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        "Content-Length: 2\r\nContent-Type: multipart/form-data; boundary=a\r\n",
        "Content-Length: 2\r\nContent-Type: application/json;charset=utf-16\r\n",
        "Content-Length: 2\r\nContent-Type: application/json; charset=utf-8; charset=utf-16\r\n",
        "Content-Length: 2\r\nContent-Type: application/json; charset=utf-16; charset=utf-8\r\n",
        "Content-Length: 2\r\nContent-Type: application/json2\r\n",
        "Transfer-Encoding: chunked\r\nContent-Type: application/x-tar\r\n",
    ],
)
def test_other_bodies_are_refused(fields: str) -> None:
    head = read(f"{POST}{fields}\r\n")
    assert head is not None
    with pytest.raises(Malformed) as caught:
        require_json(head)
    assert caught.value.status == 415


def test_without_a_body_its_type_does_not_matter() -> None:
    head = read(f"{POST}Content-Length: 0\r\nContent-Type: text/plain\r\n\r\n")
    assert head is not None
    require_json(head)
