"""Certificates, made. Pure: keys, serials and the time come from the caller, and nothing is kept.

The issuer's limits are checked here, so that what a verifier would refuse is never signed: its purpose, its end, and
the names that it may issue for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from pytrust.trust.errors import Damaged, Refused
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.pki.mint.constraints import Permitted, check_names
from pytrust.trust.pki.mint.profile import (
    CertPublicKey,
    Extensions,
    authority_kind,
    ca_extensions,
    ca_subject,
    check_public_key,
    client_names,
    copied_extensions,
    key_id_of,
    leaf_extensions,
    leaf_subject,
    name_of,
    organization_of,
    server_names,
)
from pytrust.trust.pki.mint.validity import Validity, ca_validity, leaf_validity, root_validity
from pytrust.trust.pki.model import CA_LIFETIME, ISSUER_OF, CaKind, Kind, Serial
from pytrust.trust.pki.names import CaName, ClientName, ServerNames

_ISSUING: Final = frozenset(ISSUER_OF.values())


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a new certificate has of its own: a serial that no other has, and the time at which it is made."""

    serial: Serial
    now: datetime


@dataclass(frozen=True, slots=True)
class SigningCa:
    """An authority that can sign: its certificate, and the private key that belongs to it (in memory, or remote).

    Raises:
        Damaged: the two do not belong together.
    """

    certificate: x509.Certificate
    key: PrivateKey

    def __post_init__(self) -> None:
        if self.key.public_key() != self.certificate.public_key():
            raise Damaged(
                f"the key for {name_of(self.certificate)} is not the one in its certificate",
                hint="restore both from the same backup",
            )


def make_root(name: CaName, generation: int, key: PrivateKey, stamp: Stamp) -> x509.Certificate:
    """A root for ten years, signed by itself: ``O=<name>, CN=<name> root G<generation>``, path length 1.

    Raises:
        UsageError: a kind of key that no certificate is made for.
    """
    subject = ca_subject(name, Kind.ROOT, generation)
    public_key = check_public_key(key.public_key())
    extensions = ca_extensions(Kind.ROOT, public_key)
    draft = _Draft(subject, public_key, root_validity(stamp.now), extensions)
    return _sign(draft, subject, key, stamp.serial)


def make_server_ca(
    root: SigningCa, generation: int, public_key: CertPublicKey, stamp: Stamp, permitted: Permitted
) -> x509.Certificate:
    """A server CA under ``root``, path length 0, which may issue for what is ``permitted``.

    It lives ten years, or until the root's end.

    Raises:
        Refused: ``root`` does not count now, or is no root.
        UsageError: a kind of key that no certificate is made for.
    """
    extensions = ca_extensions(Kind.SERVER_CA, check_public_key(public_key), permitted)
    subject = ca_subject(organization_of(root.certificate), Kind.SERVER_CA, generation)
    validity = ca_validity(root.certificate, stamp.now, stamp.now + CA_LIFETIME)
    return _issue(root, Kind.ROOT, _Draft(subject, public_key, validity, extensions), stamp)


def make_client_ca(root: SigningCa, generation: int, public_key: CertPublicKey, stamp: Stamp) -> x509.Certificate:
    """A client CA under ``root``, path length 0; ten years, or until the root's end. Raises as ``make_server_ca``."""
    extensions = ca_extensions(Kind.CLIENT_CA, check_public_key(public_key))
    subject = ca_subject(organization_of(root.certificate), Kind.CLIENT_CA, generation)
    validity = ca_validity(root.certificate, stamp.now, stamp.now + CA_LIFETIME)
    return _issue(root, Kind.ROOT, _Draft(subject, public_key, validity, extensions), stamp)


