"""The head of one HTTP/1.1 request, read so that it has one meaning or none (RFC 9110, RFC 9112).

The engine's own reader forgives a lot; what two readers could take differently is refused here, because what the
policy judges must be what the engine would have run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from pytrust.policy.engine.call import Malformed

HEADERS_MAX: Final = 64  # of one head; the docker client sends six
HEADER_NAME_MAX_CHARS: Final = 64
LENGTH_MAX_DIGITS: Final = 15  # of Content-Length: petabytes, and no integer overflows anywhere

REMEMBERED_MAX: Final = 512  # heads that are not read twice
REMEMBERED_MAX_CHARS: Final = 512

_REQUEST_LINE = re.compile(r"([A-Z]{1,20}) ([!-~]+) HTTP/([0-9](?:\.[0-9])?)")
_NAME = re.compile(rf"[!#$%&'*+.^_`|~0-9A-Za-z-]{{1,{HEADER_NAME_MAX_CHARS}}}:")
_HOST = re.compile(r"[A-Za-z0-9._~%:\[\]-]{1,255}")
_LENGTH = re.compile(rf"[0-9]{{1,{LENGTH_MAX_DIGITS}}}")
_JSON = re.compile(r'application/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8"))?', re.IGNORECASE)
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_CONNECTION = frozenset({"close", "keep-alive", "upgrade"})
_HARMLESS = frozenset({"host", "user-agent", "accept", "accept-encoding", "connection"})  # never a secret
_NOTHING: Final = frozenset[str]()


class RequestHead(NamedTuple):
    """``target`` as it was sent; header names in lower case, each once.

    ``length`` is the Content-Length, if there is one. ``upgrade`` is empty, ``tcp`` or ``websocket``. ``keep_alive``
    says whether another request may follow, ``expect_continue`` that the client waits for 100 before it sends the body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    length: int | None
    chunked: bool
    upgrade: str
    keep_alive: bool
    expect_continue: bool

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body follow."""
        return self.chunked or bool(self.length)


_known: dict[str, RequestHead] = {}


def read_head(text: str) -> RequestHead:
    """Read a head: ASCII text with CRLF line ends and no others, without the empty line that ends it.

    What a client asks again and again, in the same words, is read once.

    Raises:
        Malformed: it is not exactly one request head, or asks for what is not spoken here.
    """
    if (known := _known.get(text)) is not None:
        return known
    head = _read_head(text)
    if len(text) <= REMEMBERED_MAX_CHARS and head.headers.keys() <= _HARMLESS:
        if len(_known) >= REMEMBERED_MAX:
            _known.clear()
        _known[text] = head
    return head


def _read_head(text: str) -> RequestHead:
    line, *fields = text.split("\r\n")
    method, target, modern = _request_line(line)
    headers = _headers(fields)
    _check_host(headers, modern)
    tokens = _connection(headers)
    head = RequestHead(
        method=method,
        target=target,
        headers=headers,
        length=_length(headers),
        chunked=_chunked(headers),
        upgrade=_upgrade(headers, tokens),
        keep_alive=modern and "close" not in tokens,
        expect_continue=_expects(headers),
    )
    _check_body(head)
    if not modern:
        _check_old(head, tokens)
    return head


def require_json(head: RequestHead) -> None:
    """Refuse a body that does not say it is JSON in UTF-8; raises ``Malformed``.

    The engine ignores the charset, and lets a form in the body overrule the query.
    """
    if head.has_body and not _JSON.fullmatch(head.headers.get("content-type", "")):
        raise Malformed(415, "the body needs the content type application/json")


def _request_line(line: str) -> tuple[str, str, bool]:
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise Malformed(400, "the request line does not read METHOD TARGET HTTP/1.1")
    if found[3] not in {"1.1", "1.0"}:
        raise Malformed(505, "only HTTP/1.1 is spoken here")
    return found[1], found[2], found[3] == "1.1"


def _headers(fields: list[str]) -> dict[str, str]:
    if len(fields) > HEADERS_MAX:
        raise Malformed(431, f"the request has more than {HEADERS_MAX} headers")
    headers = {}
    for field in fields:
        name, colon, value = field.partition(":")
        key = _field_name(name + colon)
        if key in headers:
            raise Malformed(400, f"the header {key} is given twice")
        headers[key] = value.strip(" \t")
    return headers


@lru_cache(maxsize=256)  # names repeat from request to request; values, which may be secret, are not kept
def _field_name(text: str) -> str:
    """The name before a colon, in lower case; a folded line and a space before the colon have none."""
    if not _NAME.fullmatch(text):
        raise Malformed(400, "a header line does not begin with a name and a colon")
    return text[:-1].lower()


def _check_host(headers: Mapping[str, str], modern: bool) -> None:
    host = headers.get("host")
    if host is None and modern:
        raise Malformed(400, "the header host is missing")
    if host is not None and not _HOST.fullmatch(host):
        raise Malformed(400, "the header host does not hold a host")


def _connection(headers: Mapping[str, str]) -> frozenset[str]:
    """What the connection is asked to do; names of headers that it would have us drop are refused."""
    value = headers.get("connection")
    if value is None:
        return _NOTHING
    tokens = frozenset(token.strip(" \t").lower() for token in value.split(","))
    if not tokens <= _CONNECTION:
        raise Malformed(400, "the header connection lists more than close, keep-alive and upgrade")
    return tokens


def _length(headers: Mapping[str, str]) -> int | None:
    value = headers.get("content-length")
    if value is None:
        return None
    if not _LENGTH.fullmatch(value):
        raise Malformed(400, "the header content-length is not a number")
    return int(value)


def _chunked(headers: Mapping[str, str]) -> bool:
    value = headers.get("transfer-encoding")
    if value is None:
        return False
    if value != "chunked":
        raise Malformed(400, "the header transfer-encoding is not chunked")
    if "content-length" in headers:
        raise Malformed(400, "the body has both a content-length and a transfer-encoding")
    return True


def _upgrade(headers: Mapping[str, str], connection: frozenset[str]) -> str:
    if "http2-settings" in headers:
        raise Malformed(400, "only HTTP/1.1 is spoken here: no upgrade to HTTP/2")
    value = headers.get("upgrade", "").lower()
    if "upgrade" in headers and value not in {"tcp", "websocket"}:
        raise Malformed(400, "only HTTP/1.1 is spoken here: upgrade to tcp or websocket, nothing else")
    if value and "upgrade" not in connection:
        raise Malformed(400, "the header upgrade comes without connection: upgrade")
    return value


def _expects(headers: Mapping[str, str]) -> bool:
    value = headers.get("expect")
    if value is not None and value.lower() != "100-continue":
        raise Malformed(417, "the header expect is not 100-continue")
    return value is not None


def _check_body(head: RequestHead) -> None:
    if head.has_body and head.method in _BODILESS:
        raise Malformed(400, f"a {head.method} request has no body")
    if "content-encoding" in head.headers:
        raise Malformed(415, "the body is compressed: send it as it is")
    if "trailer" in head.headers:
        raise Malformed(400, "headers after the body are not read")


def _check_old(head: RequestHead, connection: frozenset[str]) -> None:
    """HTTP/1.0 is one request a connection; the engine would go on where asked to."""
    if head.chunked or head.expect_continue or connection - {"close"}:
        raise Malformed(400, "HTTP/1.0 knows no transfer-encoding, expect, upgrade or keep-alive")
