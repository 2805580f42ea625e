"""The certificates in the header of a token (``x5c``), up to one that the operator trusts. Pure.

As docker's registry does: any purpose, the roots are all certificates of the bundle, and a bundle may hold the very
certificate that signs. Stricter where it costs hardly anybody anything: order as in RFC 7515 4.1.6, no SHA-1 (which
``cryptography`` does not verify), and no critical extension that is not looked at here, such as a name constraint.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from pytrust.trust.errors import AccessDenied
from pytrust.trust.limits import CHAIN_MAX
from pytrust.trust.pki.foreign import extension, issued_by, read_certificate

_LOOKED_AT: Final = frozenset(
    {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}
    | {ExtensionOID.SUBJECT_ALTERNATIVE_NAME}
)


def read_chain(value: object) -> list[x509.Certificate]:
    """The certificates of an ``x5c`` header, leaf first; raises ``AccessDenied`` where it is not such a list."""
    if not isinstance(value, list) or not 0 < len(value) <= CHAIN_MAX:
        raise AccessDenied(f"x5c of the token is not a list of 1 to {CHAIN_MAX} certificates")
    try:
        return [read_certificate(b64decode(one, validate=True)) for one in value]
    except (TypeError, ValueError) as error:
        raise AccessDenied("x5c of the token cannot be read") from error


def trusted_leaf(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime
) -> x509.Certificate:
    """The leaf of ``chain``, if it leads to one of ``roots`` and all of that holds ``now``.

    Raises:
        AccessDenied: it does not.
    """
    for depth, certificate in enumerate(chain):
        _check(certificate, now)
        if certificate in roots or any(_is_issuer(root, certificate, depth, now) for root in roots):
            return chain[0]
        if depth + 1 == len(chain) or not _is_issuer(chain[depth + 1], certificate, depth, now):
            break
    raise AccessDenied("the certificate of the token does not lead to a trusted one")


def is_current(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether its time has come and is not over."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _check(certificate: x509.Certificate, now: datetime) -> None:
    if not is_current(certificate, now):
        raise AccessDenied("a certificate of the token is expired, or not valid yet")
    if any(one.critical and one.oid not in _LOOKED_AT for one in certificate.extensions):
        raise AccessDenied("a certificate of the token has a critical extension that is not known here")


def _is_issuer(issuer: x509.Certificate, certificate: x509.Certificate, below: int, now: datetime) -> bool:
    """Whether ``issuer`` is a CA that signed ``certificate``, with ``below`` other CAs between it and the leaf."""
    constraints, usage = extension(issuer, x509.BasicConstraints), extension(issuer, x509.KeyUsage)
    return (
        constraints is not None
        and constraints.ca
        and (constraints.path_length is None or constraints.path_length >= below)
        and (usage is None or usage.key_cert_sign)
        and is_current(issuer, now)
        and issued_by(certificate, issuer)
    )