def resign(root: SigningCa, existing: x509.Certificate, stamp: Stamp) -> x509.Certificate:
    """An issuing CA again, under another root: same subject, key, constraints and purpose; new serial.

    What it issued then counts under both roots. It ends with ``existing``, or with the root. OpenSSL follows only the
    first of two such certificates in a chain (seen with 3.0), where ``cryptography`` tries both: a server that sends
    the new one needs clients whose ca.pem has the new root already.

    Raises:
        Refused: ``root`` does not count now or is no root, or ``existing`` is not an issuing CA.
    """
    if authority_kind(existing) not in _ISSUING:
        raise Refused(f"{name_of(existing)} is not an issuing CA", hint="give a server CA or a client CA")
    public_key = check_public_key(existing.public_key())
    validity = ca_validity(root.certificate, stamp.now, existing.not_valid_after_utc)
    return _issue(root, Kind.ROOT, _Draft(existing.subject, public_key, validity, copied_extensions(existing)), stamp)


def make_server(
    issuer: SigningCa,
    names: ServerNames,
    public_key: CertPublicKey,
    stamp: Stamp,
    lifetime: timedelta | None = None,
) -> x509.Certificate:
    """A server's certificate, for all ``names``; without ``lifetime`` 90 days, or until the issuer's end.

    Its common name is its first DNS name. A server that is dialled by address alone has none: OpenSSL would hold a
    common name that looks like a DNS name against the constraints for those.

    Raises:
        Refused: the issuer does not count now, is no server CA, may not issue for one of the names, or ends before a
            ``lifetime`` that was asked for.
        UsageError: a lifetime or a kind of key that no certificate is issued for.
    """
    check_names(issuer.certificate, names)
    validity = leaf_validity(issuer.certificate, Kind.SERVER, stamp.now, lifetime)
    extensions = leaf_extensions(Kind.SERVER, check_public_key(public_key), server_names(names))
    subject = leaf_subject(issuer.certificate, next(iter(names.dns), ""))
    return _issue(issuer, Kind.SERVER_CA, _Draft(subject, public_key, validity, extensions), stamp)


def make_client(
    issuer: SigningCa,
    name: ClientName,
    public_key: CertPublicKey,
    stamp: Stamp,
    lifetime: timedelta | None = None,
) -> x509.Certificate:
    """A client's certificate: CN and URI are its name; without ``lifetime`` 30 days, or until the issuer's end.

    Raises:
        Refused: the issuer does not count now, is no client CA, or ends before a ``lifetime`` that was asked for.
        UsageError: a lifetime or a kind of key that no certificate is issued for.
    """
    validity = leaf_validity(issuer.certificate, Kind.CLIENT, stamp.now, lifetime)
    extensions = leaf_extensions(Kind.CLIENT, check_public_key(public_key), client_names(name))
    subject = leaf_subject(issuer.certificate, name)
    return _issue(issuer, Kind.CLIENT_CA, _Draft(subject, public_key, validity, extensions), stamp)


def digest_for(key: PrivateKey) -> SHA256 | SHA384 | None:
    """The hash that ``key`` signs with: as long as its curve; Ed25519 has its own (RFC 8032)."""
    if isinstance(key, Ed25519PrivateKey):
        return None
    wide = isinstance(key, EllipticCurvePrivateKey) and key.key_size > SHA256.digest_size * 8
    return SHA384() if wide else SHA256()


@dataclass(frozen=True, slots=True)
class _Draft:
    subject: x509.Name
    public_key: CertPublicKey
    validity: Validity
    extensions: Extensions


def _issue(issuer: SigningCa, due: CaKind, draft: _Draft, stamp: Stamp) -> x509.Certificate:
    if authority_kind(issuer.certificate) != due:
        raise Refused(f"{name_of(issuer.certificate)} is not a {due} and may not issue this", hint=f"use the {due}")
    authority = x509.AuthorityKeyIdentifier(key_id_of(issuer.certificate), None, None)
    whole = replace(draft, extensions=(*draft.extensions, (authority, False)))
    return _sign(whole, issuer.certificate.subject, issuer.key, stamp.serial)


def _sign(draft: _Draft, issuer: x509.Name, key: PrivateKey, serial: Serial) -> x509.Certificate:
    builder = x509.CertificateBuilder().issuer_name(issuer).subject_name(draft.subject).public_key(draft.public_key)
    start, end = draft.validity
    builder = builder.serial_number(serial).not_valid_before(start).not_valid_after(end)
    for extension, critical in draft.extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, digest_for(key))
