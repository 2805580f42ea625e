"""Reading the engine's answers: where they end, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.proxy.answers import Chunks, EngineFailed, Framing, read_head, split_head


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("lines", "status", "bodiless", "framing", "length"),
    [
        (["Content-Length: 5"], "200 OK", False, Framing.LENGTH, 5),
        (["content-length: 0"], "200 OK", False, Framing.LENGTH, 0),
        (["Transfer-Encoding: chunked"], "200 OK", False, Framing.CHUNKED, 0),
        ([], "200 OK", False, Framing.CLOSE, 0),
        (["Content-Length: 5"], "200 OK", True, Framing.NONE, 0),
        ([], "204 No Content", False, Framing.NONE, 0),
        (["Content-Length: 5"], "304 Not Modified", False, Framing.NONE, 0),
        (["Connection: Upgrade", "Upgrade: tcp"], "101 UPGRADED", False, Framing.NONE, 0),
    ],
)
def test_where_a_body_ends(lines: list[str], status: str, bodiless: bool, framing: Framing, length: int) -> None:
    answer = read_head(head(*lines, status=status), bodiless=bodiless)
    assert (answer.framing, answer.length) == (framing, length)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        head("Content-Length: 5", "Transfer-Encoding: chunked"),
        head("Transfer-Encoding: gzip"),
        head("Content-Length: -1"),
        head("Content-Length: 5x"),
        b"\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(EngineFailed):
        read_head(data, bodiless=False)


@pytest.mark.parametrize(
    ("first", "lines", "stays"),
    [
        ("HTTP/1.1 200 OK", ["Content-Length: 1"], True),
        ("HTTP/1.1 200 OK", ["Content-Length: 1", "Connection: close"], False),
        ("HTTP/1.0 200 OK", ["Content-Length: 1"], False),
        ("HTTP/1.1 200 OK", [], False),
    ],
)
def test_whether_the_connection_may_be_used_again(first: str, lines: list[str], stays: bool) -> None:
    assert read_head("\r\n".join([first, *lines, "", ""]).encode(), bodiless=False).keep_alive is stays


def test_a_head_that_never_ends_is_given_up() -> None:
    assert split_head(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 1000) == -1
    with pytest.raises(EngineFailed):
        split_head(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.lists(st.integers(1, 40), max_size=60))
def test_chunks_come_out_as_they_went_in_however_they_are_cut(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    chunks, out, position = Chunks(), b"", 0
    for cut in [*cuts, len(stream)]:
        out += b"".join(chunks.decode(stream[position : position + cut]))
        position += cut
    assert chunks.complete
    assert out == b"".join(pieces)


@pytest.mark.parametrize("stream", [b"zz\r\n", b"5\r\nabcdeXX", b"1\r\na\r\n-1\r\n"])
def test_chunks_that_are_none_are_refused(stream: bytes) -> None:
    with pytest.raises(EngineFailed):
        Chunks().decode(stream)
