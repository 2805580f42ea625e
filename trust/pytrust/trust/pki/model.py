"""What an authority knows of its certificates. Pure.

    root ──┬── server CA ──── one certificate for each engine (its clients trust the root)
           └── client CA ──── one certificate for each client (engines trust the client CA alone)

Each of the three has a generation; after a rotation the older one is kept until nobody depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, NewType

from cryptography import x509

Serial = NewType("Serial", int)
"""A certificate's serial number: positive, 159 random bits (RFC 5280, 4.1.2.2)."""

CertKeyKind = Literal["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072", "rsa-4096"]
"""Kinds of keys that certificates are made for."""


class Kind(StrEnum):
    """What a certificate is for."""

    ROOT = "root"
    SERVER_CA = "server-ca"
    CLIENT_CA = "client-ca"
    SERVER = "server"
    CLIENT = "client"


CaKind = Literal[Kind.ROOT, Kind.SERVER_CA, Kind.CLIENT_CA]
LeafKind = Literal[Kind.SERVER, Kind.CLIENT]
CA_KINDS: Final[tuple[CaKind, ...]] = (Kind.ROOT, Kind.SERVER_CA, Kind.CLIENT_CA)
ISSUER_OF: Final[dict[LeafKind, CaKind]] = {Kind.SERVER: Kind.SERVER_CA, Kind.CLIENT: Kind.CLIENT_CA}

_KIND_TEXTS: Final = {
    Kind.ROOT: "root",
    Kind.SERVER_CA: "server CA",
    Kind.CLIENT_CA: "client CA",
    Kind.SERVER: "server",
    Kind.CLIENT: "client",
}

BACKDATE: Final = timedelta(hours=1)  # a peer's clock may be behind; swarm's own CA does the same
CA_LIFETIME: Final = timedelta(days=3650)
SERVER_LIFETIME: Final = timedelta(days=90)
CLIENT_LIFETIME: Final = timedelta(days=30)
LEAF_LIFETIME_MAX: Final = timedelta(days=825)  # Apple's verifier takes no longer ones
LEAF_LIFETIME_MIN: Final = timedelta(minutes=5)
CRL_LIFETIME: Final = timedelta(days=30)
CRL_RENEW_BEFORE: Final = timedelta(days=20)  # a host that was off for two weeks still has a list that counts
RENEW_BETWEEN: Final = (0.5, 0.8)  # of a lifetime; the point within is random, so that a fleet does not come at once


class Reason(StrEnum):
    """Why a certificate is withdrawn (RFC 5280, 5.3.1)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key-compromise"
    AFFILIATION_CHANGED = "affiliation-changed"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation-of-operation"
    PRIVILEGE_WITHDRAWN = "privilege-withdrawn"


@dataclass(frozen=True, slots=True)
class Revocation:
    """When and why a certificate was withdrawn."""

    at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """One certificate that was issued.

    ``holder`` is the first name of a server, a client's name, or the kind of an authority; ``generation`` that of the
    issuing CA (for authorities: their own); ``renew_at`` the random point at which it is due for renewal.
    """

    serial: Serial
    kind: Kind
    holder: str
    generation: int
    der: bytes
    not_before: datetime
    not_after: datetime
    renew_at: datetime
    revoked: Revocation | None = None
    replaced_by: Serial | None = None

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        return x509.load_der_x509_certificate(self.der)

    def live(self, now: datetime) -> bool:
        """Whether a peer that knows everything would still accept it."""
        return self.revoked is None and self.not_before <= now < self.not_after


def ca_kind(kind: Kind) -> CaKind:
    """The kind of a CA, known to be one; raises ``ValueError``."""
    match kind:
        case Kind.ROOT | Kind.SERVER_CA | Kind.CLIENT_CA:
            return kind
        case Kind.SERVER | Kind.CLIENT:
            raise ValueError(f"a {kind} is no CA")


def leaf_kind(kind: Kind) -> LeafKind:
    """The kind of a holder, known to be one; raises ``ValueError``."""
    match kind:
        case Kind.SERVER | Kind.CLIENT:
            return kind
        case Kind.ROOT | Kind.SERVER_CA | Kind.CLIENT_CA:
            raise ValueError(f"a {kind} is a CA")


def kind_text(kind: Kind) -> str:
    """A kind for people, and in the common names of CAs: ``client CA``."""
    return _KIND_TEXTS[kind]


def moment_text(moment: datetime) -> str:
    """A moment (UTC) for people, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


SERIAL_SHOWN: Final = 8
"""The first digits of a serial that tables show, and that are enough to name a certificate."""


def serial_text(serial: int) -> str:
    """A serial as ``openssl x509 -serial`` prints it: upper-case hexadecimal, whole bytes."""
    digits = f"{serial:X}"
    return digits.zfill(len(digits) + len(digits) % 2)
