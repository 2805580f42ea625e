"""The armor of age files: one strict reader, so that nobody behind it has to guess. Pure.

It is PEM in the strict form of RFC 7468, with the label AGE ENCRYPTED FILE: canonical base64 in lines of 64 characters.
Lines may end in CR LF, and white space may stand before and after; nothing else may.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import Final

from pytrust.trust.errors import Damaged

_LABEL: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_END: Final = b"-----END AGE ENCRYPTED FILE-----"
_SPACE: Final = b" \t\r\n"
_COLUMNS: Final = 64
_LINES: Final = re.compile(rb"(?:[A-Za-z0-9+/]{64}\n)*(?:[A-Za-z0-9+/]{4}){0,15}[A-Za-z0-9+/]{2}[A-Za-z0-9+/=]{2}\n")


def armored(data: bytes) -> bytes:
    """``data`` as text."""
    text = b64encode(data)
    lines = [text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)]
    return b"\n".join([_LABEL, *lines, _END, b""])


def dearmored(data: bytes) -> bytes:
    """The age file in ``data``, be it armored or not; raises ``Damaged`` for armor that is not strict."""
    text = data.strip(_SPACE)
    if not text.startswith(_LABEL):
        return data
    text = text.replace(b"\r\n", b"\n")
    head, tail = _LABEL + b"\n", b"\n" + _END
    body = text[len(head) : -len(_END)]
    if not text.startswith(head) or not text.endswith(tail) or not _LINES.fullmatch(body):
        raise _damaged()
    return _decoded(body.replace(b"\n", b""))


def _decoded(text: bytes) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise _damaged() from None  # the error holds a part of the file
    if b64encode(data) != text:
        raise _damaged()
    return data


def _damaged() -> Damaged:
    return Damaged("the age file's armor is damaged", hint="fetch the file again")
