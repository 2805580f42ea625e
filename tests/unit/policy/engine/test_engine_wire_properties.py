"""For all bytes: how they are cut does not matter, nothing but ``Malformed`` is raised, one path has one spelling."""

from __future__ import annotations

import random
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.engine.call import Call, Malformed
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine.routes import ROUTES, match
from pytrust.policy.engine.wire import RequestHead, RequestReader

LIMIT: Final = 60
PIECES: Final = [
    *(b"GET ", b"POST ", b"DELETE ", b"PRI * HTTP/2.0\r\n\r\n", b"/_ping", b"/containers/create", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n"),
    *(b"Host: docker\r\n", b"Content-Length: 5\r\n", b"Content-Length: 99\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Connection: close\r\n", b"Upgrade: tcp\r\n", b"Expect: 100-continue\r\n", b"X: y\r\n", b" fold\r\n", b"X : y\r\n"),
    *(b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"hello", b"5\r\nhello\r\n", b"a\r\n0123456789\r\n", b"0\r\n\r\n", b"5;x\r\n", b"0\r\nX: y"),
    *(b"\x00", b"\xff", b":", b" ", b"%2F", b"?a=b", b"a" * 70),
]  # fmt: skip

Event = RequestHead | bytes | tuple[int, str]


def events(feeds: list[bytes]) -> tuple[list[Event], int]:
    """Everything that comes out, in order, up to a refusal; and how many bytes are left."""
    reader, found, in_body = RequestReader(), list[Event](), False
    for data in feeds:
        reader.feed(data)
        try:
            while (event := reader.read_body(LIMIT) if in_body else reader.next_head()) is not None:
                found.append(event)
                in_body = not in_body
        except Malformed as error:
            return [*found, (error.status, str(error))], 0
    return found, reader.pending


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


streams = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=30).map(b"".join)
requests = st.sampled_from(
    [
        b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: docker\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n",
    ]
)
tidy = st.tuples(st.lists(requests, max_size=4).map(b"".join), streams).map(b"".join)


@given(tidy | streams, st.lists(st.integers(0, 2000), max_size=12))
def test_the_cuts_between_feeds_do_not_matter(data: bytes, places: list[int]) -> None:
    whole = events([data])
    assert events(cut(data, places)) == whole
    assert events([bytes([byte]) for byte in data]) == whole


def test_random_bytes_raise_nothing_else() -> None:
    dice = random.Random(1)
    for _ in range(5000):
        pieces = [*dice.choices(PIECES, k=dice.randrange(1, 12)), dice.randbytes(dice.randrange(40))]
        dice.shuffle(pieces)
        events(cut(b"".join(pieces), [dice.randrange(500), dice.randrange(500)]))


def outcome(method: str, target: str) -> Call | int | None:
    try:
        return match(method, target)
    except Malformed as error:
        return error.status


@given(
    st.sampled_from(["GET", "POST", "DELETE", "X"]),
    st.text(max_size=60) | st.from_regex(r"(/[ -~]{0,9}){1,4}", fullmatch=True),
)
def test_random_targets_raise_nothing_else(method: str, target: str) -> None:
    outcome(method, target)


names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,12}", fullmatch=True)
paths = st.sampled_from(ROUTES).flatmap(
    lambda route: st.tuples(*(names if part[0] == "{" else st.just(part) for part in route.template)).map(
        lambda parts: (route.method, "/" + "/".join(parts))
    )
)


@given(paths, st.data())
def test_another_spelling_of_a_path_is_refused_or_the_same(path: tuple[str, str], data: st.DataObject) -> None:
    """Escapes, doubled slashes, dot segments, a slash at the end: what a decoding, cleaning router takes for the same."""
    method, target = path
    at = data.draw(st.integers(1, len(target) - 1))
    other = data.draw(
        st.sampled_from(
            [
                f"{target[:at]}%{ord(target[at]):02x}{target[at + 1 :]}",
                f"{target[:at]}%{ord(target[at]):02X}{target[at + 1 :]}",
                target.replace("/", "//", 1),
                target.replace("/", "/./"),
                target.replace("/", "/x/../", 1),
                target.replace("/", "%2F"),
                target.replace("/", "\\"),
                target + "/",
                target + "/.",
                target + "#",
                "http://docker" + target,
                "/v1.41." + target,
                "/v01.41" + target,
            ]
        )
    )
    call = outcome(method, target)
    assert isinstance(call, Call)
    assert outcome(method, other) in (call, 400, 404)


@given(
    st.sampled_from(["GET", "POST", "DELETE"]),
    st.from_regex(r"/[!-~]{0,40}", fullmatch=True),
    st.dictionaries(
        st.from_regex(r"X-[A-Z]{1,5}", fullmatch=True), st.from_regex(r"([!-~]([ -~]{0,9}[!-~])?)?", fullmatch=True)
    ),
    st.binary(max_size=LIMIT),
)
def test_what_we_write_we_read(method: str, target: str, headers: dict[str, str], body: bytes) -> None:
    body = body if method == "POST" else b""
    found, left = events([serialise_head(method, target, list(headers.items()), body)])
    head = found[0]
    assert isinstance(head, RequestHead)
    assert (head.method, head.target, found[1:], left) == (method, target, [body], 0)
    assert {name.lower(): value for name, value in headers.items()}.items() <= head.headers.items()
