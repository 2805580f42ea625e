"""Withdrawing certificates, and keeping the lists of what was withdrawn from getting old."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.errors import NotFound, UsageError
from pytrust.trust.pki.authority.change import Change
from pytrust.trust.pki.authority.delivery import settle
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.authority.rows import Listed, State, seconds_of
from pytrust.trust.pki.mint.crl import make_crl
from pytrust.trust.pki.model import (
    CRL_LIFETIME,
    CRL_RENEW_BEFORE,
    Issued,
    Kind,
    Reason,
    Revocation,
    Serial,
    serial_text,
)


def revoke(premises: Premises, several: Iterable[Issued], reason: Reason) -> None:
    """See ``Authority.revoke_all``."""
    given = {issued.serial: issued for issued in several}
    for issued in given.values():
        _check_leaf(issued)
    needed = {issued.generation for issued in given.values() if issued.kind == Kind.CLIENT} & _counting(premises)
    for generation in needed:  # a passphrase is asked for while nobody waits
        premises.keys.key(Kind.CLIENT_CA, generation)
    with premises.locked():
        fresh = [found for serial in given if (found := _known(premises, serial)).revoked is None]
        if fresh:
            _withdraw(premises, fresh, Revocation(premises.now().replace(microsecond=0), reason))
        settle(premises)


def revoke_holder(premises: Premises, newest: Issued, reason: Reason) -> list[Issued]:
    """See ``Authority.revoke_holder``."""
    _check_leaf(newest)
    live = premises.index.live(newest.kind, newest.holder, premises.now())
    if newest.kind == Kind.CLIENT:
        current = premises.index.current(Kind.CLIENT_CA).generation
        for generation in {current, *(issued.generation for issued in live)} & _counting(premises):
            premises.keys.key(Kind.CLIENT_CA, generation)
    with premises.locked():  # and look again: while a passphrase was typed, the holder may have renewed
        live = premises.index.live(newest.kind, newest.holder, premises.now())
        fresh = live or [issued for issued in [_known(premises, newest.serial)] if issued.revoked is None]
        if fresh:
            _withdraw(premises, fresh, Revocation(premises.now().replace(microsecond=0), reason))
        settle(premises)
    return fresh


def refresh(premises: Premises, *, force: bool = False) -> bool:
    """See ``Authority.refresh_crl``."""
    due = [number for number in sorted(_counting(premises)) if force or _is_due(premises, number)]
    for number in due:
        premises.keys.key(Kind.CLIENT_CA, number)
    with premises.locked():
        renewed = _renew(premises, due, force=force)
        settle(premises)
    return renewed


def refresh_in_passing(premises: Premises) -> None:
    """Renew lists whose keys happen to be open; within the lock."""
    due = [
        number
        for number in _counting(premises)
        if premises.keys.is_open(Kind.CLIENT_CA, number) and _is_due(premises, number)
    ]
    if _renew(premises, due, force=False):
        settle(premises)


def first_list(premises: Premises, change: Change, ca: Issued) -> None:
    """An empty list for a client CA that nobody knows yet: without one its clients would not be let in."""
    change.listed(_signed(premises, ca, {}, after=0))


def _withdraw(premises: Premises, fresh: list[Issued], revocation: Revocation) -> None:
    clients = [issued for issued in fresh if issued.kind == Kind.CLIENT]
    lists = []
    for number in sorted({issued.generation for issued in clients} & _counting(premises)):
        more = {issued.serial: revocation for issued in clients if issued.generation == number}
        lists.append(_next(premises, number, more))
    with premises.change() as change:
        for issued in fresh:
            change.revoked(issued, revocation)
        for listed in lists:
            change.listed(listed)


def _renew(premises: Premises, generations: list[int], *, force: bool) -> bool:
    lists = [_next(premises, number, {}) for number in generations if force or _is_due(premises, number)]
    if lists:
        with premises.change() as change:
            for listed in lists:
                change.listed(listed)
    return bool(lists)


def _next(premises: Premises, generation: int, more: dict[Serial, Revocation]) -> Listed:
    """The list after the newest one; entries stay on it for a list's time after their certificate's end."""
    before = premises.index.listed(generation)
    known = premises.index.withdrawn(Kind.CLIENT, generation, premises.now() - CRL_LIFETIME)
    ca = premises.index.ca(Kind.CLIENT_CA, generation)
    return _signed(premises, ca, known | more, after=before.number if before else 0)


def _signed(premises: Premises, ca: Issued, revoked: dict[Serial, Revocation], *, after: int) -> Listed:
    """Numbers are seconds since 1970: those that a backup has forgotten are not given again when it is restored."""
    now = premises.now()
    number = max(after + 1, seconds_of(now))
    crl = make_crl(premises.signing(ca), revoked, number=number, now=now)
    if crl.next_update_utc is None:
        raise ValueError("a list was made that does not say how long it counts")
    return Listed(
        generation=ca.generation,
        number=number,
        der=crl.public_bytes(Encoding.DER),
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
    )


def _counting(premises: Premises) -> set[int]:
    states = premises.index.states(Kind.CLIENT_CA)
    return {number for number, state in states.items() if state != State.RETIRED}


def _is_due(premises: Premises, generation: int) -> bool:
    """Its time is short; or it is of the future (the clock was ahead), and nobody takes it before."""
    listed, now = premises.index.listed(generation), premises.now()
    return listed is None or listed.this_update > now or listed.next_update - now <= CRL_RENEW_BEFORE


def _known(premises: Premises, serial: Serial) -> Issued:
    issued = premises.index.by_serial(serial)
    if issued is None:
        raise NotFound(f"certificate {serial_text(serial)} was not issued here", hint="see: pytrust ca list")
    return issued


def _check_leaf(issued: Issued) -> None:
    if issued.kind not in {Kind.SERVER, Kind.CLIENT}:
        raise UsageError(f"a {issued.kind} is not revoked", hint="replace it: pytrust ca rotate")
