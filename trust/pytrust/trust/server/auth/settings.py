"""The ``[auth]`` table of the server's settings, read strictly.

[auth]
kind = "htpasswd"                        # none, htpasswd or token
service = "trust.example.com"            # what tokens are good for; known to clients from the challenge
htpasswd = "htpasswd"                    # bcrypt lines: htpasswd -B FILE USER; read again when it changes
key = "token-key.pem"                    # signs tokens; made where it is missing; one for all server processes
realm = "https://trust.example.com/auth/token"   # needed where the Host header is not what clients can reach

[auth]
kind = "token"                           # another service gives the tokens, as for a registry
service = "registry.example.com"
realm = "https://auth.example.com/token"
issuer = "auth.example.com"
certificates = "issuer.pem"              # rootcertbundle of docker's registry; and, or:
jwks = "issuer.json"                     # a JSON Web Key Set

[[auth.permissions]]                     # all that match count; without any, of htpasswd: everybody pulls, users push
match = "registry.example.com/foo/**"    # * one component, ** any rest
users = ["alice", "ci-*"]
actions = ["pull", "push"]               # ["*"] for administrators
[[auth.permissions]]
match = "registry.example.com/open/**"
anonymous = true                         # everybody, logged in or not
actions = ["pull"]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import PERMISSIONS_MAX
from pytrust.trust.server.auth.challenge import own_realm

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Action = Literal["pull", "push", "*"]
_KEY: Final = "token-key.pem"
_HINT: Final = "see docs/serve-auth.md"
_PLAIN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]*")
_URL: Final = re.compile(r"https?://[^/]+(?:/.*)?")
_WORDS: Final = (  # of msgspec, and of ours
    ("Object contains unknown field", "unknown key"),
    ("Object missing required field", "missing key"),
    (" - at `$.", " at `"),
    ("\n", " "),
    ("`", "'"),
)


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Permission(_Table, frozen=True, kw_only=True):
    """``actions`` on the collections that ``match`` fits, for ``users`` (patterns) or, if ``anonymous``, everybody."""

    match: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    actions: Annotated[tuple[_Action, ...], msgspec.Meta(min_length=1)]
    users: tuple[_Text, ...] = ()
    anonymous: bool = False


_Permissions = Annotated[tuple[Permission, ...], msgspec.Meta(max_length=PERMISSIONS_MAX)]


class NoAuth(_Table, frozen=True, kw_only=True, tag_field="kind", tag="none"):
    """Everybody may do everything."""


class HtpasswdAuth(_Table, frozen=True, kw_only=True, tag_field="kind", tag="htpasswd"):
    """Users of a file; ``permissions`` is None where none are written, which is not the same as an empty list."""

    htpasswd: Path
    key: Path
    service: _Text = "pytrust"
    realm: str = ""
    permissions: _Permissions | None = None


class TokenAuth(_Table, frozen=True, kw_only=True, tag_field="kind", tag="token"):
    """Tokens of ``issuer``, who says who may do what; ``permissions`` can only open more to everybody."""

    service: _Text
    realm: _Text
    issuer: _Text
    certificates: Path | None = None
    jwks: Path | None = None
    permissions: _Permissions = ()


AuthSettings = NoAuth | HtpasswdAuth | TokenAuth


def parse_auth(table: Mapping[str, object], folder: Path, what: str) -> AuthSettings:
    """Read the ``[auth]`` table of a TOML document.

    Args:
        table: as ``tomllib`` gives it.
        folder: what relative paths are relative to.
        what: names the document in errors.

    Raises:
        UsageError: an unknown key, a value of the wrong kind, a permission for nobody.
    """

    def path(_: type, value: object) -> Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError("Expected a path")
        return folder / value

    defaults = {"key": _KEY} if table.get("kind") == "htpasswd" else {}
    try:
        found: AuthSettings = msgspec.convert(defaults | dict(table), AuthSettings, dec_hook=path)
    except msgspec.ValidationError as error:
        raise UsageError(f"{what}: auth: {_plain(error)}", hint=_HINT) from error
    _check(found, what)
    return found


def realm_of(settings: AuthSettings, scheme: str, host: str) -> str | None:
    """What a challenge says where to get a token; None where nobody can tell, which is for 400: a bad Host header."""
    match settings:
        case NoAuth():
            return ""
        case TokenAuth():
            return settings.realm
        case HtpasswdAuth():
            return settings.realm or own_realm(scheme, host)


def _check(settings: AuthSettings, what: str) -> None:
    if isinstance(settings, NoAuth):
        return
    _check_text(settings, what)
    if isinstance(settings, TokenAuth) and settings.certificates is None and settings.jwks is None:
        raise UsageError(f"{what}: auth: no key of the issuer is given", hint="set certificates, jwks or both")
    for permission in settings.permissions or ():
        _check_permission(permission, settings, f"{what}: auth: the permission for {permission.match[:100]!r}")


def _check_text(settings: HtpasswdAuth | TokenAuth, what: str) -> None:
    """What stands in a challenge and in tokens as it is."""
    if not _PLAIN.fullmatch(settings.service):
        raise UsageError(f"{what}: auth: service has a space, a quote, or no ASCII", hint="a host name will do")
    if settings.realm and not (_PLAIN.fullmatch(settings.realm) and _URL.fullmatch(settings.realm)):
        raise UsageError(f"{what}: auth: realm is not a URL", hint="https://HOST[:PORT]/PATH, where tokens are given")


def _check_permission(permission: Permission, settings: AuthSettings, what: str) -> None:
    if permission.users and isinstance(settings, TokenAuth):
        raise UsageError(
            f"{what} names users, but the issuer of tokens says who may do what",
            hint="with kind = token, only anonymous = true has a meaning here",
        )
    if bool(permission.users) == permission.anonymous:
        raise UsageError(f"{what} is for nobody, or for users and everybody", hint="give users, or anonymous = true")


def _plain(error: msgspec.ValidationError) -> str:
    reason = str(error)
    for theirs, ours in _WORDS:
        reason = reason.replace(theirs, ours)
    return reason[:1].lower() + reason[1:300]
