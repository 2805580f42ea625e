"""JSON from outside, read strictly and within bounds; canonical JSON out.

Two parsers that read one file differently are an attack (which key wins when it stands twice?), so whatever has
more than one reading is refused: duplicate keys, floats, NaN, invalid UTF-8, more nesting than honest files have.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial
from typing import Any, Never

from pytrust.trust.errors import BadMetadata
from pytrust.trust.limits import METADATA_MAX_DEPTH, METADATA_MAX_VALUES

_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)  # an open string ends with the text: linear
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_INTEGER_MAX_DIGITS = 18  # fits 64 bits, and so every other parser


def parse_json(
    data: bytes,
    *,
    what: str,
    max_bytes: int,
    max_depth: int = METADATA_MAX_DEPTH,
    max_digits: int = _INTEGER_MAX_DIGITS,
) -> Any:  # noqa: ANN401
    """Read one JSON document.

    Args:
        data: UTF-8 text.
        what: names the document in errors, for example ``timestamp of docker.io/foo/web``.
        max_bytes: refused beyond.
        max_depth: refused beyond; arrays and objects count.
        max_digits: of an integer; more than the default does not fit 64 bits with a sign.

    Raises:
        BadMetadata: too large, too deep, not UTF-8, not JSON, a duplicate key, a float or a huge integer.
    """
    if len(data) > max_bytes:
        raise BadMetadata(f"{what} is larger than {max_bytes} bytes")
    structure = _without_strings(data)
    if sum(map(structure.count, (b",", b"[", b"{"))) > METADATA_MAX_VALUES:
        raise BadMetadata(f"{what} holds more than {METADATA_MAX_VALUES} values")
    if _too_deep(structure, max_depth):
        raise BadMetadata(f"{what} is nested deeper than {max_depth} levels")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_refuse_number,
            parse_int=partial(_integer, max_digits),
            parse_constant=_refuse_number,
        )
        if _SURROGATE.search(data):
            encode_json(value)  # half a pair is no character, and nothing could sign or print it
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise BadMetadata(f"{what} is not strict JSON: {reason[:200]}") from error
    return value


def encode_json(value: object) -> bytes:
    """Write ``value`` as compact JSON with sorted keys: stable bytes for files of our own."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _without_strings(data: bytes) -> bytes:
    """On text, where removing a million strings takes a tenth of the memory that it takes on bytes."""
    return _STRINGS.sub("", data.decode("latin-1")).encode("latin-1")


def _too_deep(structure: bytes, max_depth: int) -> bool:
    """Peel the brackets from the inside, one level a pass."""
    brackets = structure.translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return b"[]" in brackets or brackets.count(b"[") > max_depth  # what else is left never closes: no JSON at all


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:60]!r} stands twice")
    return result


def _integer(max_digits: int, text: str) -> int:
    if len(text) > max_digits:
        raise ValueError("an integer is too large")
    return int(text)


def _refuse_number(text: str) -> Never:
    raise ValueError(f"{text[:30]} is not an integer")
