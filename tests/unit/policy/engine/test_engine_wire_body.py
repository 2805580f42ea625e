"""Bodies, what follows them, and what is left over."""

from __future__ import annotations

import pytest

from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.chunks import CHUNKS_MAX
from pytrust.policy.engine.wire import RequestReader

POST = b"POST /containers/create HTTP/1.1\r\nHost: docker\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LIMIT = 1000


def reader_of(data: bytes) -> RequestReader:
    """A reader whose next head has been read."""
    reader = RequestReader()
    reader.feed(data)
    assert reader.next_head() is not None
    return reader


def sized(length: int, data: bytes) -> RequestReader:
    return reader_of(POST + b"Content-Length: %d\r\n\r\n" % length + data)


def refused(reader: RequestReader, limit: int = LIMIT) -> int:
    with pytest.raises(Malformed) as caught:
        reader.read_body(limit)
    return caught.value.status


def test_no_body_is_an_empty_one() -> None:
    reader = reader_of(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET")
    assert reader.read_body(0) == b""
    assert reader.pending == 3


def test_requests_follow_each_other() -> None:
    stream = POST + b"Content-Length: 3\r\n\r\none" + CHUNKED + b"3\r\ntwo\r\n0\r\n\r\n" + POST + b"\r\n"
    reader = reader_of(stream)
    assert reader.read_body(LIMIT) == b"one"
    assert reader.next_head() is not None
    assert reader.read_body(LIMIT) == b"two"
    assert reader.next_head() is not None
    assert reader.read_body(LIMIT) == b""
    assert reader.next_head() is None
    assert reader.pending == 0


def test_a_head_is_not_looked_for_in_a_body() -> None:
    reader = sized(5, b"12")
    assert reader.read_body(LIMIT) is None
    with pytest.raises(AssertionError):
        reader.next_head()
    reader.feed(b"345GET /")
    assert reader.read_body(LIMIT) == b"12345"
    assert reader.take_rest() == b"GET /"
    assert reader.pending == 0


def test_a_declared_body_is_refused_before_it_arrives() -> None:
    assert sized(LIMIT, b"").read_body(LIMIT) is None
    assert refused(sized(LIMIT + 1, b"")) == 413


def test_a_tunnel_starts_with_what_was_not_read() -> None:
    reader = sized(2, b"{}stdin\x00\r\n\r\n")
    assert reader.read_body(LIMIT) == b"{}"
    assert reader.take_rest() == b"stdin\x00\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"2\r\n\r\n\r\n1\r\n0\r\n0\r\n\r\n", b"\r\n0"),
        (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
        (b"10\r\n0123456789abcdef\r\n0\r\n\r\n", b"0123456789abcdef"),
    ],
)
def test_chunks(data: bytes, body: bytes) -> None:
    reader = reader_of(CHUNKED + data + b"next")
    assert reader.read_body(LIMIT) == body
    assert reader.take_rest() == b"next"


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"\n",
        b" 5\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"5\nhello\r\n",
        b"5;ext=1\r\nhello\r\n",
        b"5;\r\nhello\r\n",
        b"05\r\nhello\r\n",
        b"+5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"-1\r\n",
        b"g\r\n",
        b"5\r\nhello\r\n00\r\n\r\n",
        b"5\r\nhellooo\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5\r\nhell\r\n0\r\n\r\n",
        b"123456789\r\n",
        b"ffffffffffffffff5\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0;ext\r\n\r\n",
        b"0\r\n\n",
        b"0\n\n",
    ],
)
def test_badly_framed_chunks(data: bytes) -> None:
    assert refused(reader_of(CHUNKED + data)) == 400


@pytest.mark.parametrize(
    "data", [b"", b"5", b"5\r", b"5\r\n", b"5\r\nhello", b"5\r\nhello\r", b"5\r\nhello\r\n0\r\n\r", b"12345678"]
)
def test_incomplete_chunks_wait(data: bytes) -> None:
    assert reader_of(CHUNKED + data).read_body(LIMIT) is None


def test_chunks_are_refused_when_they_pass_the_limit() -> None:
    chunk = b"fa\r\n" + b"a" * 250 + b"\r\n"
    reader = reader_of(CHUNKED + chunk * 4)
    assert reader.read_body(LIMIT) is None
    reader.feed(b"1\r\n")
    assert refused(reader) == 413
    assert refused(reader_of(CHUNKED + b"ffffffff\r\n")) == 413


def test_the_number_of_chunks_is_bounded() -> None:
    reader = reader_of(CHUNKED + b"1\r\na\r\n" * CHUNKS_MAX + b"0\r\n\r\n")
    assert reader.read_body(CHUNKS_MAX + 1) == b"a" * CHUNKS_MAX
    assert refused(reader_of(CHUNKED + b"1\r\na\r\n" * (CHUNKS_MAX + 1)), CHUNKS_MAX + 1) == 413
