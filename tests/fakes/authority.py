"""An authority with cheap keys and a clock that tests set, and what its folders say."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pytrust.trust.names import RoleName
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.plan import Plan
from pytrust.trust.pki.folder import CA, CERT, CRL, KEY, read
from pytrust.trust.pki.names import ClientName, ServerNames, parse_ca_name

PASSPHRASE = b"a passphrase for tests"
START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
ALICE, BOB = ClientName("alice"), ClientName("bob")


def passphrase(_: RoleName) -> bytes:
    return PASSPHRASE


@dataclass
class Clock:
    """The time, which goes on when told to."""

    at: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.at

    def go(self, **words: float) -> None:
        self.at += timedelta(**words)


def create(folder: Path, clock: Clock, plan: Plan | None = None) -> Authority:
    """A new authority in ``folder``; a guess at its passphrase costs next to nothing."""
    return Authority.create(folder, plan or Plan(name=parse_ca_name("tests")), passphrase, passphrase, clock, rounds=1)


def reopen(folder: Path, clock: Clock) -> Authority:
    """As another process would."""
    return Authority(folder, passphrase, clock)


def server(*names: str) -> ServerNames:
    return ServerNames.parse(list(names))


def leaf(folder: Path) -> x509.Certificate:
    """The certificate in a folder, whose key has to be the one beside it."""
    files = read(folder)
    chain = x509.load_pem_x509_certificates(files[CERT])
    key = serialization.load_pem_private_key(files[KEY], None)
    assert key.public_key() == chain[0].public_key(), f"{folder} holds half a pair"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / CERT, folder / KEY)
    return chain[0]


def trusted(folder: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(read(folder)[CA])


def revoked(folder: Path) -> set[int]:
    """The serials in all lists of a server's folder."""
    blocks = read(folder)[CRL].split(b"-----BEGIN")[1:]
    return {entry.serial_number for block in blocks for entry in x509.load_pem_x509_crl(b"-----BEGIN" + block)}
