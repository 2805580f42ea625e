"""The journal of an authority: what it did, when, in a chain of hashes (chain.py). Pure.

An entry is compact JSON with sorted keys. That a certificate was issued names the sha256 of it, so that the chain
vouches for the table of certificates too. Nothing secret stands in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from pytrust.trust.canonical import encode_json
from pytrust.trust.chain import Link, Row, follow
from pytrust.trust.errors import Damaged

ORIGIN: Final = Link(0, sha256(b"pytrust ca ledger 1\n").digest())
"""Before the first event; not the origin of a proxy's journal, so that neither can stand for the other."""


class What(StrEnum):
    """What an authority did."""

    ISSUED = "issued"
    RENEWED = "renewed"
    REVOKED = "revoked"
    LISTED = "listed"
    ADDED = "generation-added"
    CROSS_SIGNED = "cross-signed"
    PROMOTED = "promoted"
    RETIRED = "retired"
    EXPORTED = "root-exported"
    REMOVED = "root-removed"
    IMPORTED = "root-imported"
    TOKEN_MADE = "token-made"  # noqa: S105 - what was done
    TOKEN_USED = "token-used"  # noqa: S105
    TOKENS_CANCELLED = "tokens-cancelled"
    KEY_SUSPECTED = "key-suspected"
    ENDPOINT_SET = "endpoint-set"
    VOUCHED_FOR = "vouched-for"
    PASSED_OVER = "passed-over"


ISSUING: Final = frozenset({What.ISSUED, What.RENEWED, What.ADDED, What.CROSS_SIGNED})
"""Events that record a certificate; their ``sha256`` is that of its DER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that was done; ``seq`` is its number from 1 on (0 before it has one).

    ``details``: ``sha256`` of the certificate for ``ISSUING``, ``reason`` of a revocation, ``number`` (and ``sha256``)
    of a list, ``endpoint`` where a server is asked, and what was ``seen`` of a holder whom a rotation did not wait for.
    """

    at: datetime
    what: What
    kind: str
    holder: str
    serial: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    seq: int = 0


def encode(event: Event) -> bytes:
    """The bytes that the chain covers."""
    return encode_json(
        {
            "at": int(event.at.timestamp()),
            "what": event.what,
            "kind": event.kind,
            "holder": event.holder,
            "serial": event.serial,
            "details": dict(event.details),
        }
    )


def decode(seq: int, entry: bytes) -> Event:
    """Read an entry; raises ``Damaged`` where it is none."""
    try:
        found = json.loads(entry)
        return Event(
            at=datetime.fromtimestamp(found["at"], UTC),
            what=What(found["what"]),
            kind=str(found["kind"]),
            holder=str(found["holder"]),
            serial=str(found["serial"]),
            details={str(key): str(value) for key, value in found["details"].items()},
            seq=seq,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError) as error:
        raise Damaged(f"event {seq} of the authority's journal cannot be read") from error


def walk(rows: Iterable[Row]) -> Iterator[tuple[Link, Event]]:
    """Every event from the first one on, checked; raises ``Damaged`` at the first that is not what was written."""
    for link, entry in follow(ORIGIN, rows):
        yield link, decode(link.seq, entry)
