"""The values of a query, each in one spelling. Pure.

``target`` has decoded them and knows which keys a route takes; here they get their meaning. A key without a check of
its own is free text: it is written anew, so that it cannot be more than the value that it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from pytrust.policy.engine.call import Call, Malformed
from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata

_FALSE: Final = frozenset({"", "0", "no", "false", "none"})  # moby, daemon/server/httputils/form.go; any case
_TRUE: Final = frozenset({"1", "yes", "true"})  # anything else is true as well, there
_JSON_MAX_BYTES: Final = 8 * 1024  # no longer than a whole target
_JSON_MAX_DEPTH: Final = 3

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_LINES = re.compile(r"all|-?[0-9]{1,18}")
_TIME = re.compile(r"[0-9A-Za-z_:.+-]{1,64}")  # seconds, RFC 3339, a duration such as 10m; in old lists a container
_SIGNAL = re.compile(r"[A-Za-z0-9+-]{1,32}")
_PS = re.compile(r"(?:(?:-[AFHLTadefjlw]+|-?auxw*|[aefjluvwx]+|(?:-[Ae]*)?o ?pid(?:,[a-z_]+)*)(?: +|\Z))*")
"""Options of ``ps``, which engines run on the host as root: none that puts a column of many words before the PID.

In the column under that heading engines look for the container's processes; what is no number there they quote, so that
a client could read every host process's command line and environment, word by word.
"""
_PLATFORM = re.compile(r"[A-Za-z0-9_.-]{1,64}(?:/[A-Za-z0-9_.-]{1,64}){0,2}")

_Filters = dict[str, list[str] | dict[str, bool]]
_PlatformObject = dict[str, str | list[str]]


def canonical_query(call: Call) -> dict[str, tuple[str, ...]]:
    """Every value of a call's query in one spelling, sorted by key; raises ``Malformed``."""
    return {key: tuple(_checked(key, value) for value in call.query[key]) for key in sorted(call.query)}


def encode_query(query: Mapping[str, tuple[str, ...]]) -> str:
    """As it stands behind a path, with the question mark; nothing where there is none."""
    pairs = [(key, value) for key, values in query.items() for value in values]
    return "?" + urlencode(pairs, quote_via=quote, safe="/:@") if pairs else ""


def _checked(key: str, value: str) -> str:
    check = _CHECKS.get(key)
    try:
        return check(value) if check else value
    except (BadMetadata, msgspec.ValidationError, ValueError) as error:
        raise Malformed(400, f"the value {value[:60]!r} of the query key {key!r} has no meaning") from error


def _flag(text: str) -> str:
    word = text.lower()
    if word not in _FALSE | _TRUE:
        raise ValueError(word)
    return "1" if word in _TRUE else "0"


def _like(pattern: re.Pattern[str]) -> Callable[[str], str]:
    """Nothing at all is what the engine takes for the default."""

    def check(text: str) -> str:
        if text and not pattern.fullmatch(text):
            raise ValueError(text)
        return text

    return check


def _filters(text: str) -> str:
    return _json(text, _Filters) if text else ""


def _platform(text: str) -> str:
    """``linux/arm64``, or an object, as newer clients write it where they look at one platform of an image."""
    return _json(text, _PlatformObject) if text.startswith("{") else _like(_PLATFORM)(text)


def _json(text: str, kind: object) -> str:
    value = parse_json(text.encode(), what="it", max_bytes=_JSON_MAX_BYTES, max_depth=_JSON_MAX_DEPTH)
    return encode_json(msgspec.convert(value, kind)).decode()


_FLAGS: Final = (
    "all details digests follow force link logs manifests noprune one-shot shared-size size stderr stdin stdout stream "
    "timestamps v verbose"
)
_NUMBERS: Final = "h keep-storage limit max-used-space min-free-space reserved-space t w"
_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    **dict.fromkeys(_FLAGS.split(), _flag),
    **dict.fromkeys(_NUMBERS.split(), _like(_NUMBER)),
    **dict.fromkeys(("since", "until"), _like(_TIME)),
    **dict.fromkeys(("platform", "platforms"), _platform),
    "filters": _filters,
    "ps_args": _like(_PS),
    "signal": _like(_SIGNAL),
    "tail": _like(_LINES),
}
