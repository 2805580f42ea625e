"""A question for a token: the GET of Docker's token specification, or the POST of its OAuth2 specification. Pure.

What has two readings is refused: a field twice (except ``scope`` of a GET), credentials in two places.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from pytrust.trust.errors import AccessDenied, UsageError
from pytrust.trust.limits import TOKEN_FIELDS_MAX, TOKEN_FORM_MAX_BYTES
from pytrust.trust.server.auth.credentials import Bearer, Password, read_authorization
from pytrust.trust.server.auth.scopes import Scope, parse_scopes

_SCOPE: Final = "scope"


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token that nobody looked into yet."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenQuestion:
    """Who asks (None: anonymous), for which service (empty: not said) and scopes, and whether to be remembered."""

    who: Password | Refresh | None
    service: str
    scopes: tuple[Scope, ...]
    offline: bool


def read_get(query: bytes, authorization: str | None) -> TokenQuestion:
    """Read ``GET ?account=..&service=..&scope=..&scope=..`` with or without Basic credentials.

    Raises:
        UsageError: it cannot be read.
        AccessDenied: the header cannot be read, or speaks of another user than ``account``.
    """
    scopes, fields = _fields(query)
    who = None if authorization is None else read_authorization(authorization)
    if isinstance(who, Bearer):
        raise AccessDenied("a token is not given for a token")
    if who and fields.get("account", who.user) != who.user:
        raise AccessDenied("the account is not that of the credentials")
    return TokenQuestion(who, fields.get("service", ""), parse_scopes(scopes), fields.get("offline_token") == "true")


def read_post(body: bytes, authorization: str | None) -> TokenQuestion:
    """Read the form of a POST: a password, or a refresh token.

    Raises:
        UsageError: it cannot be read, or asks for a grant that is not given here.
    """
    if authorization is not None:
        raise UsageError("credentials of a POST stand in its form", hint="leave the Authorization header out")
    scopes, fields = _fields(body)
    if len(scopes) > 1:
        raise UsageError("scope stands twice in the form", hint="write scopes with a space between")
    offline = fields.get("access_type") == "offline"
    return TokenQuestion(_grant(fields), fields.get("service", ""), parse_scopes(scopes), offline)


def _grant(fields: dict[str, str]) -> Password | Refresh:
    match fields.get("grant_type", ""):
        case "password":
            return Password(fields.get("username", ""), fields.get("password", ""))
        case "refresh_token":
            return Refresh(fields.get("refresh_token", ""))
        case other:
            raise UsageError(f"the grant {other[:60]!r} is not given here", hint="password and refresh_token are")


def _fields(data: bytes) -> tuple[list[str], dict[str, str]]:
    """The scopes, and all other fields."""
    if len(data) > TOKEN_FORM_MAX_BYTES:
        raise UsageError(f"the question is larger than {TOKEN_FORM_MAX_BYTES} bytes")
    try:
        pairs = parse_qsl(
            data.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(data),
            errors="strict",
            max_num_fields=TOKEN_FIELDS_MAX,
        )
    except ValueError:
        raise UsageError("the question is not a form", hint="application/x-www-form-urlencoded, UTF-8") from None
    fields = {name: value for name, value in pairs if name != _SCOPE}
    scopes = [value for name, value in pairs if name == _SCOPE]
    if len(fields) + len(scopes) != len(pairs):
        raise UsageError("a field of the question stands twice")
    return scopes, fields
