"""The token service (distribution specification, "token" and "oauth2" documents): request and reply, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import BadContent, BadMetadata
from pytrust.trust.limits import TOKEN_MAX_BYTES

TOKEN_LIFE: Final = 60  # seconds a token lives if the service does not say, or says less: as docker counts
CLIENT_ID: Final = "pytrust"

# What may stand in an Authorization header; checked, since http.client would put what it refuses into its error.
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and how long it may be used, in seconds."""

    value: str = field(repr=False)
    seconds: int


def repository_scope(repository: str, actions: str) -> str:
    """The scope to ask for: ours, never the one a challenge names, so that no registry widens it."""
    return f"repository:{repository}:{actions}"


def token_query(service: str, scope: str) -> str:
    """The query of a GET for a token."""
    return urlencode({"service": service, "scope": scope} if service else {"scope": scope})


def refresh_form(service: str, scope: str, identity_token: str) -> bytes:
    """The body of a POST that turns an identity token into a token."""
    fields = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "service": service, "scope": scope}
    return urlencode({**fields, "refresh_token": identity_token}).encode()


def parse_token(body: bytes) -> Token:
    """Read the reply of a token service.

    Raises:
        BadContent: not the JSON object it should be, or a token that no header can carry.
    """
    try:
        reply = parse_json(body, what="the token reply", max_bytes=TOKEN_MAX_BYTES)
    except BadMetadata as error:
        raise BadContent(str(error)) from error
    if not isinstance(reply, dict):
        raise BadContent("the token reply is not a JSON object")
    value = reply.get("token") or reply.get("access_token")
    if not isinstance(value, str) or not is_header_safe(value):
        raise BadContent("the token reply holds no usable token")
    seconds = reply.get("expires_in")
    return Token(value, max(seconds, TOKEN_LIFE) if isinstance(seconds, int) else TOKEN_LIFE)


def is_header_safe(value: str) -> bool:
    """Whether ``value`` can stand in a header as it is."""
    return _HEADER_SAFE.fullmatch(value) is not None
