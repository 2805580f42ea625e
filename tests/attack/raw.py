"""Requests and answers as bytes: what ordinary clients do not send, and what a proxy must have sent."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_REQUEST = re.compile(
    rb"([A-Z]+) (/v1\.[0-9]{2}/\S+|/\S+) HTTP/1\.1\r\nHost: docker\r\nContent-Length: ([0-9]+)\r\n"
    rb"((?:(?:Content-Type: application/json|X-Registry-Auth: [\w=-]+|Connection: Upgrade|Upgrade: (?:tcp|websocket)"
    rb"|sec-websocket-[a-z]+: [ -~]+)\r\n)*)\r\n"
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer on a raw connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        return str(json.loads(self.body)["message"])

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request with a Host, with ``headers``, and with no more than that: no length, no type."""
    return "\r\n".join((f"{line} HTTP/1.1", "Host: docker", *headers, "", "")).encode() + body


def posted(target: str, body: object, *headers: str) -> bytes:
    """An honest POST of JSON; bytes stay as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = ("Content-Type: application/json", f"Content-Length: {len(data)}", *headers)
    return request(f"POST {target}", *lines, body=data)


def answers(data: bytes) -> list[Heard]:
    """Every answer in ``data``; one that says no length goes on to the end."""
    found, at = [], 0
    while at < len(data):
        end = data.index(b"\r\n\r\n", at)
        first, *lines = data[at:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status, at = int(first.split(" ")[1]), end + 4
        if status == 100:
            continue
        if headers.get("transfer-encoding") == "chunked":
            body, at = _unchunked(data, at)
        else:
            body = data[at : at + int(headers.get("content-length", len(data)))]
            at += len(body)
        found.append(Heard(status, headers, body))
    return found


def forwarded(raw: bytes) -> list[tuple[str, str]]:
    """Method and target of every request in what reached an engine; fails at the first byte that is none of ours."""
    found, at = [], 0
    while at < len(raw):
        request = _REQUEST.match(raw, at)
        assert request is not None, raw[at : at + 300]
        at = request.end() + int(request[3])
        assert at <= len(raw)
        found.append((request[1].decode(), request[2].decode()))
        if b"Upgrade" in request[4]:
            return found
    return found


def _unchunked(data: bytes, at: int) -> tuple[bytes, int]:
    """The body that begins at a place, and where it ends."""
    pieces, size = [], -1
    while size:
        start = data.index(b"\r\n", at) + 2
        size = int(data[at:start], 16)
        pieces.append(data[start : start + size])
        at = start + size + 2
    return b"".join(pieces), at
