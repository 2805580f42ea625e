"""What we send to the engine."""

from __future__ import annotations

import pytest

from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine.wire import RequestReader


def test_a_request_written() -> None:
    assert serialise_head("POST", "/v1.41/a?b=c", [("X-Registry-Auth", "e30=")], b"{}") == (
        b"POST /v1.41/a?b=c HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\nX-Registry-Auth: e30=\r\n\r\n{}"
    )


def test_what_is_written_is_read_back() -> None:
    reader = RequestReader()
    reader.feed(serialise_head("POST", "/exec/a/start", [("Connection", "Upgrade"), ("Upgrade", "tcp")], b"\r\n\r\n"))
    head = reader.next_head()
    assert head is not None
    assert (head.method, head.target, head.upgrade) == ("POST", "/exec/a/start", "tcp")
    assert reader.read_body(9) == b"\r\n\r\n"
    assert reader.pending == 0


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        ("GET /", "/", ("X-A", "b")),
        ("GET\r\n", "/", ("X-A", "b")),
        ("", "/", ("X-A", "b")),
        ("GET", "", ("X-A", "b")),
        ("GET", "/ HTTP/1.1\r\nX: y", ("X-A", "b")),
        ("GET", "/a b", ("X-A", "b")),
        ("GET", "/ä", ("X-A", "b")),
        ("GET", "/", ("X-A", "b\r\nX-B: c")),
        ("GET", "/", ("X-A", "b\n")),
        ("GET", "/", ("X-A", "b\rc")),
        ("GET", "/", ("X-A", "ä")),
        ("GET", "/", ("X-A:", "b")),
        ("GET", "/", ("X-A\r\n", "b")),
        ("GET", "/", ("", "b")),
        ("GET", "/", ("host", "b")),
        ("GET", "/", ("Content-Length", "1")),
        ("GET", "/", ("transfer-encoding", "chunked")),
    ],
)
def test_what_would_not_stay_in_its_place(method: str, target: str, header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="not a"):
        serialise_head(method, target, [header], b"")
