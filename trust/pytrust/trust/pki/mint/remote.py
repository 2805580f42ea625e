"""A key in an HSM or KMS as a private key of ``cryptography``, so that certificates and lists can be signed with it.

Its builders ask an elliptic curve key for its public half and for ``sign``, nothing else. ECDSA alone: TUF's scheme
for RSA, which these services are driven with, is PSS with a salt of its own, and not every TLS library takes that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurve,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurveSignatureAlgorithm,
)
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from pytrust.trust.errors import ServerError, UsageError

if TYPE_CHECKING:
    from pytrust.trust.keys.signers import Signer

_HINT: Final = "see whether the device or the service is there, and its own log"


def remote_key(signer: Signer, what: str) -> EllipticCurvePrivateKey:
    """The key behind ``signer``; ``what`` names it in errors.

    Raises:
        UsageError: not an ECDSA key.
    """
    public = signer.public.load()
    if isinstance(public, EllipticCurvePublicKey):
        return RemoteKey(signer, public, what)
    raise UsageError(
        f"{what} is {signer.public.kind}, and of keys in an HSM or KMS only ECDSA ones can sign certificates",
        hint="use an ecdsa-p256 or ecdsa-p384 key there, or keep this authority's key on this host",
    )


class RemoteKey(EllipticCurvePrivateKey):
    """Signs elsewhere; what would need the secret itself raises ``UsageError``."""

    def __init__(self, signer: Signer, public: EllipticCurvePublicKey, what: str) -> None:
        self._signer = signer
        self._public = public
        self._what = what

    def sign(self, data: bytes | bytearray | memoryview, signature_algorithm: EllipticCurveSignatureAlgorithm) -> bytes:
        """An ECDSA signature in DER, checked before anybody relies on it.

        Raises:
            UsageError: asked for another hash than the service uses with this curve.
            ServerError: the service fails, or what it gives is no signature by this key over these bytes.
        """
        usual = SHA256() if isinstance(self.curve, SECP256R1) else SHA384()
        if getattr(signature_algorithm.algorithm, "name", "") != usual.name:
            raise UsageError(f"{self._what} signs with {usual.name} alone", hint="ask for that")
        try:
            signature = bytes.fromhex(self._signer.library.sign(bytes(data)).signature)
            self._public.verify(signature, bytes(data), ECDSA(usual))
        except InvalidSignature as error:
            raise ServerError(
                f"what signs for {self._what} gave a signature that is not its own", hint=_HINT
            ) from error
        except Exception as error:  # SDKs raise families of their own; one sentence must leave here
            text = " ".join(str(error).split())[:200]
            raise ServerError(f"{self._what} cannot sign: {text}", hint=_HINT) from error
        return signature

    def public_key(self) -> EllipticCurvePublicKey:
        """The public half."""
        return self._public

    @property
    def curve(self) -> EllipticCurve:
        """P-256 or P-384."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Of the curve, in bits."""
        return self._public.key_size

    def exchange(self, *_: object) -> NoReturn:
        """Not to be had."""
        self._refuse()

    def private_numbers(self) -> NoReturn:
        """Not to be had."""
        self._refuse()

    def private_bytes(self, *_: object) -> NoReturn:
        """Not to be had."""
        self._refuse()

    def __copy__(self) -> RemoteKey:
        return self  # it does not change

    def __deepcopy__(self, memo: object) -> RemoteKey:
        return self

    def _refuse(self) -> NoReturn:
        raise UsageError(f"{self._what} lives in an HSM or KMS", hint="it can sign there, but not leave")
