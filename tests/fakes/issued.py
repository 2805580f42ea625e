"""Records of certificates, as an authority's index has them, without an authority."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.pki.model import Issued, Kind, Serial

NOW: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)


def key() -> EllipticCurvePrivateKey:
    """Any key."""
    return generate_private_key(SECP256R1())


def issued(holder: EllipticCurvePrivateKey, serial: int, kind: Kind = Kind.CLIENT) -> Issued:
    """A certificate of alice's for a key, good from an hour before ``NOW`` to a day after."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alice")])
    begin, end = NOW - timedelta(hours=1), NOW + timedelta(days=1)
    builder = x509.CertificateBuilder().issuer_name(name).subject_name(name).serial_number(serial)
    builder = builder.public_key(holder.public_key()).not_valid_before(begin).not_valid_after(end)
    return Issued(
        serial=Serial(serial),
        kind=kind,
        holder="alice",
        generation=1,
        der=builder.sign(key(), SHA256()).public_bytes(Encoding.DER),
        not_before=begin,
        not_after=end,
        renew_at=NOW,
    )
