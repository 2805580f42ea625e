"""What an engine says, read: progress lines, its errors by whose fault they are. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from pytrust.trust.errors import (
    AccessDenied,
    DigestMismatch,
    InvalidName,
    NotFound,
    PytrustError,
    Refused,
    ServerError,
)
from pytrust.trust.names import Digest

ANSWER_MAX_BYTES: Final = 4 * 1024 * 1024  # one description; honest ones are below 100 KiB
_MESSAGE_MAX_CHARS: Final = 500
_SERVER_ERRORS_FROM: Final = 500
_DENIED = ("unauthorized", "access denied", "resource is denied", "authentication required", "no basic auth")
_ABSENT = ("manifest unknown", "not found", "no such image", "does not exist")

Progress = Callable[[str], None]
"""Takes one line of progress: printable, without a line end."""


def report(line: dict[str, Any], on_progress: Progress) -> None:
    """Pass on one progress line; raises the error that it tells of, if it does."""
    detail = line.get("errorDetail")
    error = line.get("error", detail)
    if error is not None:
        code = detail.get("code") if isinstance(detail, dict) else None
        raise failure(code if isinstance(code, int) else _SERVER_ERRORS_FROM, one_line(str(error)))
    parts = [line.get("status"), line.get("progress"), line.get("stream")]
    text = one_line(" ".join(part for part in parts if isinstance(part, str)))
    layer = line.get("id")
    if text:
        on_progress(f"{one_line(layer)}: {text}" if isinstance(layer, str) and layer else text)


def pushed_digest(line: dict[str, Any]) -> Digest | None:
    """The digest that a push ended with, where this line says it."""
    match line:
        case {"aux": {"Digest": str(digest)}}:
            with suppress(InvalidName):  # another algorithm than sha256: as good as none
                return Digest.parse(digest)
    return None


def engine_message(body: bytes) -> str:
    """The engine's own words; proxies in front of it may answer in plain text."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    text = value.get("message") if isinstance(value, dict) else None
    return one_line(text if isinstance(text, str) else body.decode("utf-8", "replace")) or "no reason given"


def failure(status: int, message: str) -> PytrustError:
    """By the words first: registries' refusals reach us as 500, or as a line without a code."""
    words = message.lower()
    said = f"the engine says: {message}"
    if "verification failed for digest" in words:
        return DigestMismatch(said)
    if status in {401, 403} or any(word in words for word in _DENIED):
        return AccessDenied(said, hint="" if status == 403 else "try: docker login REGISTRY")  # noqa: PLR2004
    if status == 404 or any(word in words for word in _ABSENT):  # noqa: PLR2004
        return NotFound(said)
    return ServerError(said) if status >= _SERVER_ERRORS_FROM else Refused(said)


def one_line(text: str) -> str:
    """What others wrote, safe to print: no line ends, no terminal sequences."""
    words = "".join(mark if mark.isprintable() else " " for mark in text[: 4 * _MESSAGE_MAX_CHARS]).split()
    return " ".join(words)[:_MESSAGE_MAX_CHARS]


def strings(value: object) -> tuple[str, ...]:
    """Engines write ``null`` for an empty list."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
