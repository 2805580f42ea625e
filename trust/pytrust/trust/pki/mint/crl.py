"""Certificate revocation lists (RFC 5280, 5): made, and read from anybody. Pure.

Only whole lists of one issuer are read: a delta, an indirect list or one of a limited scope says nothing about the
certificates that it leaves out, and would let a revoked one pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar, cast

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.errors import BadMetadata, BadSignature
from pytrust.trust.pki.foreign import UNREADABLE, extension
from pytrust.trust.pki.mint.build import SigningCa, digest_for
from pytrust.trust.pki.mint.profile import key_id_of, name_of
from pytrust.trust.pki.model import CRL_LIFETIME, Reason, Revocation, Serial

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

CRL_MAX_BYTES: Final = 32 * 1024 * 1024  # of one file; 100,000 entries take 7 MB in PEM
CRLS_MAX: Final = 64  # of one file; a rotation has two
_HASHES: Final = (SHA256, SHA384, SHA512, type(None))  # None: Ed25519; lists under SHA-1 can be forged
_UNDERSTOOD: Final = (x509.CRLNumber, x509.AuthorityKeyIdentifier)
_LIMITING: Final = (x509.DeltaCRLIndicator, x509.IssuingDistributionPoint)
_NUMBER_MAX_BITS: Final = 20 * 8  # RFC 5280, 5.2.3
_FLAGS: Final = {
    Reason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    Reason.AFFILIATION_CHANGED: x509.ReasonFlags.affiliation_changed,
    Reason.SUPERSEDED: x509.ReasonFlags.superseded,
    Reason.CESSATION_OF_OPERATION: x509.ReasonFlags.cessation_of_operation,
    Reason.PRIVILEGE_WITHDRAWN: x509.ReasonFlags.privilege_withdrawn,
}
_REASONS: Final = {flag: reason for reason, flag in _FLAGS.items()}
_BLOCK: Final = re.compile(rb"-----BEGIN X509 CRL-----\s[A-Za-z0-9+/=\s]+-----END X509 CRL-----\s*")
_HINT: Final = "ask its authority for a new one"
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """What one authority has withdrawn; its signature was checked.

    ``issuer`` and ``issuer_key_id`` are subject and subject key identifier of the authority, which certificates that it
    issued carry as issuer and authority key identifier. It counts from ``this_update`` until ``next_update``; of two
    lists of one authority the one with the higher ``number`` is newer.
    """

    issuer: x509.Name
    issuer_key_id: bytes
    number: int
    this_update: datetime
    next_update: datetime
    revoked: Mapping[int, Revocation] = field(repr=False)


def make_crl(
    issuer: SigningCa,
    revoked: Mapping[Serial, Revocation],
    *,
    number: int,
    now: datetime,
    lifetime: timedelta = CRL_LIFETIME,
) -> x509.CertificateRevocationList:
    """A list of all that ``issuer`` has withdrawn; ``number`` has to be higher than that of any list before."""
    moment = now.replace(microsecond=0)
    # the builder's own method to add an entry copies all entries each time
    builder = x509.CertificateRevocationListBuilder(revoked_certificates=[*map(_entry, revoked.items())])
    builder = builder.issuer_name(issuer.certificate.subject).last_update(moment).next_update(moment + lifetime)
    authority = x509.AuthorityKeyIdentifier(key_id_of(issuer.certificate), None, None)
    builder = builder.add_extension(authority, critical=False).add_extension(x509.CRLNumber(number), critical=False)
    return builder.sign(issuer.key, digest_for(issuer.key))


def read_crl(data: bytes, issuer: x509.Certificate) -> RevocationList:
    """One list in PEM or DER, which has to be that of ``issuer``.

    Raises:
        BadSignature: ``issuer`` did not sign it.
        BadMetadata: not a list, the list of another authority, or one that leaves things out.
    """
    with _readable():
        crl = _load(_bounded(data))
        if not _names(crl, issuer):
            raise BadMetadata(f"the revocation list is not that of {name_of(issuer)}", hint=_HINT)
        return _checked(crl, issuer)


def read_crls(pem: bytes, issuers: Sequence[x509.Certificate]) -> tuple[RevocationList, ...]:
    """The lists of ``issuers`` in a file of PEM blocks, as they stand; an authority may have several, or none.

    Lists of other authorities are passed over: they say nothing about what these issued.

    Raises:
        BadSignature: a list in the name and under the key identifier of one of them that it did not sign.
        BadMetadata: as ``read_crl``, and for anything but PEM blocks of lists.
    """
    with _readable():
        lists = [*map(_load, _blocks(_bounded(pem)))]
        return tuple(_checked(crl, issuer) for crl in lists for issuer in issuers if _names(crl, issuer))


def pem_of(der: bytes) -> bytes:
    """A list that ``make_crl`` made, in PEM: what stands in a ``crl.pem``, one after another."""
    return x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)


def _entry(item: tuple[Serial, Revocation]) -> x509.RevokedCertificate:
    serial, revocation = item
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revocation.at)
    if flag := _FLAGS.get(revocation.reason):  # none for "unspecified" (RFC 5280, 5.3.1)
        builder = builder.add_extension(x509.CRLReason(flag), critical=False)
    return builder.build()


def _bounded(data: bytes) -> bytes:
    if len(data) > CRL_MAX_BYTES:
        raise BadMetadata(f"{len(data)} bytes of revocation lists are more than {CRL_MAX_BYTES}", hint=_HINT)
    return data


def _blocks(pem: bytes) -> list[bytes]:
    blocks, end = [], 0
    while match := _BLOCK.match(pem, end):
        blocks.append(match[0])
        end = match.end()
    if end != len(pem) or len(blocks) > CRLS_MAX:
        raise BadMetadata(f"not up to {CRLS_MAX} revocation lists in PEM", hint="write the file anew: pytrust ca crl")
    return blocks


@contextmanager
def _readable() -> Iterator[None]:
    """``cryptography`` reads most parts of a list when they are asked for, and some of its certificate's too."""
    try:
        yield
    except UNREADABLE as error:
        raise BadMetadata("a revocation list cannot be read", hint=_HINT) from error


