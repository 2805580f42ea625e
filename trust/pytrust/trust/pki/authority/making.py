"""From a wish to a certificate: names, lifetime, serial, and the moment of renewal."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.errors import UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.pki.authority.plan import KEY_KINDS
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.mint.build import SigningCa, Stamp, make_client, make_server
from pytrust.trust.pki.mint.profile import CertPublicKey
from pytrust.trust.pki.model import (
    BACKDATE,
    LEAF_LIFETIME_MIN,
    RENEW_BETWEEN,
    CertKeyKind,
    Issued,
    Kind,
    LeafKind,
    Serial,
    leaf_kind,
)
from pytrust.trust.pki.names import ClientName, ServerNames

_CHANCE: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom a certificate is for; without ``lifetime`` for the usual time."""

    names: ServerNames | ClientName
    lifetime: timedelta | None

    @property
    def kind(self) -> LeafKind:
        """What it is for."""
        return Kind.SERVER if isinstance(self.names, ServerNames) else Kind.CLIENT

    @property
    def holder(self) -> str:
        """Who it is listed under."""
        return self.names.first if isinstance(self.names, ServerNames) else self.names


def make_leaf(ca: SigningCa, generation: int, wish: Wish, key: CertPublicKey, now: datetime) -> Issued:
    """Sign a certificate; raises what ``make_server`` and ``make_client`` do."""
    if isinstance(wish.names, ServerNames):
        certificate = make_server(ca, wish.names, key, stamp(now), wish.lifetime)
    else:
        certificate = make_client(ca, wish.names, key, stamp(now), wish.lifetime)
    return issued_as(certificate, wish.kind, wish.holder, generation, now)


def issued_as(certificate: x509.Certificate, kind: Kind, holder: str, generation: int, now: datetime) -> Issued:
    """A fresh certificate as it is recorded; when to renew it is left to chance within bounds."""
    end = certificate.not_valid_after_utc
    return Issued(
        serial=Serial(certificate.serial_number),
        kind=kind,
        holder=holder,
        generation=generation,
        der=certificate.public_bytes(Encoding.DER),
        not_before=certificate.not_valid_before_utc,
        not_after=end,
        renew_at=(now + (end - now) * _CHANCE.uniform(*RENEW_BETWEEN)).replace(microsecond=0),
    )


def sign_leaf(premises: Premises, wish: Wish, key: CertPublicKey) -> tuple[Issued, Issued]:
    """Sign by the CA that issues now; gives the certificate, and the CA's."""
    ca = premises.issuer(wish.kind)
    return make_leaf(premises.signing(ca), ca.generation, wish, key, premises.now()), ca


def stamp(now: datetime) -> Stamp:
    """A serial of 159 random bits, and the time."""
    return Stamp(Serial(x509.random_serial_number()), now)


def wish_again(issued: Issued, ca_end: datetime, now: datetime) -> Wish:
    """The same names and span from now on, within the CA's; what its own CA had cut short gets the usual time."""
    span = issued.not_after - issued.not_before - BACKDATE
    cut_short = span < LEAF_LIFETIME_MIN
    return Wish(names_of(issued), None if cut_short else min(span, ca_end - now))


def names_of(issued: Issued) -> ServerNames | ClientName:
    """The names in a certificate of ours; the holder's is the first."""
    if leaf_kind(issued.kind) == Kind.CLIENT:
        return ClientName(issued.holder)
    names = issued.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return ServerNames.parse([issued.holder, *names.get_values_for_type(x509.DNSName), *addresses])


def key_kind_of(issued: Issued) -> CertKeyKind:
    """The kind of a certificate's key; raises ``UsageError`` for one that is not made any more."""
    found = PublicKey.of(issued.certificate.public_key()).kind
    for kind in KEY_KINDS:
        if kind == found:
            return kind
    raise UsageError(f"{issued.holder} has a key of the kind {found}, which is not made here", hint="renew --same-key")
