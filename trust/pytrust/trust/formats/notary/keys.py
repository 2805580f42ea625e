"""Keys as Notary lists them.

A key's id is the sha256 of its canonical JSON, ``"private":null`` included. A key that is carried by a certificate
(``ecdsa-x509``, ``rsa-x509``) has another id than the same key alone, and yet is the same material: whoever counts
signatures counts ``WireKey.material``.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NewType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from pytrust.trust.errors import BadMetadata
from pytrust.trust.formats.notary import canonical
from pytrust.trust.formats.notary.certificates import parse_bundle, write_bundle
from pytrust.trust.keys.notary_id import key_id, key_type, public_bytes
from pytrust.trust.keys.public import PublicKey

WireId = NewType("WireId", str)
"""The id that a Notary file gives a key, lower-case hex."""

ECDSA: Final = "ecdsa"
RSA: Final = "rsa"
ED25519: Final = "ed25519"
X509: Final = "-x509"
_TYPES: Final = frozenset({ECDSA, ECDSA + X509, RSA, RSA + X509, ED25519})
_PEM: Final = b"-----BEGIN"


@dataclass(frozen=True)
class WireKey:
    """A public key in a Notary file: ``public`` is DER, PEM of certificates, or 32 raw bytes, as ``keytype`` says."""

    keytype: str
    public: bytes

    @classmethod
    def read(cls, document: Any) -> WireKey:  # noqa: ANN401 - JSON
        """Read ``{"keytype":..,"keyval":{"private":null,"public":..}}``; raises ``BadMetadata``."""
        try:
            _check_shape(document)
            return cls(document["keytype"], canonical.decode_base64(document["keyval"]["public"]))
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            raise BadMetadata(f"a key cannot be read: {str(error)[:200]}") from error

    @classmethod
    def plain(cls, key: PublicKey) -> WireKey:
        """``key`` without a certificate."""
        return cls(key_type(key), public_bytes(key))

    @classmethod
    def carried(cls, certificate: bytes) -> WireKey:
        """The key of a PEM certificate (with intermediates after it, if any); raises ``BadMetadata``."""
        rsa = isinstance(parse_bundle(certificate)[0].public_key(), RSAPublicKey)
        return cls((RSA if rsa else ECDSA) + X509, certificate)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        public = base64.b64encode(self.public).decode()
        return {"keytype": self.keytype, "keyval": {"private": None, "public": public}}

    @property
    def is_carried(self) -> bool:
        """Whether a certificate carries the key."""
        return self.keytype.endswith(X509)

    @cached_property
    def id(self) -> WireId:
        """See the module."""
        return WireId(key_id(self.keytype, self.public))

    @cached_property
    def material(self) -> PublicKey:
        """The key itself; raises ``BadMetadata`` where it cannot be read, or is not of the type that it says."""
        try:
            loaded = self._load()
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadMetadata(f"a key of type {self.keytype} cannot be read") from error
        expected: dict[str, type[PublicKeyTypes]] = {
            ECDSA: EllipticCurvePublicKey,
            RSA: RSAPublicKey,
            ED25519: Ed25519PublicKey,
        }
        if not isinstance(loaded, expected[self.keytype.removesuffix(X509)]):
            raise BadMetadata(f"a key that says {self.keytype} is of another type")
        return PublicKey.of(loaded)

    def _load(self) -> PublicKeyTypes:
        if self.is_carried:
            certificates = parse_bundle(self.public)
            if write_bundle(certificates) != self.public:
                raise BadMetadata("a certificate is not written as Go writes it, so that its key id has two readings")
            return certificates[0].public_key()
        if self.keytype == ED25519:
            return Ed25519PublicKey.from_public_bytes(self.public)
        if self.keytype == RSA and self.public.startswith(_PEM):  # what python-tuf's ancestors wrote
            return serialization.load_pem_public_key(self.public)
        return serialization.load_der_public_key(self.public)


def _check_shape(document: Any) -> None:  # noqa: ANN401 - JSON
    if document.keys() != {"keytype", "keyval"} or document["keyval"].keys() != {"private", "public"}:
        raise ValueError("its fields are not those of a key")
    if document["keyval"]["private"] is not None:
        raise ValueError("it holds a private key")
    if document["keytype"] not in _TYPES:
        raise ValueError(f"its type is {str(document['keytype'])[:40]!r}")
