"""What an HTTP status of a registry or token service means. Pure; the caller puts the image's name in front."""

from __future__ import annotations

import re

from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import AccessDenied, BadMetadata, NotFound, PytrustError, RateLimited, ServerError
from pytrust.trust.http import Response
from pytrust.trust.limits import ERROR_BODY_MAX_BYTES

_CODE = re.compile(r"[A-Z_]{1,60}")
_RETRY_AFTER = re.compile(r"[A-Za-z0-9 ,:+-]{1,40}")
_OK = 200


def check(answer: Response, who: str, registry: str) -> None:
    """Accept status 200 only.

    Args:
        answer: what came.
        who: names the peer, for example ``the registry``.
        registry: the host to log in to.

    Raises:
        NotFound, AccessDenied, RateLimited, ServerError: see section 7.2 rule 8 of the reference notes.
    """
    if answer.status != _OK:
        raise _refusal(answer, who, registry)


def denied(text: str, registry: str) -> AccessDenied:
    """``AccessDenied`` with the way in."""
    return AccessDenied(text, hint=f"docker login {registry}")


def _refusal(answer: Response, who: str, registry: str) -> PytrustError:
    detail = _detail(answer)
    match answer.status:
        case 404:
            return NotFound(f"{who} has no such image{detail}", hint="check name and tag; was it pushed?")
        case 401 | 403:
            return denied(f"{who} denies access, or there is no such image{detail}", registry)
        case 429:
            return RateLimited(
                f"{who} asks us to wait{_wait(answer)}{detail}", hint="wait, or log in for a larger quota"
            )
        case _:
            return ServerError(f"{who} answered HTTP {answer.status}{detail}", hint="try again later")


def _wait(answer: Response) -> str:
    after = answer.headers.get("retry-after", "")
    if not _RETRY_AFTER.fullmatch(after):
        return ""
    return f" {after} s" if after.isdecimal() else f" until {after}"


def _detail(answer: Response) -> str:
    """The code of the first error in the body; its free text is not repeated, for a peer chose it."""
    try:
        code = parse_json(answer.body, what="the error", max_bytes=ERROR_BODY_MAX_BYTES)["errors"][0]["code"]
    except (BadMetadata, LookupError, TypeError):
        return ""
    return f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
