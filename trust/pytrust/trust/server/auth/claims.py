"""What a token claims (Docker's token implementation), held against who should have said it to whom and when. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from pytrust.trust.errors import AccessDenied
from pytrust.trust.limits import TOKEN_LEEWAY

_Name = Annotated[str, msgspec.Meta(max_length=255)]
_Second = Annotated[int, msgspec.Meta(ge=0, le=253402300799)]  # the last of the year 9999

Grants = Mapping[tuple[str, str], frozenset[str]]
"""Actions, by kind and name."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """Actions on one thing; Go writes null for no list."""

    type: _Name
    name: _Name
    actions: tuple[_Name, ...] | None


class Claims(msgspec.Struct, frozen=True):
    """The claims that are looked at."""

    iss: str
    aud: str | tuple[str, ...]
    exp: _Second
    nbf: _Second = 0
    sub: _Name = ""
    access: tuple[Entry, ...] | None = None


class Granted(NamedTuple):
    """What a token is good for, and whose it is."""

    user: str
    grants: Grants


def check_claims(claims: dict[str, Any], issuer: str, service: str, now: datetime) -> Granted:
    """Believe a signed token, or not.

    Raises:
        AccessDenied: of another issuer, for another service, not valid now, or malformed.
    """
    try:
        found = msgspec.convert(claims, Claims)
    except msgspec.ValidationError as error:
        raise AccessDenied("the claims of the token are not what they should be") from error
    if found.iss != issuer:
        raise AccessDenied("the token is of another issuer")
    if service not in ((found.aud,) if isinstance(found.aud, str) else found.aud):
        raise AccessDenied("the token is for another service")
    if not _instant(found.nbf) - TOKEN_LEEWAY <= now < _instant(found.exp) + TOKEN_LEEWAY:
        raise AccessDenied("the token is over, or not valid yet")
    if not found.sub.isprintable():
        raise AccessDenied("the token is for somebody without a proper name")
    return Granted(found.sub, _grants(found.access or ()))


def _grants(entries: tuple[Entry, ...]) -> Grants:
    grants: defaultdict[tuple[str, str], frozenset[str]] = defaultdict(frozenset)
    for entry in entries:
        grants[entry.type, entry.name] |= frozenset(entry.actions or ())
    return dict(grants)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
