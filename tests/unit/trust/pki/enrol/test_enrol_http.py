"""HTTP of the enrolment server: whole requests, in any pieces; everything else is a refusal, never more than a bounded one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.pki.enrol.http import HEAD_MAX_BYTES, Answer, BadRequest, Request, RequestReader
from pytrust.trust.pki.enrol.words import REQUEST_MAX_BYTES

POST = b"POST /v1/enrol HTTP/1.1\r\nHost: ca\r\nContent-Length: 11\r\n\r\nhello world"
WANTED = Request("POST", "/v1/enrol", b"hello world")


def feed(*pieces: bytes) -> Request | None:
    reader = RequestReader()
    for piece in pieces:
        if found := reader.feed(piece):
            return found
    return None


@given(st.lists(st.integers(0, len(POST)), max_size=8))
def test_a_request_in_any_pieces(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(POST)]
    assert feed(*(POST[a:b] for a, b in pairwise(edges) if a < b)) == WANTED


def test_half_a_request_is_none() -> None:
    assert feed(POST[:-1]) is None


def test_chunks_are_taken_apart() -> None:
    head = b"POST /v1/enrol HTTP/1.1\r\nHost: ca\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert feed(head, b"5\r\nhello\r\n", b"6\r\n world\r\n0\r\n\r\n") == WANTED


def test_the_tag_of_what_is_known() -> None:
    found = feed(b'GET /v1/crl HTTP/1.1\r\nHost: ca\r\nIf-None-Match: "abc"\r\n\r\n')
    assert found == Request("GET", "/v1/crl", etag='"abc"')


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (413, b"POST /v1/x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (REQUEST_MAX_BYTES + 1)),
        (413, b"POST /v1/x HTTP/1.1\r\nContent-Length: 9999999999999\r\n\r\n"),
        (400, b"POST /v1/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        (400, b"POST /v1/x HTTP/1.1\r\nContent-Length: abc\r\n\r\n"),
        (400, b"POST /v1/x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"),
        (404, b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n\r\n"),
        (413, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 66),
        (413, b"GET / HTTP/1.1\r\na: " + b"x" * HEAD_MAX_BYTES),
        (413, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 20_000),
        (413, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"e" * 80_000),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/crl HTTP/1.1\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
        (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01"),
        (400, b"\r\nCONNECT ca:1 HTTP/1.1\r\n\r\n"),
    ],
)
def test_what_is_refused(status: int, data: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        feed(data)
    assert caught.value.status == status


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_anything_is_a_request_or_refused(pieces: list[bytes]) -> None:
    try:
        found = feed(*pieces)
    except BadRequest as error:
        assert error.status in {400, 404, 413}
    else:
        assert found is None or isinstance(found, Request)


@given(st.binary(max_size=300))
def test_whatever_follows_a_good_line_is_bounded(rest: bytes) -> None:
    reader = RequestReader()
    with pytest.raises(BadRequest):
        for _ in range(2 * (HEAD_MAX_BYTES + REQUEST_MAX_BYTES)):
            if reader.feed(b"GET / HTTP/1.1\r\nx: " + rest):
                raise BadRequest(400, "ended early")


def test_an_answer_says_how_long_it_is_and_that_it_is_the_last() -> None:
    data = b"".join(Answer(200, b"pem", "application/x-pem-file", etag='"1"').encode())
    head, _, body = data.partition(b"\r\n\r\n")
    assert body == b"pem"
    assert b"Content-Length: 3" in head
    assert b"Connection: close" in head
    assert b'ETag: "1"' in head


def test_a_large_answer_comes_in_pieces_of_one_copy() -> None:
    answer = Answer(200, bytes(10_000_000))
    _, *pieces = answer.encode()
    assert b"".join(pieces) == answer.body
    assert all(isinstance(piece, memoryview) and piece.obj is answer.body for piece in pieces)
    assert max(map(len, pieces)) == 64 * 1024


def test_what_is_known_is_not_sent_again() -> None:
    answer = Answer(200, b"pem", etag='"1"')
    assert answer.unless('"1"').status == 304
    assert answer.unless('"1"').body == b""
    assert answer.unless('"2"') == answer
    assert Answer(200, b"{}").unless("") == Answer(200, b"{}")
