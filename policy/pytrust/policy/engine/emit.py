"""A request to the engine, written: the only bytes that reach it before a tunnel opens."""

from __future__ import annotations

import re
from collections.abc import Sequence

_METHOD = re.compile(r"[A-Z]+")
_TARGET = re.compile(r"/[!-~]*")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[\t -~]*")
_OURS = frozenset({"host", "content-length", "transfer-encoding"})


def serialise_head(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """One whole HTTP/1.1 request, ``body`` included: ``Host: docker``, Content-Length, and ``headers``; nothing else.

    Raises:
        ValueError: a part would not stay in its place, such as a value with a line end.
    """
    if not _METHOD.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ValueError("not a method and a path")
    if not all(_fits(name, value) for name, value in headers):
        raise ValueError("not a header that can be sent on")
    lines = [f"{method} {target} HTTP/1.1", "Host: docker", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join((*lines, "", "")).encode("ascii") + body


def _fits(name: str, value: str) -> bool:
    return bool(_NAME.fullmatch(name) and _VALUE.fullmatch(value)) and name.lower() not in _OURS
