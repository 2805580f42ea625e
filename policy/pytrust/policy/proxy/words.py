"""The proxy's own words in HTTP: answers, and which header lines of an answer are passed on. Pure.

RFC 9110 section 7.6.1 (hop-by-hop fields), RFC 9112 section 6 (message body length).
"""

from __future__ import annotations

import json
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from pytrust.policy.core.decision import Reason
from pytrust.policy.engine.target import API_MAX
from pytrust.policy.proxy.answers import Answer, Framing

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
NOT_FOUND_CODES: Final = frozenset({"no-such-image", "no-such-container", "no-such-exec"})
_HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_CAP: Final = "{}.{}".format(*API_MAX)


@lru_cache(maxsize=256)
def head(answer: Answer, *, close: bool) -> bytes:
    """The head to send to the client: the engine's, without what concerns only the engine's connection."""
    lines = [b"HTTP/1.1 %d %s" % (answer.status, answer.reason)]
    for name, value in answer.headers:
        lower = name.lower()
        if lower == b"api-version":
            lines.append(b"Api-Version: " + capped(value))
        elif lower not in _HOP_BY_HOP:
            lines.append(b"%s: %s" % (name, value))
    if answer.framing is Framing.CHUNKED:
        lines.append(b"Transfer-Encoding: chunked")
    if close or answer.framing is Framing.CLOSE:
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def switching(answer: Answer, *, asked: bool) -> bytes:
    """The head with which a stream begins: the engine's own 101, or, for clients that asked for none, docker's 200."""
    kind = answer.get(b"content-type") or b"application/vnd.docker.raw-stream"
    if not asked:
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
    protocol = answer.get(b"upgrade") or b"tcp"
    lines = [b"HTTP/1.1 101 UPGRADED", b"Connection: Upgrade", b"Upgrade: " + protocol]
    if protocol.lower() == b"tcp":
        lines.append(b"Content-Type: " + kind)
    lines += [b"%s: %s" % pair for pair in answer.headers if pair[0].lower().startswith(b"sec-websocket-")]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def own(status: int, body: bytes, *, close: bool = False, head_only: bool = False) -> bytes:
    """An answer of our own with a JSON body."""
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Api-Version: {_CAP}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"{'Connection: close' if close else 'Connection: keep-alive'}\r\n\r\n"
    )
    return lines.encode() + (b"" if head_only else body)


def message(text: str) -> bytes:
    """An error as the engine writes it."""
    return json.dumps({"message": text}).encode() + b"\n"


def refusal(reasons: tuple[Reason, ...]) -> tuple[int, str]:
    """The status and the sentence for a denial: every reason, its rule, and what can be done."""
    status = 404 if all(reason.code in NOT_FOUND_CODES for reason in reasons) else 403
    return status, "; ".join(map(_sentence, reasons))


def capped(version: bytes) -> bytes:
    """An API version, but none newer than the bodies that are understood here."""
    major, _, minor = version.partition(b".")
    if major.isdigit() and minor.isdigit() and (int(major), int(minor)) > API_MAX:
        return _CAP.encode()
    return version


def _sentence(reason: Reason) -> str:
    if reason.code in NOT_FOUND_CODES:
        return reason.text
    rule = f" [{reason.rule}]" if reason.rule else ""
    hint = f" (hint: {reason.hint})" if reason.hint else ""
    return f"pytrust: {reason.text}{rule}{hint}"
