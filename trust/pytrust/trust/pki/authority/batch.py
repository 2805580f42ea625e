"""Issuing to thousands of clients: as issuing.py does, with one record and one flush of the disk for some hundreds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from pytrust.trust.keys.private import PrivateKey, generate
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki.authority.delivery import deliver, supplies
from pytrust.trust.pki.authority.issuing import place_of
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.lists import refresh_in_passing
from pytrust.trust.pki.authority.making import Wish, make_leaf
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.leaf_key import key_pem
from pytrust.trust.pki.mint.build import SigningCa
from pytrust.trust.pki.model import CertKeyKind, Issued, Kind
from pytrust.trust.pki.names import ClientName

_BATCH: Final = 250  # a second's work under the lock, so that nobody else is kept waiting for long


@dataclass(frozen=True, slots=True)
class _Order:
    """One certificate to be made."""

    wish: Wish
    place: Path
    key: PrivateKey
    pem: bytes


def issue_many(
    premises: Premises, names: Sequence[ClientName], lifetime: timedelta | None, key_kind: CertKeyKind
) -> list[Issued]:
    """See ``Authority.issue_clients``."""
    premises.signing(premises.issuer(Kind.CLIENT))  # a passphrase is asked for while nobody waits
    issued: dict[str, Issued] = {}
    wishes = [Wish(name, lifetime) for name in dict.fromkeys(names)]
    for some in _batches(wishes):
        with premises.locked():
            issued |= {one.holder: one for one in _issue_batch(premises, some, key_kind)}
    with premises.locked():
        refresh_in_passing(premises)
    return [issued[name] for name in dict.fromkeys(names)]


def _issue_batch(premises: Premises, wishes: Sequence[Wish], key_kind: CertKeyKind) -> Iterator[Issued]:
    orders = []
    for wish in wishes:
        if has := _has(premises, wish):
            yield has
        else:
            orders.append(_ordered(premises, wish, key_kind))
    os.sync()  # the keys are safe before their certificates are recorded
    ca = premises.issuer(Kind.CLIENT)
    made = _made(premises, ca, premises.signing(ca), orders)
    goods = supplies(premises.index, Kind.CLIENT)
    for order, issued in zip(orders, made, strict=True):
        folders.publish(order.place, goods.files(issued, order.pem), sync=False)
        yield issued
    os.sync()
    with premises.change() as change:
        for issued in made:
            change.written(issued)


def _has(premises: Premises, wish: Wish) -> Issued | None:
    """The certificate of a client that has one; what was begun and ended there is finished."""
    if not premises.index.live(wish.kind, wish.holder, premises.now()):
        return None
    holder = premises.index.holder(wish.kind, wish.holder)
    if holder is not None and holder.folder is not None and holder.unfinished:
        deliver(premises, holder, holder.folder)
    return None if holder is None else holder.issued


def _ordered(premises: Premises, wish: Wish, key_kind: CertKeyKind) -> _Order:
    place = place_of(premises, wish, None, premises.index.holder(wish.kind, wish.holder))
    key = generate(key_kind)
    pem = key_pem(key)
    folders.stage_key(place, pem, sync=False)
    return _Order(wish, place, key, pem)


def _made(premises: Premises, ca: Issued, signing: SigningCa, orders: Sequence[_Order]) -> list[Issued]:
    now = premises.now()
    made = [make_leaf(signing, ca.generation, order.wish, order.key.public_key(), now) for order in orders]
    with premises.change() as change:
        for order, issued in zip(orders, made, strict=True):
            change.certificate(issued, ca.serial, What.ISSUED)
            change.holder(issued, premises.index.stored_folder(order.place), "")
    return made


def _batches(wishes: Sequence[Wish]) -> Iterator[Sequence[Wish]]:
    for start in range(0, len(wishes), _BATCH):
        yield wishes[start : start + _BATCH]
