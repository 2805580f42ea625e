"""Certificate requests (PKCS#10, RFC 2986) from anybody. Pure.

Of a request only the key is taken over, and where the caller asks for them the names, which then have to be allowed by
something other than the request. Whatever else it wishes for (to be an authority, other uses, a subject) is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography import x509

from pytrust.trust.errors import UsageError
from pytrust.trust.pki.foreign import UNREADABLE
from pytrust.trust.pki.mint.profile import CertPublicKey, check_public_key

REQUEST_MAX_BYTES: Final = 64 * 1024  # a hundred long names and an RSA-4096 key take 40 KB
_BLOCK: Final = re.compile(
    rb"\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----\s[A-Za-z0-9+/=\s]+-----END (NEW )?CERTIFICATE REQUEST-----\s*"
)
_HINT: Final = (
    "make one: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=any -keyout key.pem"
)


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request whose sender has shown that it holds the private key of ``public_key``."""

    public_key: CertPublicKey
    _request: x509.CertificateSigningRequest = field(repr=False)

    @classmethod
    def read(cls, pem: bytes) -> Self:
        """Read one PEM block; raises ``UsageError``.

        It has to be signed by its own key, which has to be of a kind that certificates are issued for.
        """
        if len(pem) > REQUEST_MAX_BYTES or not _BLOCK.fullmatch(pem):
            raise UsageError(f"not one certificate request in PEM of up to {REQUEST_MAX_BYTES} bytes", hint=_HINT)
        try:
            return cls._read(x509.load_pem_x509_csr(pem))
        except UNREADABLE as error:
            raise UsageError("the certificate request cannot be read", hint=_HINT) from error

    @classmethod
    def _read(cls, request: x509.CertificateSigningRequest) -> Self:
        key = check_public_key(request.public_key(), "the key in the certificate request")
        if not request.is_signature_valid:
            raise UsageError("the certificate request is not signed by its own key", hint=_HINT)
        return cls(key, request)

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names and addresses that are asked for, as text that ``ServerNames.parse`` has yet to judge.

        Raises:
            UsageError: they cannot be read.
        """
        try:
            wanted = self._request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ()
        except UNREADABLE as error:
            raise UsageError("the names in the certificate request cannot be read", hint=_HINT) from error
        addresses = map(str, wanted.get_values_for_type(x509.IPAddress))
        return (*wanted.get_values_for_type(x509.DNSName), *addresses)
