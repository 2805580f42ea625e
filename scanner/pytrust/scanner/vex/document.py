"""What a VEX document says, whichever of the two forms it has; and strict JSON, which both are read from. Pure."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Never

from pytrust.scanner.claim import Status
from pytrust.scanner.limits import VEX_MAX_BYTES
from pytrust.trust.errors import UsageError
from pytrust.trust.names import Digest

_FOREIGN: Final = {
    "spdxVersion": "an SPDX document",
    "payloadType": "a DSSE envelope: take the document out of it, once its signature was checked",
    "predicateType": "an in-toto statement: take the predicate out of it, once its signature was checked",
    "runs": "a SARIF log",
    "SchemaVersion": "a report of Trivy",
    "matches": "a report of Grype",
}
_QUOTE_MAX_CHARS: Final = 80
NAMELESS: Final = ""
"""A part of a product that is there, and cannot be told by name."""


@dataclass(frozen=True, slots=True)
class Product:
    """What a statement is about: ``names`` are ids, purls, references and ``sha256:...`` that all mean one thing.

    ``parts`` are purls of packages in it, or ``NAMELESS``; without, all of it is meant.
    """

    names: tuple[str, ...]
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """One statement: ``ids`` with aliases; ``at`` is UTC."""

    ids: tuple[str, ...]
    status: Status
    products: tuple[Product, ...]
    justification: str = ""
    text: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VexDocument:
    """A document; ``digest`` is the sha256 of its bytes, ``author`` as it names itself."""

    digest: Digest
    author: str
    said: tuple[Said, ...]


def parse_strict(data: bytes, what: str) -> dict[str, Any]:
    """An object of JSON with one reading; raises ``UsageError`` for anything else, and by name for what is known."""
    if len(data) > VEX_MAX_BYTES:
        raise UsageError(f"{what} is larger than {VEX_MAX_BYTES} bytes")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()  # half a character is none
    except (ValueError, RecursionError) as error:
        raise _none(what, str(error).partition("\n")[0]) from error
    if not isinstance(value, dict):
        raise _none(what, "it is no JSON object")
    for key, name in _FOREIGN.items():
        if key in value:
            raise _none(what, f"it is {name}")
    if isinstance(value.get("document"), dict) and "csaf_version" in value["document"]:
        raise _none(what, "it is a CSAF document")
    return value


def quoted(text: str) -> str:
    """Outside text in an error: short, and printable."""
    cut = text if len(text) <= _QUOTE_MAX_CHARS else f"{text[:_QUOTE_MAX_CHARS]}..."
    return cut if cut.isprintable() else repr(cut)[1:-1]


def utc(at: datetime | None, where: str) -> datetime | None:
    """A moment of a statement; raises ``UsageError`` for one without a zone, or of no year."""
    if at is not None and at.tzinfo is None:
        raise UsageError(f"{where} has a time without a zone")
    try:
        return None if at is None else at.astimezone(UTC)
    except OverflowError as error:
        raise UsageError(f"{where} has a time that there is not in UTC") from error


def _none(what: str, reason: str) -> UsageError:
    return UsageError(f"{what} is no VEX document: {quoted(reason)}", hint="OpenVEX 0.2.0 and CycloneDX VEX are read")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:60]!r} stands twice")
    return result


def _refuse(word: str) -> Never:
    raise ValueError(f"{word} is no number")
