"""Who may have which certificate: what a token grants, and the answer to those who ask with it. Pure.

A token is for one kind of certificate and for certain names. Of a CSR nothing but the key is ever looked at; the names
are asked for beside it, and have to be allowed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Self, TypeVar

from pytrust.trust.errors import InvalidName, UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import KeyId
from pytrust.trust.pins import matches
from pytrust.trust.pki.model import LEAF_LIFETIME_MAX, LEAF_LIFETIME_MIN, Issued, Kind, LeafKind
from pytrust.trust.pki.names import (
    SERVER_NAMES_MAX,
    ClientName,
    DnsName,
    ServerNames,
    parse_client_name,
    parse_dns_name,
    parse_server_name,
)

USES_MAX: Final = 1000  # of one token; a bigger fleet takes a second one
TOKEN_LIFETIME: Final = timedelta(hours=1)
TOKEN_LIFETIME_MAX: Final = timedelta(days=7)  # a token that lies around longer has been read by somebody else
_Amount = TypeVar("_Amount", int, timedelta)
_NEW_TOKEN: Final = "ask for a new one: pytrust ca token"  # noqa: S105 - a hint
_AGAIN: Final = "enrol again, with a new token: pytrust ca token"
_CLIENT_PATTERN: Final = re.compile(r"[A-Za-z0-9*][A-Za-z0-9._@+*-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token is good for.

    ``allowed``: names, or patterns, in which ``*`` stands for any characters of a client's name, for a part of one
    label of a DNS name, and ``10.0.0.0/24`` for an address in it; ``lifetime``: of the certificates, None for the
    usual.
    """

    kind: LeafKind
    allowed: tuple[str, ...]
    uses: int
    expires: datetime
    lifetime: timedelta | None = None

    @classmethod
    def make(  # noqa: PLR0913
        cls,
        kind: LeafKind,
        allowed: Sequence[str],
        *,
        now: datetime,
        uses: int = 1,
        good_for: timedelta = TOKEN_LIFETIME,
        lifetime: timedelta | None = None,
    ) -> Self:
        """Check what somebody wants to grant; raises ``UsageError`` (``InvalidName``) for what has no meaning."""
        _within("the number of uses", uses, 1, USES_MAX)
        _within("the life of a token", good_for, timedelta(minutes=1), TOKEN_LIFETIME_MAX)
        if lifetime is not None:
            _within("the life of a certificate", lifetime, LEAF_LIFETIME_MIN, LEAF_LIFETIME_MAX)
        names = parse_allowed(kind, allowed)
        if uses > 1 and not any(map(_is_pattern, names)):
            raise UsageError("a name belongs to one holder, so a token for names is used once", hint="give a pattern")
        expires = (now + good_for).replace(microsecond=0)
        return cls(kind=kind, allowed=names, uses=uses, expires=expires, lifetime=lifetime)

    @property
    def exact(self) -> tuple[str, ...]:
        """The names of a token without patterns: its holder need not say them again. Else empty."""
        return () if any(map(_is_pattern, self.allowed)) else self.allowed

    def allows(self, name: str) -> bool:
        """Whether one name, in its canonical spelling, may be asked for."""
        fits = _client_fits if self.kind is Kind.CLIENT else _server_fits
        return any(fits(pattern, name) for pattern in self.allowed)


@dataclass(frozen=True, slots=True)
class ForClient:
    """Sign for this client."""

    name: ClientName


