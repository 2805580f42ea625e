"""The ``Authorization`` header: a password (RFC 7617) or a token (RFC 6750). Pure."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Final

from pytrust.trust.errors import AccessDenied
from pytrust.trust.limits import AUTHORIZATION_MAX_CHARS

_HEADER: Final = re.compile(r"([A-Za-z]+) +([A-Za-z0-9._~+/-]+=*)")
_USER: Final = re.compile(r"[A-Za-z0-9._@+-]{1,128}")


@dataclass(frozen=True, slots=True)
class Password:
    """Who somebody says to be, and the password that goes with it."""

    user: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that nobody looked into yet."""

    token: str = field(repr=False)


def read_authorization(header: str) -> Password | Bearer:
    """Read the header; raises ``AccessDenied`` for what is neither, and for what has two readings."""
    found = _HEADER.fullmatch(header) if len(header) <= AUTHORIZATION_MAX_CHARS else None
    scheme, value = (found[1].lower(), found[2]) if found else ("", "")
    if scheme == "bearer":
        return Bearer(value)
    if scheme == "basic":
        return _password(value)
    raise AccessDenied("the Authorization header is neither Basic nor Bearer, or too long")


def is_user_name(text: str) -> bool:
    """Whether it can be the name of a user: plain ASCII, so that no two look the same."""
    return _USER.fullmatch(text) is not None


def _password(encoded: str) -> Password:
    try:
        user, colon, value = b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except ValueError:
        raise AccessDenied("the Basic credentials are not base64 of UTF-8") from None
    if not colon:
        raise AccessDenied("the Basic credentials have no colon")
    return Password(user, value)
