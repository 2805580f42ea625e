"""A real engine as the judge: what our parser accepts, the engine reads the same way, request by request."""

from __future__ import annotations

import io
import json
import random
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPResponse
from typing import Final, NamedTuple, cast
from urllib.parse import quote, urlencode

from tests.rig import dockerd

from pytrust.policy.engine.call import Call, Malformed
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine.routes import match
from pytrust.policy.engine.wire import RequestHead, RequestReader, require_json

SECONDS: Final = 12.0
STREAMS: Final = 40_000
BODY_MAX: Final = 100_000
VERSION: Final = "1.41"  # of the engine


class Read(NamedTuple):
    """One request as we read it."""

    head: RequestHead
    call: Call
    body: bytes


class Answer(NamedTuple):
    """``text`` is the engine's message, without its quotes escaped."""

    status: int
    text: str


def ours(stream: bytes) -> list[Read] | None:
    """What our parser makes of a whole stream; ``None`` where the proxy would refuse any of it, or wait for more."""
    reader = RequestReader()
    reader.feed(stream)
    found: list[Read] = []
    try:
        while reader.pending:
            head = reader.next_head()
            call = head and match(head.method, head.target)
            body = reader.read_body(BODY_MAX)
            if head is None or call is None or body is None or head.upgrade:
                return None
            require_json(head)
            found.append(Read(head, call, body))
            if not head.keep_alive:
                break
    except Malformed:
        return None
    return found


def echo(read: Read) -> str | None:
    """Words in the engine's answer that show how it read the request; ``None`` where there are none that we know."""
    call = read.call
    match call.route.what:
        case "ping":
            return "" if read.head.method == "HEAD" else "OK"
        case "container inspect" | "container rm" | "container start" | "container rename":
            return f"No such container: {call.params['id']}"
        case "container list":
            limit = call.query.get("limit", ("",))[0]
            return f'strconv.Atoi: parsing "{limit}": invalid syntax' if re.fullmatch(r"[a-z ]+", limit) else None
        case "image inspect":
            name = call.params["image"]
            return f"No such image: {name}" if re.fullmatch(r"[a-z0-9/]+:[a-z0-9]+", name) else None
        case "container create":
            return _created(read.body)
    return None