@dataclass(frozen=True, slots=True)
class ForServer:
    """Sign for a server with these names."""

    names: ServerNames


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The answer is no; ``code`` is stable, ``text`` and ``hint`` are for people and show nothing of a token."""

    code: str
    text: str
    hint: str


Decision = ForClient | ForServer | Denied


def parse_allowed(kind: LeafKind, texts: Sequence[str]) -> tuple[str, ...]:
    """Read names and patterns, canonical and each once; raises ``InvalidName`` for one that is neither, or for none."""
    if not 1 <= len(texts) <= SERVER_NAMES_MAX:
        raise InvalidName(f"a token needs 1 to {SERVER_NAMES_MAX} names", hint="pytrust ca token --help")
    if kind is Kind.CLIENT and len(texts) > 1:
        raise InvalidName("a client has one name", hint="give a pattern such as ci-*, or make several tokens")
    parse = _client_allowed if kind is Kind.CLIENT else _server_allowed
    return tuple(dict.fromkeys(map(parse, texts)))


def refuse_token(grant: Grant | None, now: datetime) -> Denied | None:
    """Why a token is good for nothing; None where it is good. ``grant``: None where nothing is known of the token."""
    if grant is None:
        return Denied(code="unknown-token", text="no such enrolment token", hint=_NEW_TOKEN)
    if now >= grant.expires:
        return Denied(code="expired-token", text="the enrolment token's time is over", hint=_NEW_TOKEN)
    return None


def decide(grant: Grant, names: Sequence[str]) -> Decision:
    """May whoever holds a good token have a certificate for ``names``, as somebody wrote them?

    No names means those that the token names.
    """
    try:
        return _decide(grant, names or grant.exact)
    except InvalidName as error:
        return Denied(code="invalid-name", text=str(error), hint=error.hint)


def refuse_renewal(issued: Issued | None, follower: Issued | None, key: KeyId, now: datetime) -> Denied | None:
    """Why whoever proved to hold the key of ``issued`` may not have the next certificate; None where they may.

    Args:
        issued: what the authority knows of the certificate that was shown; None where it never issued it.
        follower: the certificate that ``issued`` was renewed to already, if it was.
        key: the new key. The follower's own, asked for again, is a lost answer; another is a stolen key's.
        now: the time.
    """
    if issued is None or issued.kind not in {Kind.SERVER, Kind.CLIENT}:
        return Denied(code="unknown-certificate", text="this authority did not issue that certificate", hint=_AGAIN)
    who = f"the certificate of {issued.holder}"
    if issued.revoked is not None or (follower is not None and follower.revoked is not None):
        return Denied(code="revoked", text=f"{who} is revoked", hint=_AGAIN)
    if not issued.live(now):
        return Denied(code="expired", text=f"{who} does not count at this time", hint=_AGAIN)
    if follower is not None and key_of(follower) != key:
        hint = f"if that was not this host, its key was stolen: pytrust ca revoke {issued.holder}"
        return Denied(code="renewed-before", text=f"{who} was renewed already, for another key", hint=hint)
    if key_of(issued) == key:
        return Denied(code="same-key", text=f"{who} is renewed for a new key only", hint="make a new key")
    return None


def key_of(issued: Issued) -> KeyId:
    """The key that a certificate is for."""
    return PublicKey.of(issued.certificate.public_key()).id


def _decide(grant: Grant, names: Sequence[str]) -> Decision:
    if not names:
        return Denied(
            code="no-name",
            text=f"the token allows {', '.join(grant.allowed)}, and no name was asked for",
            hint="name one: pytrust ca request ADDR NAME",
        )
    wanted = ServerNames.parse(list(names)) if grant.kind is Kind.SERVER else _client(names)
    spelled = [str(name) for name in wanted.names] if isinstance(wanted, ServerNames) else [wanted]
    if refused := [name for name in spelled if not grant.allows(name)]:
        return Denied(
            code="name-not-allowed",
            text=f"the token does not allow {', '.join(refused[:3])}, only {', '.join(grant.allowed)}",
            hint="ask for an allowed name, or for another token",
        )
    return ForServer(wanted) if isinstance(wanted, ServerNames) else ForClient(wanted)


def _client(names: Sequence[str]) -> ClientName:
    different = dict.fromkeys(names)
    if len(different) != 1:
        raise InvalidName(f"{len(different)} names for one client", hint="ask for one")
    return parse_client_name(names[0])


def _is_pattern(allowed: str) -> bool:
    return "*" in allowed or "/" in allowed


def _client_allowed(text: str) -> str:
    if "*" not in text:
        return parse_client_name(text)
    if not _CLIENT_PATTERN.fullmatch(text) or "**" in text:
        raise InvalidName(f"{text[:80]!r} is not a pattern for client names", hint="such as ci-* or *@build")
    return text


def _server_allowed(text: str) -> str:
    if "/" in text:
        return str(_network(text))
    if "*" not in text:
        return str(parse_server_name(text))
    if "**" in text:
        raise InvalidName(f"{text[:80]!r} is not a pattern for server names", hint="* stands within one label")
    parse_dns_name(text.replace("*", "x"))
    return text.lower().removesuffix(".")


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise InvalidName(f"{text[:80]!r} is not a network: {error}", hint="such as 10.0.0.0/24") from error


def _client_fits(pattern: str, name: str) -> bool:
    return matches(pattern, name)


def _server_fits(pattern: str, name: str) -> bool:
    """Wildcard certificates are for those who hold the authority: ``*`` in a pattern is none in a name."""
    wanted = parse_server_name(name)
    if "/" in pattern:
        return not isinstance(wanted, str) and wanted in ip_network(pattern)
    if not isinstance(wanted, str) or "*" not in pattern:
        return pattern == name
    return not wanted.startswith("*") and _labels_fit(pattern, wanted)


def _labels_fit(pattern: str, name: DnsName) -> bool:
    """``*`` in a pattern of image names stands within one component; labels are such components."""
    return matches(pattern.replace(".", "/"), name.replace(".", "/"))


def _within(what: str, value: _Amount, least: _Amount, most: _Amount) -> None:
    if not least <= value <= most:
        raise UsageError(f"{what} is between {least} and {most}, not {value}", hint="pytrust ca token --help")
