"""What stands in an index, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from string import hexdigits
from typing import Any, Final

from pytrust.trust.errors import Damaged
from pytrust.trust.pki.model import SERIAL_SHOWN, Issued, Kind, Reason, Revocation, Serial, serial_text

COLUMNS: Final = (
    "serial, kind, holder, generation, der, not_before, not_after, renew_at, revoked_at, reason, replaced_by"
)

PROOF_NAME: Final = "pytrust-rotation"
"""The client that a rotation asks engines as (proof.py)."""


class State(StrEnum):
    """What a generation of a CA is for; one kind has exactly one that issues, and at most one that is announced."""

    ANNOUNCED = "announced"  # peers trust it, it issues nothing yet
    ISSUING = "issuing"
    LEAVING = "leaving"  # issues nothing any more, peers trust it still
    RETIRED = "retired"  # nobody trusts it


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The newest list of a client CA."""

    generation: int
    number: int
    der: bytes
    this_update: datetime
    next_update: datetime


def issued_of(row: tuple[Any, ...]) -> Issued:
    """Read a row of ``COLUMNS``; raises ``Damaged`` where it is none."""
    serial, kind, holder, generation, der, not_before, not_after, renew_at, revoked_at, reason, replaced_by = row
    try:
        return Issued(
            serial=serial_of(serial),
            kind=Kind(kind),
            holder=holder,
            generation=generation,
            der=der,
            not_before=moment_of(not_before),
            not_after=moment_of(not_after),
            renew_at=moment_of(renew_at),
            revoked=None if revoked_at is None else revocation_of(revoked_at, reason),
            replaced_by=None if replaced_by is None else serial_of(replaced_by),
        )
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise Damaged(f"the record of certificate {str(serial)[:50]} cannot be read") from error


def serial_of(text: str) -> Serial:
    """Read what ``serial_text`` wrote; raises ``ValueError``."""
    return Serial(int(text, 16))


def moment_of(seconds: int) -> datetime:
    """A moment as it is stored: whole seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds_of(moment: datetime) -> int:
    """The reverse of ``moment_of``."""
    return int(moment.timestamp())


def revocation_of(seconds: int, reason: str) -> Revocation:
    """A revocation as it is stored; raises ``ValueError``."""
    return Revocation(moment_of(seconds), Reason(reason))


def selector_serial(selector: str) -> str:
    """How a serial that a person typed is stored: with or without ``0x``, colons and zeros in front; else empty."""
    digits = _typed(selector)
    try:
        return serial_text(int(digits, 16)) if digits.isalnum() else ""
    except ValueError:
        return ""


def selector_digits(selector: str) -> str:
    """The first digits of a serial as they are stored, where a person typed enough of them; else empty."""
    digits = _typed(selector).upper()
    return digits if len(digits) >= SERIAL_SHOWN and set(digits) <= set(hexdigits) else ""


def _typed(selector: str) -> str:
    return selector.replace(":", "").removeprefix("0x")
