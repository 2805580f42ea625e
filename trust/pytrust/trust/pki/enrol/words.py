"""What a host and an authority say to each other over HTTPS, in JSON, and how a renewal is proved. Pure.

    GET  /v1/roots           the root bundle, PEM: fetched before anything is trusted, then held against the token
    GET  /v1/bundle/clients  the client CAs, PEM: whose clients engines let in
    GET  /v1/crl             the lists of those, PEM
    GET  /v1/issuers         Issuers: which CAs sign now, so that hosts notice a rotation
    POST /v1/token           AskToken  -> TokenSays      what a token is good for; uses nothing up
    POST /v1/enrol           AskEnrol  -> Answered
    POST /v1/renew           AskRenew  -> Answered
                             anything  -> Refusal        with a status of 400 or more

A renewal is signed with the key of the certificate that it follows. (A TLS client certificate would not do: OpenSSL
takes none that is for servers, pki reference 3.3, and engines renew here too.) What is signed names the new key, so
that a copy of it is of no use to anybody else.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256

from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.pki.names import SERVER_NAMES_MAX

ROOTS: Final = "/v1/roots"
CLIENT_CAS: Final = "/v1/bundle/clients"
ISSUERS: Final = "/v1/issuers"
CRL: Final = "/v1/crl"
TOKEN: Final = "/v1/token"  # noqa: S105 - a path
ENROL: Final = "/v1/enrol"
RENEW: Final = "/v1/renew"

REQUEST_MAX_BYTES: Final = 64 * 1024  # of a body; a chain and a CSR with 100 names have 20 KB
ANSWER_MAX_BYTES: Final = 64 * 1024 * 1024  # a list of 100,000 entries is 5 MB, and there may be some lists
_Secret = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_Name = Annotated[str, msgspec.Meta(max_length=300)]
_Pem = Annotated[str, msgspec.Meta(max_length=32 * 1024)]
_Proof = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{2}){16,1024}\Z")]


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message; what is not in it is not said."""


class AskToken(Words, frozen=True, kw_only=True):
    """What is this token good for?"""

    secret: _Secret


class TokenSays(Words, frozen=True, kw_only=True):
    """``names`` are names or patterns; ``exact`` where they are names, which then need not be asked for."""

    kind: Literal["client", "server"]
    names: list[str]
    exact: bool


class AskEnrol(Words, frozen=True, kw_only=True):
    """A certificate for ``names`` (none: those of the token), and the key in ``csr`` (PEM, PKCS #10)."""

    secret: _Secret
    names: Annotated[list[_Name], msgspec.Meta(max_length=SERVER_NAMES_MAX)]
    csr: _Pem


class AskRenew(Words, frozen=True, kw_only=True):
    """The certificate after ``certificate`` (PEM, leaf first), for the key in ``csr``; ``proof`` in hexadecimal."""

    certificate: _Pem
    csr: _Pem
    proof: _Proof


class Answered(Words, frozen=True, kw_only=True):
    """A certificate, and all that stands in a folder beside the key; PEM.

    ``renew_at``: seconds since 1970, when its holder should come again; ``roots``: to know this authority by then.
    """

    kind: Literal["client", "server"]
    name: str
    certificate: str
    ca: str
    crl: str
    roots: str
    renew_at: int


class Issuers(Words, frozen=True, kw_only=True):
    """What follows a leaf that is signed now: the entity tags of those CA certificates (PEM)."""

    client: str
    server: str


class Refusal(Words, frozen=True, kw_only=True):
    """No, and why; as everywhere: what and why in one line, and what to do."""

    code: str
    message: str
    hint: str = ""


def etag(data: bytes) -> str:
    """What a bundle or list is known by, so that nobody fetches twice what has not changed (RFC 9110, 8.8.3)."""
    return f'"{hashlib.sha256(data).hexdigest()}"'


def prove(key: PrivateKey, csr: str, certificate: str) -> str:
    """Sign for a renewal with the key of the certificate that is to be followed; hexadecimal."""
    said = _said(csr, certificate)
    match key:
        case EllipticCurvePrivateKey():
            return key.sign(said, ECDSA(SHA256())).hex()
        case Ed25519PrivateKey():
            return key.sign(said).hex()
        case RSAPrivateKey():
            return key.sign(said, PKCS1v15(), SHA256()).hex()


def proves(proof: str, key: CertificatePublicKeyTypes, csr: str, certificate: str) -> bool:
    """Whether the holder of ``key`` has asked for this very renewal."""
    signature, said = bytes.fromhex(proof), _said(csr, certificate)
    try:
        match key:
            case EllipticCurvePublicKey():
                key.verify(signature, said, ECDSA(SHA256()))
            case Ed25519PublicKey():
                key.verify(signature, said)
            case RSAPublicKey():
                key.verify(signature, said, PKCS1v15(), SHA256())
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _said(csr: str, certificate: str) -> bytes:
    parts = (hashlib.sha256(text.encode()).digest() for text in (csr, certificate))
    return b"pytrust ca renewal 1\0" + b"".join(parts)
