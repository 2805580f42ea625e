"""How a login to a registry is kept as a secret, and what docker and its credential helpers say of one. Pure.

Source: docker/docker-credential-helpers, package ``credentials``. A login is kept under a name made from its server's
address, spelled as docker spelled it; address and user are labels too, so that ``list`` reads no secret. An error
never quotes what was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata, Damaged, UsageError
from pytrust.trust.limits import LOGIN_MAX_BYTES, SECRET_LABEL_MAX_CHARS
from pytrust.trust.vault.model import Secret
from pytrust.trust.vault.names import OWN, SecretName

PREFIX: Final = f"{OWN}login/"
"""Begins the name of every login."""

NO_SERVER: Final = "no credentials server URL"
"""These words are docker's: it tells what happened by them."""
NO_USERNAME: Final = "no credentials username"
NOT_FOUND: Final = "credentials not found in native keychain"

_URL: Final = "url"
_USERNAME: Final = "username"
_FIELDS: Final = ("ServerURL", "Username", "Secret")
_SCHEMES: Final = ("https", "http")


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to one server; ``username`` ``<token>`` says that ``secret`` is an identity token."""

    server: str
    username: str
    secret: str = field(repr=False)


def parse_server(data: bytes) -> str:
    """The address that ``get`` and ``erase`` are asked for, as docker spells it.

    Raises:
        UsageError: none, too long, or not one line of printable text.
    """
    return _server(_text(data).strip())


def parse_login(data: bytes) -> Login:
    """What ``store`` is given; raises ``UsageError``."""
    fields = _fields(data, "what is to be stored")
    server, username, secret = (fields.get(name.lower(), "") for name in _FIELDS)
    return Login(_server(server), _username(username), secret)


def encode_login(login: Login) -> bytes:
    """What ``get`` prints."""
    return encode_json(dict(zip(_FIELDS, (login.server, login.username, login.secret), strict=True))) + b"\n"


def secret_name(server: str) -> SecretName:
    """Under what name the login of exactly this address is kept."""
    return SecretName(PREFIX + hashlib.sha256(server.encode()).hexdigest()[:32])


def labels(login: Login) -> dict[str, str]:
    """What may be known of a login without reading it."""
    return {_URL: login.server, _USERNAME: login.username}


def encode_value(login: Login) -> bytes:
    """The value of the secret."""
    return encode_json({_USERNAME: login.username, "secret": login.secret})


def decode_value(data: bytes, server: str) -> Login:
    """Raises ``Damaged`` where it is not what ``encode_value`` writes."""
    try:
        fields = _fields(data, "the login")
        return Login(server, fields[_USERNAME], fields["secret"])
    except (UsageError, KeyError):
        raise Damaged(f"the login of {server} is not what was stored", hint="log in again: docker login") from None


def known(secrets: Iterable[Secret]) -> dict[str, str]:
    """User by address, from secrets whose names begin with ``PREFIX``."""
    found = (dict(secret.terms.labels) for secret in secrets)
    return {label[_URL]: label.get(_USERNAME, "") for label in found if _URL in label}


def find_server(server: str, addresses: Iterable[str]) -> str | None:
    """The address among ``addresses`` that means ``server``: exactly it, or else the only one of the same host.

    docker looks logins up by the bare host and port; others give a scheme and a path. Where both give a scheme, they
    must be the same. A port is never added or left out.
    """
    found = set(addresses)
    if server in found:
        return server
    scheme, host = _split(server)
    fitting = [other for other in found if _fits(scheme, host, *_split(other))]
    return fitting[0] if len(fitting) == 1 else None


def _fits(scheme: str, host: str, other_scheme: str, other_host: str) -> bool:
    return host == other_host and (not scheme or not other_scheme or scheme == other_scheme)


def _split(address: str) -> tuple[str, str]:
    """Scheme, or nothing; and host with port, in small letters."""
    before, mark, after = address.partition("://")
    scheme, rest = (before.lower(), after) if mark and before.lower() in _SCHEMES else ("", address)
    return scheme, rest.partition("/")[0].lower()


def _server(text: str) -> str:
    if not text:
        raise UsageError(NO_SERVER)
    return _printable(text, "the server url")


def _username(text: str) -> str:
    if not text:
        raise UsageError(NO_USERNAME)
    return _printable(text, "the username")


def _printable(text: str, what: str) -> str:
    """Both become labels."""
    if len(text) > SECRET_LABEL_MAX_CHARS or not text.isprintable():
        raise UsageError(f"{what} is longer than {SECRET_LABEL_MAX_CHARS} characters, or not one line of text")
    return text


def _text(data: bytes) -> str:
    if len(data) > LOGIN_MAX_BYTES:
        raise UsageError(f"the server url is longer than {LOGIN_MAX_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UsageError("the server url is not UTF-8") from None


def _fields(data: bytes, what: str) -> dict[str, str]:
    """Its texts, by names in small letters: Go, which docker is written in, tells no capital from a small one."""
    try:
        read = parse_json(data, what=what, max_bytes=LOGIN_MAX_BYTES, max_depth=1)
    except BadMetadata:
        raise UsageError(f"{what} is not JSON of at most {LOGIN_MAX_BYTES} bytes") from None  # the reason may quote it
    pairs: list[tuple[str, Any]] = list(read.items()) if isinstance(read, dict) else [("", None)]
    fields = {key.lower(): value for key, value in pairs}
    if len(fields) < len(pairs) or not all(isinstance(value, str) for value in fields.values()):
        raise UsageError(f"{what} is not a JSON object of texts, each named once")
    return fields
