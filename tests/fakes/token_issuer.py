"""A token service of somebody else: it signs what it is told to, by hand, so that nothing is shared with what reads it."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

ISSUER = "auth.example.com"
SERVICE = "registry.example.com"
NAME = "registry.example.com/foo/web"
KID = "the key of today"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def b64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    return b64url(value.to_bytes(size or (value.bit_length() + 7) // 8))


def signature(key: Key, data: bytes) -> bytes:
    """As RFC 7518 and RFC 8037 have it, by the kind of the key."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    size = (key.curve.key_size + 7) // 8
    digest = hashes.SHA256() if size == 32 else hashes.SHA384()
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    return r.to_bytes(size) + s.to_bytes(size)


def algorithm(key: Key) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256"
    return "ES256" if key.curve.key_size == 256 else "ES384"


def jwk(key: Key) -> dict[str, str]:
    """The public key as RFC 7517 and RFC 8037 write it."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": b64url(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
        }
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    point, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
    return {"kty": "EC", "crv": f"P-{key.curve.key_size}", "x": number(point.x, size), "y": number(point.y, size)}


def x5c(*certificates: x509.Certificate) -> list[str]:
    return [b64encode(one.public_bytes(Encoding.DER)).decode() for one in certificates]


def libtrust_id(key: Key) -> str:
    """What registry 2 calls a key: base32 of 30 bytes of a hash, twelve groups."""
    from base64 import b32encode

    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = b32encode(hashlib.sha256(spki).digest()[:30]).decode()
    return ":".join(text[at : at + 4] for at in range(0, 48, 4))


def thumbprint(key: Key) -> str:
    """RFC 7638."""
    return b64url(hashlib.sha256(json.dumps(jwk(key), sort_keys=True, separators=(",", ":")).encode()).digest())


def claims(**changes: object) -> dict[str, object]:
    """Of a good token, and what is changed; None leaves a claim out."""
    start = int(NOW.timestamp())
    access = [{"type": "repository", "name": NAME, "actions": ["push", "pull"]}]
    good = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": SERVICE,
        "iat": start,
        "nbf": start,
        "exp": start + 300,
        "access": access,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def seconds(**ago: float) -> int:
    return int((NOW + timedelta(**ago)).timestamp())


@dataclass
class TokenIssuer:
    """Signs tokens with ``key``."""

    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def token(
        self, header: Mapping[str, object] | None = None, said: Mapping[str, object] | bytes | None = None
    ) -> str:
        """A token; ``header`` and ``said`` (claims, or the bytes in their place) change what a good one has."""
        full = {"typ": "JWT", "alg": algorithm(self.key), "kid": KID} | dict(header or {})
        payload = said if isinstance(said, bytes) else json.dumps(claims() if said is None else said).encode()
        return self.raw(json.dumps({k: v for k, v in full.items() if v is not None}).encode(), payload)

    def raw(self, header: bytes, payload: bytes) -> str:
        """A token of any header and payload, with a good signature."""
        data = f"{b64url(header)}.{b64url(payload)}"
        return f"{data}.{b64url(signature(self.key, data.encode()))}"

    def key_set(self, kid: str = KID, **more: object) -> bytes:
        """Its key, as a JSON Web Key Set."""
        return json.dumps({"keys": [jwk(self.key) | {"kid": kid} | more]}).encode()


def unsigned(said: Mapping[str, object]) -> str:
    """``alg: none``."""
    header = json.dumps({"typ": "JWT", "alg": "none", "kid": KID}).encode()
    return f"{b64url(header)}.{b64url(json.dumps(said).encode())}."


def with_secret(secret: bytes, said: Mapping[str, object]) -> str:
    """``alg: HS256``, with bytes that everybody knows for a secret."""
    header = json.dumps({"typ": "JWT", "alg": "HS256", "kid": KID}).encode()
    data = f"{b64url(header)}.{b64url(json.dumps(said).encode())}"
    return f"{data}.{b64url(hmac.digest(secret, data.encode(), 'sha256'))}"
