"""PEM with headers, as docker's and notary's key files have it: blocks, and nothing beside them.

The form is RFC 1421, 4.6, as Go's ``encoding/pem`` writes it: a block's headers stand before a blank line, first
``Proc-Type``, the others by name. What has two readings is refused: a header that stands twice, a folded one, text
between the blocks, base64 that is not canonical.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pytrust.trust.errors import Damaged, UsageError

PROC_TYPE: Final = "Proc-Type"
_BLOCK = re.compile(
    rb"-----BEGIN (?P<label>[A-Z0-9 ]{1,64})-----\n"
    rb"(?:(?P<headers>(?:[A-Za-z0-9-]{1,64}: ?[^\n]{0,1024}\n)++)\n)?"
    rb"(?P<body>(?:[A-Za-z0-9+/=]{1,76}\n)++)"
    rb"-----END (?P=label)-----(?:\n|\Z)\s*+"
)
_COLUMNS: Final = 64
_HINT: Final = "give a key file of docker or notary, or their folder: ~/.docker/trust, ~/.notary"


@dataclass(frozen=True, slots=True)
class Block:
    """One block: what stands after ``BEGIN``, the headers, and the decoded body."""

    label: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def read_blocks(data: bytes, what: str) -> tuple[Block, ...]:
    """All blocks of a file; ``what`` names it in errors.

    Raises:
        UsageError: it is not PEM from its beginning to its end.
        Damaged: a block has a header twice, or a body that is not base64.
    """
    text = data.replace(b"\r\n", b"\n").lstrip()
    blocks = []
    place = 0
    while found := _BLOCK.match(text, place):
        blocks.append(_block(found, what))
        place = found.end()
    if not blocks or place != len(text):
        raise UsageError(f"{what} is not a private key file in PEM", hint=_HINT)
    return tuple(blocks)


def write_block(block: Block) -> bytes:
    """A block as Go writes it."""
    first = [PROC_TYPE] if PROC_TYPE in block.headers else []
    names = first + sorted(block.headers.keys() - {PROC_TYPE})
    headers = [f"{name}: {block.headers[name]}" for name in names]
    body = base64.b64encode(block.body).decode()
    lines = [body[place : place + _COLUMNS] for place in range(0, len(body), _COLUMNS)]
    blank = [""] if headers else []
    return "\n".join(
        [f"-----BEGIN {block.label}-----", *headers, *blank, *lines, f"-----END {block.label}-----", ""]
    ).encode()


def _block(found: re.Match[bytes], what: str) -> Block:
    return Block(found["label"].decode(), _headers(found["headers"] or b"", what), _body(found["body"], what))


def _headers(lines: bytes, what: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines.decode("utf-8", "replace").split("\n")[:-1]:
        name, _, value = line.partition(":")
        if name in headers:
            raise Damaged(f"{what} has the header {name} twice", hint="make the file anew, or remove one of the two")
        headers[name] = value.strip()
    return headers


def _body(lines: bytes, what: str) -> bytes:
    text = lines.replace(b"\n", b"")
    try:
        body = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Damaged(f"{what} is damaged: its body is not base64") from error
    if base64.b64encode(body) != text:
        raise Damaged(f"{what} is damaged: its body is not base64")
    return body
