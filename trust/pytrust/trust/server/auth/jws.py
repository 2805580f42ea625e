"""Signed tokens (RFC 7515, 7519), through joserfc: one algorithm a key, no ``none``, no HMAC, no key out of the token.

RFC 8725 is the list of what went wrong elsewhere. Header and claims are read strictly before anything is believed.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, OKPKey, RSAKey

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import AccessDenied, BadMetadata, UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import AUTHORIZATION_MAX_CHARS

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_DEPTH_MAX: Final = 8  # claims have 4
_ED25519: Final = "Ed25519"
_NAMES: Final = {  # of the algorithm for a kind of key; EdDSA is what RFC 9864 calls Ed25519
    "ecdsa-p256": frozenset({"ES256"}),
    "ecdsa-p384": frozenset({"ES384"}),
    "ed25519": frozenset({"EdDSA", _ED25519}),
}
_RSA_NAMES: Final = frozenset({"RS256"})
_KINDS: Final[dict[str, type[ECKey | OKPKey | RSAKey]]] = {
    "ecdsa-p256": ECKey,
    "ecdsa-p384": ECKey,
    "ed25519": OKPKey,
}


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key, and the names that the algorithm for it may have in a header."""

    id: str
    algorithms: frozenset[str]
    key: ECKey | OKPKey | RSAKey = field(repr=False)

    @classmethod
    def of(cls, key: PublicKeyTypes) -> VerifyKey:
        """From a key of the ``cryptography`` library; ``id`` is its thumbprint (RFC 7638).

        Raises:
            UsageError: of a kind that nothing here verifies.
        """
        public = PublicKey.of(key)
        if public.kind not in _NAMES and not public.kind.startswith("rsa-"):
            raise UsageError("the key is not RSA of 2048 bits or more, P-256, P-384 or Ed25519")
        found = _KINDS.get(public.kind, RSAKey).import_key(public.pem)
        return cls(found.thumbprint(), _NAMES.get(public.kind, _RSA_NAMES), found)


class Signed(NamedTuple):
    """What a token says, after its signature was found good."""

    header: dict[str, Any]
    claims: dict[str, Any]


def verify(token: str, find_key: Callable[[dict[str, Any]], VerifyKey]) -> Signed:
    """Check the signature of a token.

    Args:
        token: in compact form.
        find_key: gives the key that the header names; raises ``AccessDenied`` where none is trusted.

    Raises:
        AccessDenied: it is no token, or its signature is not one of that key.
    """
    if not _TOKEN.fullmatch(token):
        raise AccessDenied("the token is not one")
    first, second, _ = token.split(".")
    header, claims = _object(first, "the header of the token"), _object(second, "the claims of the token")
    if "crit" in header or "b64" in header:
        raise AccessDenied("the header of the token asks for what is not known here")
    key = find_key(header)
    name = header.get("alg")
    if not isinstance(name, str) or name not in key.algorithms:
        raise AccessDenied("the algorithm of the token is not that of its key")
    try:
        jws.deserialize_compact(token, key.key, registry=_REGISTRY)
    except (JoseError, ValueError) as error:
        raise AccessDenied("the signature of the token is not good") from error
    return Signed(header, claims)


def sign(claims: dict[str, Any], key: ECKey, kid: str, typ: str) -> str:
    """A token of ours, with ES256."""
    return jws.serialize_compact({"alg": "ES256", "kid": kid, "typ": typ}, encode_json(claims), key, ["ES256"])


def _object(part: str, what: str) -> dict[str, Any]:
    try:
        found = parse_json(
            urlsafe_b64decode(part + "=" * (-len(part) % 4)),
            what=what,
            max_bytes=AUTHORIZATION_MAX_CHARS,
            max_depth=_DEPTH_MAX,
        )
    except (ValueError, BadMetadata) as error:
        raise AccessDenied(f"{what} cannot be read") from error
    if not isinstance(found, dict):
        raise AccessDenied(f"{what} is not an object")
    return found


class _Registry(jws.JWSRegistry):
    """No other algorithm than ours, and room in the header for certificates."""

    max_header_length = AUTHORIZATION_MAX_CHARS

    def get_alg(self, name: str) -> JWSAlgModel:
        return self.algorithms[_ED25519 if name == "EdDSA" else name]


_REGISTRY: Final = _Registry(strict_check_header=False)
