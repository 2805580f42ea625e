"""A client certificate of one generation, for nobody but a rotation to knock at engines with."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pytrust.trust.pki.authority.delivery import pem, supplies
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.making import Wish, make_leaf
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.authority.rows import PROOF_NAME
from pytrust.trust.pki.mint.profile import CertPublicKey, check_public_key
from pytrust.trust.pki.model import LEAF_LIFETIME_MIN, Kind
from pytrust.trust.pki.names import parse_client_name

NAME: Final = parse_client_name(PROOF_NAME)
LIFETIME: Final = timedelta(days=7)  # engines that were restarted within a week of the drop can be asked


def sign_proof(premises: Premises, generation: int, public_key: CertPublicKey) -> bytes | None:
    """See ``Authority.sign_proof``."""
    ca = premises.index.ca(Kind.CLIENT_CA, generation)
    if (left := ca.not_after - premises.now()) < LEAF_LIFETIME_MIN:
        return None
    signing = premises.signing(ca)  # a passphrase is asked for while nobody waits
    issued = make_leaf(
        signing, generation, Wish(NAME, min(LIFETIME, left)), check_public_key(public_key), premises.now()
    )
    with premises.locked(), premises.change() as change:
        change.certificate(issued, ca.serial, What.ISSUED)
    return pem(issued) + supplies(premises.index, Kind.CLIENT).links[generation]