def _load(data: bytes) -> x509.CertificateRevocationList:
    return (x509.load_pem_x509_crl if data.startswith(b"-----BEGIN") else x509.load_der_x509_crl)(data)


def _names(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key_id = _extension(crl, x509.AuthorityKeyIdentifier).key_identifier
    return crl.issuer == issuer.subject and key_id == key_id_of(issuer)


def _checked(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> RevocationList:
    _check_signature(crl, issuer)
    if crl.next_update_utc is None:
        raise BadMetadata(f"the revocation list of {name_of(issuer)} does not say until when it counts", hint=_HINT)
    number = _extension(crl, x509.CRLNumber).crl_number
    if number.bit_length() > _NUMBER_MAX_BITS:
        raise BadMetadata(f"the number of the revocation list of {name_of(issuer)} is too large", hint=_HINT)
    return RevocationList(
        issuer=crl.issuer,
        issuer_key_id=key_id_of(issuer),
        number=number,
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        revoked={one.serial_number: Revocation(one.revocation_date_utc, _reason(one.extensions)) for one in crl},
    )


def _check_signature(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    signer = cast("CertificateIssuerPublicKeyTypes", issuer.public_key())  # for keys of other kinds it raises TypeError
    modern = isinstance(crl.signature_hash_algorithm, _HASHES)
    if not (modern and crl.is_signature_valid(signer) and _signs_lists(issuer)):
        raise BadSignature(
            f"{name_of(issuer)} did not sign its revocation list, or signed it with an outworn hash",
            hint="do not use it: ask its authority what happened",
        )


def _signs_lists(issuer: x509.Certificate) -> bool:
    """RFC 5280, 6.3.3 (f); a CA without the extension is not bound by it."""
    usage = extension(issuer, x509.KeyUsage)
    return usage is None or usage.crl_sign


def _extension(crl: x509.CertificateRevocationList, form: type[_Extension]) -> _Extension:
    """One extension of a list all of whose critical ones are understood (RFC 5280, 5.2), and that leaves nothing out.

    What limits a list is to be critical, but limits it as well where it is not.
    """
    for one in crl.extensions:
        if (one.critical and not isinstance(one.value, _UNDERSTOOD)) or isinstance(one.value, _LIMITING):
            raise BadMetadata(f"a revocation list leaves things out: see its {one.oid.dotted_string}", hint=_HINT)
    try:
        return crl.extensions.get_extension_for_class(form).value
    except x509.ExtensionNotFound as error:
        raise BadMetadata(f"a revocation list has no {form.oid.dotted_string} (RFC 5280, 5.2)", hint=_HINT) from error


def _reason(extensions: x509.Extensions) -> Reason:
    """Withdrawn is withdrawn: a reason that we do not give ourselves, such as "on hold", changes nothing."""
    reason = Reason.UNSPECIFIED
    for one in extensions:
        if isinstance(one.value, x509.CRLReason):
            reason = _REASONS.get(one.value.reason, Reason.UNSPECIFIED)
        elif one.critical:  # such as certificateIssuer (RFC 5280, 5.3.3)
            raise BadMetadata("a revocation list has an entry of another authority", hint=_HINT)
    return reason
