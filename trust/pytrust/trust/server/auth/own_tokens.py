"""The tokens that we give: made, and known again. Pure.

A refresh token cannot pass for a token (RFC 8725, 3.11: another type, and other claims), nor the other way round. It
holds the mark of the line in the password file, so that it ends when that line changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey

from pytrust.trust.errors import AccessDenied
from pytrust.trust.limits import REFRESH_LIFETIME, TOKEN_LIFETIME
from pytrust.trust.server.auth.claims import Granted, check_claims
from pytrust.trust.server.auth.jws import VerifyKey, sign, verify
from pytrust.trust.server.auth.scopes import Scope

_ISSUER: Final = "pytrust serve"
_TOKEN: Final = "JWT"  # noqa: S105 - a type
_REFRESH: Final = "pytrust-refresh+jwt"
_REFRESH_OF: Final = "refresh tokens of "


class _Line(msgspec.Struct, frozen=True):
    line: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Remembered(NamedTuple):
    """What a refresh token says: who, and the mark of the line in the password file."""

    user: str
    mark: str


class OwnTokens:
    """Tokens for ``service``, signed with ``key``: all servers with that key know them."""

    def __init__(self, key: EllipticCurvePrivateKey, service: str) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._key, self._public = ECKey.import_key(pem), VerifyKey.of(key.public_key())
        self._service = service

    def make(self, user: str, scopes: Sequence[Scope], now: datetime) -> str:
        """A token for what ``scopes`` say."""
        access = [
            {"type": scope.access.kind, "name": scope.access.name, "actions": list(scope.access.actions)}
            | ({"class": scope.type} if scope.type else {})
            for scope in scopes
        ]
        return self._signed(_TOKEN, {"aud": self._service, "sub": user, "access": access}, now, TOKEN_LIFETIME)

    def make_refresh(self, user: str, mark: str, now: datetime) -> str:
        """A token to get tokens with."""
        claims = {"aud": _REFRESH_OF + self._service, "sub": user, "line": mark}
        return self._signed(_REFRESH, claims, now, REFRESH_LIFETIME)

    def read(self, token: str, now: datetime) -> Granted:
        """What a token of ours is good for; raises ``AccessDenied`` where it is not one that is good ``now``."""
        return check_claims(self._claims(token, _TOKEN), _ISSUER, self._service, now)

    def read_refresh(self, token: str, now: datetime) -> Remembered:
        """Whose a refresh token is; raises ``AccessDenied`` where it is not one that is good ``now``.

        Whether that user still has that line is for the caller to see.
        """
        claims = self._claims(token, _REFRESH)
        granted = check_claims(claims, _ISSUER, _REFRESH_OF + self._service, now)
        try:
            line = msgspec.convert(claims, _Line).line
        except msgspec.ValidationError:
            raise AccessDenied("the refresh token names no line of the password file") from None
        return Remembered(granted.user, line)

    def _claims(self, token: str, typ: str) -> dict[str, Any]:
        signed = verify(token, lambda _: self._public)
        if signed.header.get("typ") != typ or signed.header.get("kid") != self._public.id:
            raise AccessDenied("the token is of another type or key")
        return signed.claims

    def _signed(self, typ: str, claims: Mapping[str, object], now: datetime, life: timedelta) -> str:
        issued = int(now.timestamp())
        times = {"iat": issued, "nbf": issued, "exp": issued + int(life.total_seconds())}
        return sign({"iss": _ISSUER} | dict(claims) | times, self._key, self._public.id, typ)
