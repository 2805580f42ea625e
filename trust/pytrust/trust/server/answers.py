"""Answers of the trust server: what Notary v1 clients read, with headers that caches and browsers understand.

Source: Notary v1, ``server/server.go``, ``utils/http.go`` (``Last-Modified`` is GMT here, as RFC 9110 wants it).
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from pytrust.trust.server.auth import Challenge
from pytrust.trust.server.backend import Served
from pytrust.trust.server.exposition import MEDIA_TYPE
from pytrust.trust.server.outgoing import Pieces
from pytrust.trust.server.page import POLICY
from pytrust.trust.server.refusals import Code, Refusal

_JSON: Final = "application/json"
_ERROR: Final = "application/json; charset=utf-8"
_CURRENT: Final = "public, max-age=300, s-maxage=300, must-revalidate"
_CONSISTENT: Final = "public, max-age=2592000, s-maxage=2592000"
_FOREVER: Final = "public, max-age=31536000, immutable"
_NEVER: Final = "no-cache"
_UNKEPT: Final = "no-store"
_RETRY_SECONDS: Final = "5"
_BUSY: Final = Refusal(Code.UNAVAILABLE, "the server is not available now")


def metadata(served: Served | None, *, consistent: bool) -> Response:
    """A Notary v1 file; ``consistent`` is whether its address names its content."""
    if served is None:
        return missing()
    headers = {
        "cache-control": _CONSISTENT if consistent else _CURRENT,
        "last-modified": _http_date(served.published),
        "x-content-type-options": "nosniff",
    }
    return Pieces(served.data, media_type=_JSON, headers=headers)


def tuf_file(found: tuple[bytes, bool] | None) -> Response:
    """A TUF 1.0 file."""
    if found is None:
        return missing()
    data, immutable = found
    return document(data, cache=_FOREVER if immutable else _NEVER)


def document(data: bytes, *, status: int = HTTPStatus.OK, cache: str = _UNKEPT) -> Response:
    """JSON of any other kind."""
    headers = {"cache-control": cache, "x-content-type-options": "nosniff"}
    return Pieces(data, status, media_type=_JSON, headers=headers)


def done() -> Response:
    """It was done: clients want exactly 200 and no body."""
    return Response(headers={"cache-control": _UNKEPT})


def refused(refusal: Refusal) -> Response:
    """No, and why."""
    headers = {"content-type": _ERROR, "cache-control": _UNKEPT, "x-content-type-options": "nosniff"}
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = _RETRY_SECONDS
    return Response(refusal.body(), refusal.status, headers=headers)


def missing() -> Response:
    """There is no such thing."""
    return refused(Refusal(Code.METADATA_NOT_FOUND, "there is no such thing"))


def no_such_name() -> Response:
    """Nothing can be published under that name."""
    return refused(Refusal(Code.INVALID_GUN, "this server keeps no collection of that name"))


def unavailable() -> Response:
    """Something that the server needs is not there."""
    return refused(_BUSY)


def challenged(challenge: Challenge, *, basic: bool) -> Response:
    """Who is asking? ``basic`` is for people: browsers can log in by nothing else."""
    scheme = 'Basic realm="pytrust", charset="UTF-8"' if basic else challenge.header
    headers = {"content-type": _ERROR, "cache-control": _UNKEPT, "www-authenticate": scheme}
    return Response(challenge.body, HTTPStatus.UNAUTHORIZED, headers=headers)


def moved(location: str, query: bytes) -> Response:
    """The same, at the cleaned path."""
    target = f"{location}?{query.decode('ascii', 'ignore')}" if query else location
    return Response(status_code=HTTPStatus.MOVED_PERMANENTLY, headers={"location": target})


def no_such_method() -> Response:
    """Empty, as the router of notary-server does it."""
    return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED)


def counters(text: str) -> Response:
    """For Prometheus."""
    return Response(text, headers={"content-type": MEDIA_TYPE, "cache-control": _UNKEPT})


def page(text: str) -> Response:
    """For people."""
    headers = {
        "content-security-policy": POLICY,
        "cache-control": _UNKEPT,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return Pieces(text, media_type="text/html", headers=headers)


@lru_cache(maxsize=1024)
def _http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)
