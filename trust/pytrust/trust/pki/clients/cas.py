"""The CAs that clients' certificates may come from, each with its list of those it has withdrawn. Pure.

A CA without a list that counts is kept: its clients are known, and refused for want of a list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from pytrust.trust.errors import Damaged, UsageError
from pytrust.trust.pki.finding import Finding, Severity
from pytrust.trust.pki.foreign import UNREADABLE, extension, issued_by
from pytrust.trust.pki.mint.crl import RevocationList, read_crls
from pytrust.trust.pki.mint.profile import key_id_of, name_of

CAS_MAX: Final = 64  # in one file; a rotation has two, a careful foreign set-up a dozen
CAS_MAX_BYTES: Final = 1024 * 1024  # 64 certificates with RSA-4096 keys have 150 KB

_CLIENT_USES: Final = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
_LIST: Final = b"-----BEGIN X509 CRL-----"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClientCa:
    """One CA certificate, all of which can be read, and its list of revoked ones.

    ``name`` is for people; ``issuer_id`` stays when the certificate is renewed with the same key: the SHA-256 of
    subject and public key, in hexadecimal.
    """

    certificate: x509.Certificate
    name: str
    issuer_id: str
    revoked: RevocationList | None = None

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Self:
        """Raises what ``UNREADABLE`` lists."""
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        issuer_id = hashlib.sha256(certificate.subject.public_bytes() + key).hexdigest()
        return cls(certificate=certificate, name=name_of(certificate), issuer_id=issuer_id)

    def issued(self, leaf: x509.Certificate) -> bool:
        """Whether ``leaf`` names it as its issuer (its key too, where it says which) and bears its signature."""
        named = extension(leaf, x509.AuthorityKeyIdentifier)
        if named is not None and named.key_identifier not in {None, key_id_of(self.certificate)}:
            return False
        return issued_by(leaf, self.certificate)


def for_clients(certificate: x509.Certificate) -> bool:
    """Whether its purposes, if any are given, include that of a client; those of a CA bind what is issued below."""
    uses = extension(certificate, x509.ExtendedKeyUsage)
    return uses is None or not _CLIENT_USES.isdisjoint(uses)


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it is marked as a CA's (RFC 5280, 4.2.1.9)."""
    basic = extension(certificate, x509.BasicConstraints)
    return basic is not None and basic.ca


def read_cas(pem: bytes) -> tuple[ClientCa, ...]:
    """The CA certificates in a PEM file, each once; others in it are nobody's issuer, and left out.

    Raises:
        Damaged: it is not a readable file of certificates, or too large.
        UsageError: none of them is a CA that may vouch for clients.
    """
    if len(pem) > CAS_MAX_BYTES:
        raise Damaged(f"CA certificates of {len(pem)} bytes are more than {CAS_MAX_BYTES}")
    try:
        found = dict.fromkeys(x509.load_pem_x509_certificates(pem))
        if len(found) > CAS_MAX:
            raise Damaged(f"{len(found)} CA certificates are more than {CAS_MAX}")
        cas = tuple(ClientCa.of(each) for each in found if _vouches(each))
    except UNREADABLE as error:
        raise Damaged(f"the CA certificates cannot be read: {str(error)[:200]}") from error
    if not cas:
        raise UsageError("no CA certificate may vouch for clients", hint="see what it holds: pytrust ca lint ca.pem")
    return cas


def _vouches(certificate: x509.Certificate) -> bool:
    usage = extension(certificate, x509.KeyUsage)
    return is_ca(certificate) and for_clients(certificate) and (usage is None or usage.key_cert_sign)


def give_lists(cas: Iterable[ClientCa], pem: bytes) -> tuple[tuple[ClientCa, ...], tuple[Finding, ...]]:
    """Each CA with its newest list in a PEM file; and what an operator should know of lists and CAs that are left.

    Raises:
        BadSignature: a list is forged.
        BadMetadata: a list cannot be read, or leaves things out.
    """
    lists = read_crls(pem, [ca.certificate for ca in cas])
    equipped = tuple(replace(ca, revoked=_newest(lists, ca)) for ca in cas)
    known = {(each.issuer, each.issuer_key_id, each.number, each.this_update) for each in lists}
    foreign = pem.count(_LIST) - len(known)
    findings = [_bare(ca) for ca in equipped if ca.revoked is None]
    return equipped, (*findings, *([_foreign(foreign)] if foreign > 0 else []))


def _newest(lists: Iterable[RevocationList], ca: ClientCa) -> RevocationList | None:
    """Those of one number, which there must not be, count together: none takes back what the other withdraws."""
    own = [
        each
        for each in lists
        if (each.issuer, each.issuer_key_id) == (ca.certificate.subject, key_id_of(ca.certificate))
    ]
    newest = max(own, key=lambda each: (each.number, each.this_update), default=None)
    if newest is None:
        return None
    twins = (each.revoked for each in own if each.number == newest.number)
    return replace(newest, revoked=dict(chain.from_iterable(twin.items() for twin in twins)))


def _bare(ca: ClientCa) -> Finding:
    return Finding(
        code="no-revocation-list",
        severity=Severity.ERROR,
        thing="crl.pem",
        text=f"there is no list of {ca.name}: its clients are refused",
        hint="write one: pytrust ca crl",
    )


def _foreign(count: int) -> Finding:
    return Finding(
        code="foreign-revocation-list",
        severity=Severity.WARNING,
        thing="crl.pem",
        text=f"lists that are of no CA in ca.pem, or not the only copy, are left out: {count}",
        hint="write both files anew: pytrust ca crl",
    )
