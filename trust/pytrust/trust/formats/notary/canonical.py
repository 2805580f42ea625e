r"""Canonical JSON as Notary signs it, and as Go puts it into a file.

What is signed is OLPC canonical JSON: keys sorted, no white space, only ``\`` and ``"`` escaped, integers alone. What
lies in a file is the same with Go's HTML escapes for ``& < >`` and the two Unicode line separators.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final

from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical

from pytrust.trust.errors import BadMetadata

_HTML: Final = {
    "&": "\\u0026",
    "<": "\\u003c",
    ">": "\\u003e",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}
_HTML_CHARS: Final = re.compile("[&<>\u2028\u2029]")


def encode(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """The bytes that signatures are over; ``value`` is what ``parse_json`` can give, so without floats."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    if "\\" in text and _escapes_controls(text):
        try:
            text = str(encode_canonical(value))
        except FormatError as error:
            raise BadMetadata(f"it has no canonical form: {str(error)[:200]}") from error
    return text.encode()


def as_go_writes(canonical: bytes) -> bytes:
    """``canonical`` as it stands in a file."""
    text = canonical.decode()
    return _HTML_CHARS.sub(lambda found: _HTML[found[0]], text).encode()


def decode_base64(text: str) -> bytes:
    """Base64 in the one spelling that Go writes, padding and all; raises ``ValueError`` or ``TypeError``.

    Other spellings decode to the same bytes, so that a file in which one stands would be written again as another.
    """
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError(f"{text[:40]!r} is not base64 as Go writes it")
    return data


def _escapes_controls(text: str) -> bool:
    """Whether ``json`` wrote an escape that canonical JSON does not have: those of control characters."""
    return re.sub(r'\\[\\"]', "", text).find("\\") >= 0
