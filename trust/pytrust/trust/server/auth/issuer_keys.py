"""The keys of somebody else who gives tokens: a bundle of certificates, or a JSON Web Key Set (RFC 7517). Pure.

A header names a key by ``kid``. For a certificate that is what docker's registry makes of its public key: the
fingerprint of libtrust (registry 2) or the thumbprint of RFC 7638 (registry 3).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from datetime import datetime
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import JWKRegistry, OctKey

from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import AccessDenied, BadMetadata, Unsound, UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import ISSUER_FILE_MAX_BYTES, ISSUER_KEYS_MAX
from pytrust.trust.pki.foreign import UNREADABLE, read_certificate
from pytrust.trust.server.auth.chain import is_current, read_chain, trusted_leaf
from pytrust.trust.server.auth.jws import VerifyKey

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_LIBTRUST_BYTES: Final = 30
_UNUSABLE: Final = (JoseError, UsageError, KeyError, SecurityWarning, *UNREADABLE)
"""Of joserfc too: a curve it does not know is a KeyError, a short RSA key a warning, where warnings are errors."""
_HINT_SET: Final = 'a JSON Web Key Set holds public keys: {"keys": [{"kty": ...}]}'


class Certificates(NamedTuple):
    """A bundle: roots for ``x5c``, and each the holder of a key for ``kid``."""

    roots: tuple[x509.Certificate, ...]
    by_kid: dict[str, tuple[x509.Certificate, VerifyKey]]


KeySet = dict[str, VerifyKey]
"""By ``kid``."""


def parse_bundle(data: bytes, what: str) -> Certificates:
    """Read PEM certificates; ``what`` names the file in errors.

    Raises:
        Unsound: none, too many, or one that cannot be read or has a key of no use.
    """
    blocks = _PEM.findall(data)
    if not 0 < len(blocks) <= ISSUER_KEYS_MAX:
        raise Unsound(f"{what} does not hold 1 to {ISSUER_KEYS_MAX} certificates", hint="give a PEM file")
    try:
        roots = tuple(_certificate(block) for block in blocks)
        keys = [(root, VerifyKey.of(root.public_key())) for root in roots]
    except (*UNREADABLE, UsageError) as error:
        raise Unsound(f"{what}: a certificate cannot be used: {error}") from error
    by_kid = {kid: pair for pair in keys for kid in (pair[1].id, libtrust_id(pair[0]))}
    return Certificates(roots, by_kid)


def parse_key_set(data: bytes, what: str) -> KeySet:
    """Read a JSON Web Key Set; ``what`` names the file in errors.

    Raises:
        Unsound: not one, a secret key, a key of no use, or two keys with one ``kid``.
    """
    try:
        document = parse_json(data, what=what, max_bytes=ISSUER_FILE_MAX_BYTES)
    except BadMetadata as error:
        raise Unsound(str(error), hint=_HINT_SET) from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= ISSUER_KEYS_MAX:
        raise Unsound(f"{what} does not hold 1 to {ISSUER_KEYS_MAX} keys", hint=_HINT_SET)
    found: KeySet = {}
    for number, entry in enumerate(entries, start=1):
        kid, key = _key(entry, f"{what}: key {number}")
        if kid in found:
            raise Unsound(f"{what}: key {number} has the kid of another", hint="remove one of the two")
        found[kid] = key
    return found


def find_key(
    header: dict[str, Any], certificates: Certificates | None, keys: KeySet | None, now: datetime
) -> VerifyKey:
    """The trusted key that the header of a token names; raises ``AccessDenied`` where there is none.

    A chain of certificates decides where there are certificates to hold it against.
    """
    kid = header.get("kid")
    if certificates and "x5c" in header:
        return _key_of(trusted_leaf(read_chain(header["x5c"]), certificates.roots, now))
    if not isinstance(kid, str):
        raise AccessDenied("the token names no key: neither kid nor x5c")
    if keys and kid in keys:
        return keys[kid]
    root, key = certificates.by_kid.get(kid, (None, None)) if certificates else (None, None)
    if root is None or key is None or not is_current(root, now):
        raise AccessDenied("the token names a key that is not trusted, or whose certificate is over")
    return key


def libtrust_id(certificate: x509.Certificate) -> str:
    """The fingerprint that libtrust gives its key: twelve groups of four letters."""
    digest = hashlib.sha256(PublicKey.of(certificate.public_key()).spki).digest()
    letters = b32encode(digest[:_LIBTRUST_BYTES]).decode()
    return ":".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def _certificate(pem: bytes) -> x509.Certificate:
    return read_certificate(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))


def _key_of(certificate: x509.Certificate) -> VerifyKey:
    try:
        return VerifyKey.of(certificate.public_key())
    except UsageError as error:
        raise AccessDenied(str(error)) from error


def _key(entry: object, what: str) -> tuple[str, VerifyKey]:
    if not isinstance(entry, dict):
        raise Unsound(f"{what} is not an object", hint=_HINT_SET)
    try:
        read = JWKRegistry.import_key(entry)
        if isinstance(read, OctKey) or read.is_private:
            raise Unsound(f"{what} is a secret", hint="give the public keys of the issuer alone")
        key = VerifyKey.of(read.public_key)
    except _UNUSABLE as error:
        raise Unsound(f"{what} cannot be used: {str(error)[:200]}", hint=_HINT_SET) from error
    return entry.get("kid", key.id), key
