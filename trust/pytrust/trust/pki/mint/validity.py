"""From when and until when a certificate counts. Pure.

Nothing outlives its issuer: verifiers would refuse it from then on, and its holder would learn it too late.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509

from pytrust.trust.errors import Refused, UsageError
from pytrust.trust.pki.mint.profile import name_of
from pytrust.trust.pki.model import (
    BACKDATE,
    CA_LIFETIME,
    CLIENT_LIFETIME,
    LEAF_LIFETIME_MAX,
    LEAF_LIFETIME_MIN,
    SERVER_LIFETIME,
    Kind,
    LeafKind,
    moment_text,
)

_LIFETIME: Final[dict[LeafKind, timedelta]] = {Kind.SERVER: SERVER_LIFETIME, Kind.CLIENT: CLIENT_LIFETIME}
_SECOND: Final = timedelta(seconds=1)


class Validity(NamedTuple):
    """Both ends belong to it (RFC 5280, 4.1.2.5); whole seconds, UTC."""

    not_before: datetime
    not_after: datetime


def root_validity(now: datetime) -> Validity:
    """Ten years, from a little before ``now`` for peers whose clocks are behind."""
    return Validity(_seconds(now - BACKDATE), _seconds(now + CA_LIFETIME))


def ca_validity(issuer: x509.Certificate, now: datetime, end: datetime) -> Validity:
    """Until ``end`` or until the issuer's end; raises ``Refused`` where the issuer does not count now."""
    _check_counts(issuer, now)
    start = max(_seconds(now - BACKDATE), issuer.not_valid_before_utc)
    return Validity(start, min(_seconds(end), issuer.not_valid_after_utc))


def leaf_validity(issuer: x509.Certificate, kind: LeafKind, now: datetime, lifetime: timedelta | None) -> Validity:
    """For ``lifetime``; without one for the usual time of ``kind``, or until the issuer's end.

    Raises:
        UsageError: a lifetime that is too long or too short for any issuer.
        Refused: the issuer does not count now, or ends before a lifetime that was asked for.
    """
    _check_counts(issuer, now)  # before the lifetime, which a renewal cuts down to what is left
    start, end = ca_validity(issuer, now, now + _checked(_LIFETIME[kind] if lifetime is None else lifetime))
    if lifetime is not None and end < _seconds(now + lifetime):
        raise _outlives(issuer, kind)
    return Validity(start, min(end, start + LEAF_LIFETIME_MAX - _SECOND))


def _checked(lifetime: timedelta) -> timedelta:
    if LEAF_LIFETIME_MIN <= lifetime <= LEAF_LIFETIME_MAX:
        return lifetime
    raise UsageError(
        f"a lifetime of {lifetime} is not one for a certificate",
        hint=f"from {LEAF_LIFETIME_MIN.seconds // 60} minutes to {LEAF_LIFETIME_MAX.days} days",
    )


def _check_counts(issuer: x509.Certificate, now: datetime) -> None:
    if now < issuer.not_valid_before_utc:
        raise Refused(
            f"{name_of(issuer)} counts from {moment_text(issuer.not_valid_before_utc)} only",
            hint="check this host's clock",
        )
    if issuer.not_valid_after_utc - now < LEAF_LIFETIME_MIN:
        raise Refused(
            f"{name_of(issuer)} ends at {moment_text(issuer.not_valid_after_utc)} and issues nothing any more",
            hint="make a new one: pytrust ca rotate",
        )


def _outlives(issuer: x509.Certificate, kind: LeafKind) -> Refused:
    return Refused(
        f"a {kind} certificate of that lifetime would outlive {name_of(issuer)}, which ends at "
        f"{moment_text(issuer.not_valid_after_utc)}",
        hint="ask for less, leave the lifetime out, or make a new authority: pytrust ca rotate",
    )


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
