"""The header of an age file, read before any key is tried on it: https://age-encryption.org/v1. Pure.

The library that opens the file reads it again. This reader is there for what it would cost to let that happen: a
header of any size, or one that asks for hours of scrypt.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Final, NamedTuple

from pytrust.trust.errors import Damaged, UsageError
from pytrust.trust.limits import AGE_HEADER_MAX_BYTES, AGE_STANZAS_MAX, AGE_WORK_FACTOR_MAX

SCRYPT: Final = "scrypt"
X25519: Final = "X25519"
HYBRID: Final = "mlkem768x25519"
"""ML-KEM-768 and X25519: age 1.3 writes it, ``pyrage`` cannot open it."""

_MAGIC: Final = b"age-encryption.org/"
_VERSION: Final = b"age-encryption.org/v1"
_COLUMNS: Final = 64
_MAC_CHARS: Final = 43
_ARGUMENTS: Final = re.compile(rb"-> [!-~]+(?: [!-~]+)*")
_FACTOR: Final = re.compile(r"[1-9][0-9]{0,9}")
_SALT_BYTES: Final = 16
_KEY_BODY_BYTES: Final = 32  # a wrapped file key; anything else may be made to open under two keys


class Stanza(NamedTuple):
    """One recipient's: what kind it is, its other arguments, and its body."""

    kind: str
    arguments: tuple[str, ...]
    body: bytes


def read_stanzas(data: bytes) -> tuple[Stanza, ...]:
    """The stanzas of the (binary) age file ``data``, of those kinds whose form is known checked for it.

    Raises:
        Damaged: it is no age file, or its header is malformed.
        UsageError: its passphrase would take too long to check.
    """
    lines = _lines(data)
    version = next(lines)
    if version != _VERSION:
        raise damaged("is of another version" if version.startswith(_MAGIC) else "is not one")
    stanzas = tuple(_stanzas(lines))
    if not stanzas or len(stanzas) > AGE_STANZAS_MAX:
        raise damaged("has no recipient, or too many")
    _check_scrypt(stanzas)
    return stanzas


def damaged(why: str) -> Damaged:
    """What is said of something that should have been an age file."""
    return Damaged(f"the age file {why}", hint="fetch the file again, or ask whoever made it")


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines of the header; raises ``Damaged`` where it does not end."""
    head, position = data[:AGE_HEADER_MAX_BYTES], 0
    while (end := head.find(b"\n", position)) >= 0:
        yield head[position:end]
        position = end + 1
    raise damaged("is cut short, or no age file" if len(data) <= AGE_HEADER_MAX_BYTES else "has too long a header")


def _stanzas(lines: Iterator[bytes]) -> Iterator[Stanza]:
    for line in lines:
        if line.startswith(b"--- "):
            _decoded(line[4:].decode("latin-1"), _MAC_CHARS)
            return
        if not _ARGUMENTS.fullmatch(line):
            raise damaged("has a malformed header")
        kind, *arguments = line.decode("ascii")[3:].split(" ")
        yield Stanza(kind, tuple(arguments), _body(lines))


def _body(lines: Iterator[bytes]) -> bytes:
    """Base64 in full lines, and then one that is not full."""
    body = []
    for line in lines:
        body.append(_decoded(line.decode("latin-1")))
        if len(line) < _COLUMNS:
            break
        if len(line) > _COLUMNS:
            raise damaged("has a malformed header")
    return b"".join(body)


def _decoded(text: str, chars: int | None = None) -> bytes:
    """Base64 without padding (RFC 4648, section 4), in its one spelling."""
    try:
        data = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise damaged("has a malformed header") from None
    if b64encode(data).rstrip(b"=") != text.encode("latin-1") or chars not in {None, len(text)}:
        raise damaged("has a malformed header")
    return data


def _check_scrypt(stanzas: tuple[Stanza, ...]) -> None:
    """One passphrase, alone, whose work factor is a number that can be borne."""
    found = [stanza for stanza in stanzas if stanza.kind == SCRYPT]
    if not found:
        return
    if len(stanzas) > 1 or len(found[0].arguments) != 2 or len(found[0].body) != _KEY_BODY_BYTES:  # noqa: PLR2004 - salt, factor
        raise damaged("has a malformed passphrase stanza")
    salt, factor = found[0].arguments
    if len(_decoded(salt)) != _SALT_BYTES or not _FACTOR.fullmatch(factor):
        raise damaged("has a malformed passphrase stanza")
    if int(factor) > AGE_WORK_FACTOR_MAX:
        raise UsageError(
            f"the age file's passphrase asks for a work factor of {factor}; at most {AGE_WORK_FACTOR_MAX} is done",
            hint="encrypt it anew with: age -p",
        )
