"""Issuing for keys that are held elsewhere (enrolment)."""

from __future__ import annotations

from pytrust.trust.keys.public import PublicKey
from pytrust.trust.pki.authority.claims import check_claim
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.lists import refresh_in_passing
from pytrust.trust.pki.authority.making import Wish, sign_leaf
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.mint.profile import CertPublicKey, check_public_key
from pytrust.trust.pki.model import Issued


def sign(premises: Premises, wish: Wish, public_key: CertPublicKey, replaces: Issued | None) -> Issued:
    """See ``Authority.sign_client``."""
    key = check_public_key(public_key)
    premises.signing(premises.issuer(wish.kind))  # a passphrase is asked for while nobody waits
    with premises.locked():
        live = premises.index.live(wish.kind, wish.holder, premises.now())
        old = replaces and premises.index.by_serial(replaces.serial)
        check_claim(wish, PublicKey.of(key), old, live)
        issued, ca = sign_leaf(premises, wish, key)
        before = premises.index.holder(wish.kind, wish.holder)
        with premises.change() as change:
            change.certificate(issued, ca.serial, What.RENEWED if old else What.ISSUED, old)
            change.holder(issued, None, before.endpoint if before else "")
        refresh_in_passing(premises)
    return issued
