"""Certificates as carriers of Notary keys: those of a root are made for one collection.

A root certificate names its collection (or a prefix of it and ``*``) in its common name. It proves nothing by
itself: trust starts at a pin, which may be the certificate itself, its key, or a CA above it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pytrust.trust.errors import BadMetadata, UsageError
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.keys.public import UNSUPPORTED, PublicKey
from pytrust.trust.limits import ROOT_LIFETIME
from pytrust.trust.names import CollectionName

CERTIFICATES_MAX: Final = 8  # of one key: a leaf and its intermediates
_COMMON_NAME_MAX: Final = 64  # characters: RFC 5280, ub-common-name
_EARLY: Final = timedelta(days=1)  # how long before its time notary lets a certificate count
_BACKDATED: Final = timedelta(minutes=5)  # clocks of others may be behind
_BROKEN: Final = (hashes.SHA1, hashes.MD5)
_COMPLAINTS: Final = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def parse_bundle(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM text, leaf first; raises ``BadMetadata``."""
    with _reading():
        found = x509.load_pem_x509_certificates(pem)
    if len(found) > CERTIFICATES_MAX:
        raise BadMetadata(f"a key comes with more than {CERTIFICATES_MAX} certificates")
    return found


def write_bundle(certificates: Sequence[x509.Certificate]) -> bytes:
    """PEM as Go writes it: 64 columns, a line feed at the end, nothing in between."""
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in certificates)


def make_certificate(key: PrivateKey, name: CollectionName, now: datetime) -> bytes:
    """A root certificate for ``name`` as notary makes it, in PEM; raises ``UsageError`` for a key that cannot."""
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise UsageError(
            "docker and notary read root keys of the kinds ecdsa and rsa only, not ed25519",
            hint="use another root key, or sign in one format: --format tuf",
        )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _common_name(name))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + ROOT_LIFETIME)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return write_bundle([builder.sign(key, hashes.SHA256())])


def leaf_fault(certificates: Sequence[x509.Certificate], name: CollectionName, now: datetime | None) -> str:
    """Why a bundle cannot carry a root key of ``name``, empty if it can; ``now`` None asks nothing about time.

    Raises:
        BadMetadata: a certificate that opens, and whose parts cannot be read.
    """
    with _reading():
        return _leaf_fault(certificates, name, now)


def _leaf_fault(certificates: Sequence[x509.Certificate], name: CollectionName, now: datetime | None) -> str:
    leaf = certificates[0]
    if _is_ca(leaf) or not all(map(_is_ca, certificates[1:])):
        return "it needs exactly one certificate that is no CA, and that first"
    if not _names(leaf, name):
        return f"its common name is not {name}"
    if isinstance(leaf.signature_hash_algorithm, _BROKEN):
        return "it is signed with SHA-1 or MD5"
    if PublicKey.of(leaf.public_key()).kind == UNSUPPORTED:
        return "its key is too short, or of a kind that cannot sign here"
    return _time_fault(leaf, now) if now is not None else ""


def is_for_one(certificates: Sequence[x509.Certificate], name: CollectionName) -> bool:
    """Whether a bundle cannot carry a root key of any other collection; raises as ``leaf_fault`` does."""
    with _reading():
        return bool(certificates) and _written_name(certificates[0]) == name


def leads_to(certificates: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether a chain from the leaf through its intermediates ends at one of ``authorities``, all of them in time.

    Raises:
        BadMetadata: a certificate whose parts cannot be read.
    """
    with _reading():
        return _leads_to(certificates, authorities, now)


def _leads_to(certificates: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], now: datetime) -> bool:
    current, pool = certificates[0], list(certificates[1:])
    while current.not_valid_before_utc - _EARLY <= now < current.not_valid_after_utc:
        if any(_issued(current, item, now) for item in authorities):
            return True
        above = next((item for item in pool if _issued(current, item, now)), None)
        if above is None:
            return False
        pool.remove(above)
        current = above
    return False


@contextmanager
def _reading() -> Iterator[None]:
    """The library reads most of a certificate only when asked, and complains in ways of its own."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of serials and long names that notary itself makes
            yield
    except (ValueError, UnsupportedAlgorithm, *_COMPLAINTS) as error:
        raise BadMetadata("a certificate cannot be read") from error


def _time_fault(leaf: x509.Certificate, now: datetime) -> str:
    if leaf.not_valid_after_utc <= now:
        return f"it ended {leaf.not_valid_after_utc:%Y-%m-%d}"
    if leaf.not_valid_before_utc > now + _EARLY:
        return f"it begins only {leaf.not_valid_before_utc:%Y-%m-%d}"
    return ""


def _issued(subject: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    in_time = issuer.not_valid_before_utc - _EARLY <= now < issuer.not_valid_after_utc
    if not _is_ca(issuer) or not in_time or isinstance(subject.signature_hash_algorithm, _BROKEN):
        return False
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _written_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else ""


def _names(certificate: x509.Certificate, name: CollectionName) -> bool:
    text = _written_name(certificate)
    return text == name or (text.endswith("*") and name.startswith(text[:-1]))


def _common_name(name: CollectionName) -> str:
    """The name, or what fits of it and the star that notary's clients take for the rest."""
    return name if len(name) <= _COMMON_NAME_MAX else f"{name[: _COMMON_NAME_MAX - 1]}*"


_KEY_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