def _created(body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    name = value.get("Image") if isinstance(value, dict) else None
    return f"No such image: {name}:latest" if isinstance(name, str) and re.fullmatch(r"[a-z0-9]+", name) else None


def ask(engine: dockerd.PrivateEngine, stream: bytes, methods: Sequence[str]) -> list[Answer]:
    """Send bytes as they are; the answers up to the end of the connection."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(10)
        wire.connect(str(engine.socket))
        wire.sendall(stream)
        data = b""
        while part := wire.recv(65536):
            data += part
    return list(_answers(data, methods))


class _Stream(io.BytesIO):
    """Bytes that a response neither opens anew nor closes."""

    def makefile(self, mode: str) -> _Stream:
        return self

    def close(self) -> None:
        pass


def _answers(data: bytes, methods: Sequence[str]) -> Iterator[Answer]:
    stream = _Stream(data)
    for method in (*methods, *["GET"] * 9):
        if stream.tell() == len(data):
            return
        response = HTTPResponse(cast("socket.socket", stream), method=method)
        response.begin()
        yield Answer(response.status, response.read().decode().replace('\\"', '"'))


def canonical(read: Read, *, last: bool) -> bytes:
    """The same request in our own words."""
    call = read.call
    parts = [quote(call.params.get(part.strip("{}"), part), safe="/:@") for part in call.route.template]
    pairs = [(key, value) for key, values in call.query.items() for value in values]
    version = f"/v{call.version}" if call.version else ""
    target = f"{version}/{'/'.join(parts)}" + (f"?{urlencode(pairs)}" if pairs else "")
    headers = [("Content-Type", "application/json")] if read.body else []
    return serialise_head(read.head.method, target, headers + [("Connection", "close")] * last, read.body)


# Streams: well-formed requests, then damaged. Each request asks for a name of its own.

CRLF: Final = "\r\n"
LETTERS: Final = str.maketrans("0123456789", "abcdefghij")
NASTY: Final = (
    "Content-Length: 0", "Content-Length: 5", "Content-Length: +5", "Content-Length: 5, 5", "content-length : 4",
    "Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Transfer-Encoding: xchunked", "Transfer-Encoding:\tchunked",
    "transfer-encoding: Chunked", "Transfer-Encoding : chunked", "TE: trailers", "Trailer: X", "Connection: keep-alive",
    "Connection: close", "Connection: Content-Length", "Connection: transfer-encoding, close", "Host: other", "Host:",
    "Expect: 100-continue", "Expect: 200", "Upgrade: h2c", "Content-Encoding: gzip", "X-HTTP-Method-Override: DELETE",
    "Content-Type: application/x-www-form-urlencoded", "X-A: \x0b", "X-A: a\rb", " folded", "\tfolded", "X-B", ": x", "X_C: d",
    "X-D: \x80", "X-E: a\x00b", "GET / HTTP/1.1", "", "\r", "\n", "X-F: a:b: c", "X-G:", "X-H:\t tabs \t",
)  # fmt: skip
PIECES: Final = (
    "/", "//", "/./", "/../", "%2f", "%2F", "%00", "%41", "%", "%zz", "%25", "%3A", ";", "&", "&&", "=", "+", "?", "#", "\\", " ",
    "\t", "\x00", "\r", "\n", "\r\n", "\r\n\r\n", ".", ":", "@", "*", "é", "http://x", "v1.41/", "/v1.40", "v01.041", "limit=b",
    "&limit=c", "HTTP/1.0", "HTTP/1.1", "0\r\n\r\n", "5\r\n", ";ext=1", "0", "{", "}", '"', "0x", "-", "_", "\x7f",
)  # fmt: skip


def _request(dice: random.Random, name: str) -> str:
    version = dice.choice(["", "/v1.41", "/v1.40", "/v1.30"])
    host = f"Host: docker{CRLF}User-Agent: oracle{CRLF}"
    body = json.dumps({"Image": name})
    chunks = "".join(f"{len(part):x}{CRLF}{part}{CRLF}" for part in (body[:4], body[4:], ""))
    typed = f"{host}Content-Type: application/json{CRLF}"
    return dice.choice(
        [
            f"GET {version}/containers/{name}/json HTTP/1.1{CRLF}{host}{CRLF}",
            f"GET {version}/containers/json?limit={name}+x&all=1&since={name} HTTP/1.1{CRLF}{host}{CRLF}",
            f"GET {version}/images/foo%2F{name}:v1/json HTTP/1.1{CRLF}{host}{CRLF}",
            f"HEAD {version}/_ping HTTP/1.1{CRLF}{host}{CRLF}",
            f"DELETE {version}/containers/{name}?force=1 HTTP/1.1{CRLF}{host}{CRLF}",
            f"POST {version}/containers/{name}/start HTTP/1.1{CRLF}{host}Content-Length: 0{CRLF}{CRLF}",
            f"POST {version}/containers/create?name={name} HTTP/1.1{CRLF}{typed}Content-Length: {len(body)}{CRLF}{CRLF}{body}",
            f"POST {version}/containers/create HTTP/1.1{CRLF}{typed}Transfer-Encoding: chunked{CRLF}{CRLF}{chunks}",
        ]
    )


def _damage(dice: random.Random, text: str) -> str:
    lines = text.split(CRLF)
    at, line = dice.randrange(len(text) + 1), dice.randrange(len(lines))
    kinds: list[Callable[[], str]] = [
        lambda: CRLF.join([*lines[:line], dice.choice(NASTY), *lines[line:]]),
        lambda: CRLF.join([lines[0], dice.choice(NASTY), *lines[1:]]),
        lambda: CRLF.join([*lines[:line], lines[line], *lines[line:]]),
        lambda: CRLF.join([*lines[:line], *lines[line + 1 :]]),
        lambda: CRLF.join([*lines[:line], lines[line].swapcase(), *lines[line + 1 :]]),
        lambda: text[:at] + dice.choice(PIECES) + text[at:],
        lambda: text[:at] + text[at + dice.randrange(1, 4) :],
        lambda: text.replace(CRLF, "\n", dice.randrange(1, 4)),
        lambda: re.sub(r"(?<=/)[a-z]", lambda found: f"%{ord(found[0]):02x}", text, count=dice.randrange(1, 3)),
        lambda: re.sub(
            r"Length: (\d+)", lambda found: f"Length: {max(0, int(found[1]) + dice.randrange(-3, 4))}", text
        ),
        lambda: text.replace(
            " HTTP/1.1", dice.choice([" HTTP/1.0", "  HTTP/1.1", " HTTP/1.2", " HTTP/2.0", " HTTP/1.1 "]), 1
        ),
        lambda: text.replace("/", dice.choice(PIECES), 1),
    ]
    return dice.choice(kinds)()


def streams(dice: random.Random) -> Iterator[bytes]:
    for number in range(STREAMS):
        name = "oracle" + str(number).translate(LETTERS)
        text = "".join(_request(dice, name + letter) for letter in "xy"[: dice.randrange(1, 3)])
        for _ in range(dice.choice((1, 1, 1, 2, 2, 3))):
            text = _damage(dice, text)
        last = f"GET /containers/last{number}/json HTTP/1.1{CRLF}Host: docker{CRLF}Connection: close{CRLF}{CRLF}"
        yield (text + last).encode("latin-1")


def test_what_we_accept_the_engine_reads_alike(engine: dockerd.PrivateEngine) -> None:
    """Both the client's own bytes and our rewriting of them: as many answers as requests, each about the right thing."""
    end = time.monotonic() + SECONDS
    judged = 0
    for stream in streams(random.Random(7)):
        reads = ours(stream)
        words = [echo(read) for read in reads or ()]
        if not reads or None in words:
            continue
        methods = [read.head.method for read in reads]
        answers = ask(engine, stream, methods)
        again = ask(engine, b"".join(canonical(read, last=read is reads[-1]) for read in reads), methods)
        assert len(answers) == len(reads), stream
        assert all(word in answer.text for word, answer in zip(words, answers, strict=True) if word), (stream, answers)
        assert again == answers, stream
        judged += 1
        if time.monotonic() > end:
            break
    assert judged > 500
